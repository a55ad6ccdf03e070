package watchroot

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

// setBack is what time.Now returns at the moment t after the clock has been set back: the wall time
// is earlier, the monotonic time goes on.
func setBack(t time.Time, hours uint64) time.Time {
	*(*uint64)(unsafe.Pointer(&t)) -= hours * 3600 << 30 // the seconds are stored above 30 bits of nanoseconds
	return t
}

func TestOnFiles(t *testing.T) {
	then := time.Now()
	for _, c := range []struct {
		name string
		now  time.Time
		want time.Duration // how long after then
	}{
		{"steady", then.Add(time.Minute), 0},
		{"set back", setBack(then.Add(time.Minute), 1), -time.Hour},
		{"set ahead", then.Add(time.Minute).Round(0).Add(time.Hour), 0},
	} {
		if got := OnFiles(then, c.now); got.Round(0).Sub(then.Round(0)) != c.want {
			t.Errorf("%s: %v after, want %v", c.name, got.Round(0).Sub(then.Round(0)), c.want)
		}
	}
}

// TestLastGood: the last good time is counted in ticks, not in time that has passed, because a
// program that was stopped had no ticks meanwhile.
func TestLastGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticks := NewTicks()
		began := time.Now()
		ctx, end := context.WithCancel(t.Context())
		var runs sync.WaitGroup
		runs.Go(func() { _ = ticks.Run(ctx) })
		time.Sleep(tickCount*tickEvery + tickEvery/2)
		if got := ticks.LastGood().Sub(began); got != tickEvery {
			t.Errorf("%v after the start, want that of the first tick", got)
		}
		end()
		runs.Wait()
		stopped := time.Now()
		time.Sleep(time.Hour)
		if got := ticks.LastGood(); got.After(stopped) {
			t.Errorf("%v after the program was stopped", got.Sub(stopped))
		}
	})
}
