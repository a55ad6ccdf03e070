package watchroot

import (
	"context"
	"errors"
	"sync"
	"testing"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

// TestAWatcherThatFails: a watcher that fails ends the root, with the watcher's reason; a watcher
// that is stopped does not.
func TestAWatcherThatFails(t *testing.T) {
	r := New(options(t.TempDir()))
	no := errors.New("no watches left")
	w := fakeWatch(&fakeWatcher{fails: no})
	r.Open(w, nil)
	if !r.Serve(t.Context()) || r.Serve(t.Context()) {
		t.Error("the watch is to be started once")
	}
	if err := r.Run(t.Context()); !errors.Is(err, no) {
		t.Error(err)
	}
	w.Stop()

	r = rootOf(t.TempDir())
	ctx, end := context.WithCancel(t.Context())
	r.Serve(ctx)
	var runs sync.WaitGroup
	runs.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	end()
	runs.Wait()
	r.watch.Stop()
}

// TestUncoveredDirectories: directories that cannot be watched are compared from time to time,
// until they are watched after all.
func TestUncoveredDirectories(t *testing.T) {
	r := rootOf(t.TempDir(), "a")
	for i, step := range []struct {
		path string
		err  error
		want int // how many paths are dirty after a rescan
	}{{"x", errors.New("limit"), 1}, {"y", errors.New("limit"), 2}, {"x", nil, 2}, {"y", nil, 2}} {
		r.notCovered(step.path, step.err)
		r.Rescan()
		if got := pending(r)[0]; got != step.want || len(r.uncovered) != []int{1, 2, 1, 0}[i] {
			t.Errorf("step %d: %d dirty, want %d; without a watch: %v", i, got, step.want, r.uncovered)
		}
	}
}

// TestInventory: an inventory is kept where a lost deletion would have to be noticed.
func TestInventory(t *testing.T) {
	mayDelete := func(r *Root) *Root {
		r.Add(executor.NewLane(executor.Options{ID: "a", MayDelete: true, Transport: &transporttest.Fake{}, Logger: zap.NewNop()}))
		r.Open(fakeWatch(&fakeWatcher{}), nil)
		r.watch.serve(r)
		return r
	}
	moves, stays := options(""), options("")
	stays.Switches.MoveFrom = false
	for name, c := range map[string]struct {
		w    *Watch
		want bool
	}{
		"no root yet":      {fakeWatch(nil), false},
		"lanes that care":  {mayDelete(New(moves)).watch, true},
		"moves do not":     {mayDelete(New(stays)).watch, false},
		"nothing mirrored": {rootOf("").watch, false},
	} {
		if got := c.w.inventory(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
