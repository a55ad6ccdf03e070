package watchroot

import (
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/lanestate"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

// TestWhatIsRemembered: the state comes back after a restart, together with the choice of files
// that it was saved under.
func TestWhatIsRemembered(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f")
	r := New(options(dir))
	since := time.Unix(1_700_000_000, 0)
	saved := lanestate.State{Differences: []lanestate.Difference{{Kind: string(status.Differing), Count: 2, Since: since, Names: []string{"x", "y"}}}}
	opt := executor.Options{ID: "a", Transport: &transporttest.Fake{}, Logger: zap.NewNop()}
	r.Recall(&opt, saved)
	r.Add(executor.NewLane(opt))
	r.Open(fakeWatch(&fakeWatcher{}), nil)
	r.watch.serve(r)
	r.watch.Root(fsevent.RootWatched)
	r.Begin(t.Context())
	state := r.StateOf(r.Lanes()[0], "digest", time.Now())
	if Chosen(state) != "digest" || Chosen(lanestate.State{}) != "" || state.Lane != "a" || state.RootIdentity.IsZero() {
		t.Errorf("%+v", state)
	}
	if len(state.Differences) != 1 || state.Differences[0].Count != 2 || !state.Differences[0].Since.Equal(since) {
		t.Errorf("differences %+v", state.Differences)
	}
	again := New(options(dir))
	again.Recall(&opt, state)
	if again.guard.remembered().IsZero() {
		t.Error("the brake has forgotten the directory")
	}
}

// TestReappeared: a state that was saved while a part of the tree could not be seen is saved once
// more when all of the tree can be seen.
func TestReappeared(t *testing.T) {
	r := rootOf(t.TempDir(), "a")
	lane := r.Lanes()[0]
	lane.Complete()
	if state := r.StateOf(lane, "", time.Now()); state.Watermark.IsZero() || r.Reappeared() {
		t.Errorf("all of it can be seen: %+v", state)
	}
	r.guard.withhold()
	if state := r.StateOf(lane, "", time.Now()); !state.Watermark.IsZero() || r.Reappeared() {
		t.Errorf("not all of it can be seen: %+v", state)
	}
	r.guard.withheld.Store(false)
	if !r.Reappeared() || r.Reappeared() {
		t.Error("the state is not saved again exactly once")
	}
}

// TestWatermarkWaits: the watermark does not pass changes that still have to be looked for.
func TestWatermarkWaits(t *testing.T) {
	r := rootOf(t.TempDir())
	now := time.Now()
	if got := earliest(now, r.queue.Stats().Oldest, r.links.Oldest()); got != now {
		t.Errorf("nothing is waited for, and the watermark is %v behind", now.Sub(got))
	}
	written := now.Add(-time.Minute)
	r.links.Met("f", fsevent.FileID{Ino: 42}, now.Add(-time.Second), true)
	r.links.Met("g", fsevent.FileID{Ino: 43}, written, true)
	if got := earliest(now, r.queue.Stats().Oldest, r.links.Oldest()); got != written {
		t.Errorf("%v behind, want a minute", now.Sub(got))
	}
}
