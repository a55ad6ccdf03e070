package status

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"sync"
	"time"
)

// Past is a stretch of time in equal steps, oldest first; the last step is the
// running one and ends at End.
type Past struct {
	Span     Seconds   `json:"span_seconds"`
	End      time.Time `json:"end"`
	Files    []int64   `json:"files"`
	Bytes    []int64   `json:"bytes"`
	Failures []int64   `json:"failures"`
	// LagMS is the longest that a change had waited, in the step: -1 where nothing
	// was looked at, because the program did not run.
	LagMS []int64 `json:"lag_ms"`
}

// The steps of a Chronicle: an hour in minutes, a day in ten minutes.
const (
	HourSpan  = time.Minute
	HourSteps = 60
	DaySpan   = 10 * time.Minute
	DaySteps  = 144
)

// Chronicle counts what a lane did over the last hour and the last day. Its size is fixed, and it
// survives restarts: see AppendBinary. The zero value is empty. It is safe for concurrent use.
type Chronicle struct {
	mu      sync.Mutex
	hour    [HourSteps]step
	day     [DaySteps]step
	changed bool // something other than silence was recorded since the last AppendBinary
}

// step is one span of time.
type step struct {
	number   int64 // time since the epoch in spans; another one's step is stale
	files    int64
	bytes    int64
	failures int64
	lagMS    int64
}

// stepWords is how many numbers a step has.
const stepWords = 5

// ChronicleBytes is the size of what AppendBinary writes.
const ChronicleBytes = 8*(HourSteps+DaySteps)*stepWords + crc32.Size

func at(steps []step, span time.Duration, now time.Time) *step {
	number := now.UnixNano() / int64(span)
	s := &steps[number%int64(len(steps))]
	if s.number != number {
		*s = step{number: number}
	}
	return s
}

// record calls f to change the running steps.
func (c *Chronicle) record(now time.Time, f func(*step)) {
	if now.UnixNano() < 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f(at(c.hour[:], HourSpan, now))
	day := at(c.day[:], DaySpan, now)
	before := *day
	f(day)
	c.changed = c.changed || *day != before
}

// Sent records files that arrived on the remote, with their content bytes.
func (c *Chronicle) Sent(now time.Time, files int, bytes int64, lag time.Duration) {
	c.record(now, func(s *step) {
		s.files += int64(files)
		s.bytes += bytes
		s.lagMS = max(s.lagMS, lag.Milliseconds())
	})
}

// Failed records a failure.
func (c *Chronicle) Failed(now time.Time) { c.record(now, func(s *step) { s.failures++ }) }

// Lag records how long the oldest change has been waiting at now.
func (c *Chronicle) Lag(now time.Time, lag time.Duration) {
	c.record(now, func(s *step) { s.lagMS = max(s.lagMS, lag.Milliseconds()) })
}

// Read is the last hour and the last day up to now.
func (c *Chronicle) Read(now time.Time) (hour, day Past) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return past(c.hour[:], HourSpan, now), past(c.day[:], DaySpan, now)
}

func past(steps []step, span time.Duration, now time.Time) Past {
	n := len(steps)
	last := now.UnixNano() / int64(span)
	p := Past{
		Span: Seconds(span), End: time.Unix(0, (last+1)*int64(span)).In(now.Location()),
		Files: make([]int64, n), Bytes: make([]int64, n), Failures: make([]int64, n), LagMS: make([]int64, n),
	}
	for i := range n {
		number := last - int64(n) + 1 + int64(i)
		s := &steps[(number%int64(n)+int64(n))%int64(n)]
		if s.number != number || number == 0 {
			p.LagMS[i] = -1
			continue
		}
		p.Files[i], p.Bytes[i], p.Failures[i], p.LagMS[i] = s.files, s.bytes, s.failures, s.lagMS
	}
	return p
}

// Changed tells whether anything but silence was recorded since the last
// AppendBinary.
func (c *Chronicle) Changed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// AppendBinary appends ChronicleBytes that ReadBinary reads.
func (c *Chronicle) AppendBinary(b []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed = false
	start := len(b)
	c.eachLocked(func(n *int64) { b = binary.LittleEndian.AppendUint64(b, uint64(*n)) })
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start:])), nil
}

// errChronicle says that bytes are none of AppendBinary.
var errChronicle = errors.New("damaged")

// UnmarshalBinary takes over what AppendBinary wrote, in place of all that was
// recorded. After an error nothing was.
func (c *Chronicle) UnmarshalBinary(b []byte) error {
	if len(b) != ChronicleBytes || binary.LittleEndian.Uint32(b[len(b)-crc32.Size:]) != crc32.ChecksumIEEE(b[:len(b)-crc32.Size]) {
		return errChronicle
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.eachLocked(func(n *int64) {
		*n = int64(binary.LittleEndian.Uint64(b))
		b = b[8:]
	})
	return nil
}

func (c *Chronicle) eachLocked(f func(*int64)) {
	for _, steps := range [][]step{c.hour[:], c.day[:]} {
		for i := range steps {
			s := &steps[i]
			for _, n := range []*int64{&s.number, &s.files, &s.bytes, &s.failures, &s.lagMS} {
				f(n)
			}
		}
	}
}
