package watchroot

import (
	"context"
	"sync"
	"time"
)

// Ticks remembers when this program was seen running. After an overflow the
// lost events may be as old as the kernel's queue was long unread: a program
// that was stopped (SIGSTOP, a frozen virtual machine) has no tick of that
// time, so counting ticks, not seconds, leads back to before it.
type Ticks struct {
	mu   sync.Mutex
	ring [tickCount]time.Time
	next int
}

const (
	tickEvery = time.Second
	tickCount = 30
)

// NewTicks begins at this moment; Run goes on.
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

// OnFiles is the earliest time that a file can carry which changed after then:
// where the clock has been set back since, that is earlier than then was.
func OnFiles(then, now time.Time) time.Time {
	elapsed := now.Sub(then) // by the monotonic clock
	if byFiles := now.Round(0).Add(-elapsed); byFiles.Before(then.Round(0)) {
		return byFiles
	}
	return then
}
