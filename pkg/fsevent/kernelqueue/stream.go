package kernelqueue

import "time"

const (
	// streamReads is how many reads in a row, none later than streamGap after the one before it,
	// make a stream.
	streamReads = 32
	streamGap   = time.Millisecond
	// streamLull is for how long nothing comes when a stream has ended. Who writes many files pauses
	// in between, and the first reads after the end are one for each event again.
	streamLull = 20 * time.Millisecond
)

// Short is how long the events of a stream gather between two reads. inotify's queue holds 16,384
// events by default, about ten times what comes in that time.
const Short = time.Millisecond

// stream tells when events come in so fast that waking up for each of them would cost more than
// handling it: while a tree is being written each file makes three events. Then they are read at
// intervals.
type stream struct {
	pause time.Duration
	reads int
	last  time.Time
}

func (s *stream) on() bool { return s.reads >= streamReads }

// read notes a turn of the reader; some says that it has found events.
func (s *stream) read(some bool, now time.Time) {
	gap := now.Sub(s.last)
	switch {
	case s.on() && gap <= streamLull:
		if some {
			s.last = now
		}
	case !some:
		s.reads = 0
	case gap > streamGap:
		s.reads, s.last = 1, now
	default:
		s.reads, s.last = s.reads+1, now
	}
}
