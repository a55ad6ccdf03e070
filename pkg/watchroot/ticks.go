package watchroot

import (
	"context"
	"sync"
	"time"
)

// Ticks remembers when this program was seen running. After an overflow the lost events may date
// from any time since the kernel's queue was last read. A program that was stopped (SIGSTOP, a
// frozen virtual machine) has no ticks of that time, so counting back ticks, and not seconds, leads
// to a time before it.
type Ticks struct {
	mu   sync.Mutex
	ring [tickCount]time.Time
	next int
}

const (
	tickEvery = time.Second
	tickCount = 30
)

// NewTicks records the first tick now; Run records further ones.
func NewTicks() *Ticks {
	t := &Ticks{}
	now := time.Now()
	for i := range t.ring {
		t.ring[i] = now
	}
	return t
}

// Run takes the time every second until ctx ends.
func (t *Ticks) Run(ctx context.Context) error {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			t.mu.Lock()
			t.ring[t.next] = now
			t.next = (t.next + 1) % tickCount
			t.mu.Unlock()
		}
	}
}

// LastGood is a time at which every change had certainly been read.
func (t *Ticks) LastGood() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return OnFiles(t.ring[t.next], time.Now())
}

// OnFiles is the earliest time that a file can have which changed after then: if the clock was set
// back since, that is earlier than then.
func OnFiles(then, now time.Time) time.Time {
	elapsed := now.Sub(then) // by the monotonic clock
	if byFiles := now.Round(0).Add(-elapsed); byFiles.Before(then.Round(0)) {
		return byFiles
	}
	return then
}
