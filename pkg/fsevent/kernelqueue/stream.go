package kernelqueue

import "time"

const (
	// streamReads is how many reads in a row, none later than streamGap and the pause
	// after the one before it, make a stream.
	streamReads = 32
	streamGap   = time.Millisecond
)

// Short is for how long the events of a stream are left to gather: inotify's queue
// takes 16,384 by default, some ten times what it gets meanwhile.
const Short = time.Millisecond

// stream tells when events come in so fast that being woken for each of them
// would cost more than handling it: a tree that is being written makes three
// events for each file. Then they are read once in a pause.
type stream struct {
	pause time.Duration
	reads int
	last  time.Time
}

func (s *stream) on() bool { return s.reads >= streamReads }

// read notes a turn of the reader; some says that it has found events.
func (s *stream) read(some bool, now time.Time) {
	switch {
	case !some:
		s.reads = 0
	case now.Sub(s.last) > streamGap+s.pause:
		s.reads, s.last = 1, now
	default:
		s.reads, s.last = s.reads+1, now
	}
}
