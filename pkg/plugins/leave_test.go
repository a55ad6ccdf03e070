package plugins_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/sersync/sersync/pkg/plugins"
)

// TestLeave: a runner that was told to leave hands over everything it had to the next one: events
// that were pending, in flight, or added afterwards.
func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hanging := &fake{deliver: func(ctx context.Context, _ []plugins.Event) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}}
		old := plugins.NewRunner(hanging, plugins.RunnerConfig{}, nil)
		stop := run(t, old)
		for i, path := range []string{"a", "b", "c"} {
			old.Add(ev(path, uint64(i+1)))
		}
		synctest.Wait()
		old.Add(ev("a", 4)) // while a is in flight
		old.Leave()
		stop()
		old.Add(ev("d", 5))

		good := &fake{limits: plugins.Limits{Batch: 10}}
		next := plugins.NewRunner(good, plugins.RunnerConfig{}, nil)
		next.Add(ev("b", 9)) // a newer state than the one that the old runner has
		for _, e := range old.Take() {
			next.Add(e)
		}
		if st := old.Stats(); st.Dropped != 0 || st.Pending != 0 {
			t.Errorf("%+v", st)
		}
		old.Add(ev("late", 10))
		if st := old.Stats(); st.Dropped != 1 {
			t.Errorf("after Take nothing is taken any more: %+v", st)
		}
		stop = run(t, next)
		synctest.Wait()
		stop()
		if got, want := good.paths(), "b9 a4 c3 d5"; got != want {
			t.Errorf("the next one delivers %q, want %q", got, want)
		}
	})
}

// TestOlderStateLosesAgainstNewer: the newest state of a path is delivered, in whichever order the
// states come.
func TestOlderStateLosesAgainstNewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		release := make(chan struct{})
		f.deliver = func(_ context.Context, batch []plugins.Event) (int, error) {
			if batch[0].Path == "x" {
				<-release
			}
			return len(batch), nil
		}
		r := plugins.NewRunner(f, plugins.RunnerConfig{}, nil)
		r.Add(ev("x", 2))
		r.Add(ev("y", 7))
		r.Add(ev("y", 6))
		stop := run(t, r)
		synctest.Wait() // now x is in flight
		r.Add(ev("x", 5))
		r.Add(ev("x", 4))
		close(release)
		synctest.Wait()
		stop()
		if got := fmt.Sprint(f.paths()); got != "x2|y7|x5" {
			t.Errorf("delivered %q", got)
		}
	})
}
