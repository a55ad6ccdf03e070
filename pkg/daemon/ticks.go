package daemon

import (
	"context"
	"sync"
	"time"
)

// ticks remembers when this program was seen running. After an overflow the
// lost events may be as old as the kernel's queue was long unread: a program
// that was stopped (SIGSTOP, a frozen virtual machine) has no tick of that
// time, so counting ticks, not seconds, leads back to before it.
type ticks struct {
	mu   sync.Mutex
	ring [tickCount]time.Time
	next int
}

const (
	tickEvery = time.Second
	tickCount = 30
)

func newTicks() *ticks {
	t := &ticks{}
	now := time.Now()
	for i := range t.ring {
		t.ring[i] = now
	}
	return t
}

func (t *ticks) run(ctx context.Context) error {
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

// lastGood is a time at which every change had certainly been read.
func (t *ticks) lastGood() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return onFiles(t.ring[t.next], time.Now())
}

// onFiles is the earliest time that a file can carry which changed after then:
// where the clock has been set back since, that is earlier than then was.
func onFiles(then, now time.Time) time.Time {
	elapsed := now.Sub(then) // by the monotonic clock
	if byFiles := now.Round(0).Add(-elapsed); byFiles.Before(then.Round(0)) {
		return byFiles
	}
	return then
}
