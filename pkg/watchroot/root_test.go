package watchroot

import (
	"context"
	"slices"
	"testing"

	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/fsevent"
)

// TestEventsReachLanesAndPlugins: a path that the watcher reports is dirty in every lane of the
// root that is served, and the plugins are told.
func TestEventsReachLanesAndPlugins(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f")
	var told []string
	r := opened(New(options(dir)), func(n filterqueue.Notice) { told = append(told, n.Path) }, "a", "b")
	r.watch.serve(r)
	r.watch.Root(fsevent.RootWatched)
	r.watch.Event(fsevent.Event{Path: "f", Op: fsevent.CloseWrite})
	r.Flush()
	if got := pending(r); !slices.Equal(got, []int{1, 1}) {
		t.Errorf("dirty in the lanes: %v", got)
	}
	if !slices.Equal(told, []string{"f"}) {
		t.Errorf("plugins were told of %q", told)
	}
	if r.guard.open() == nil {
		t.Error("the directory that is watched cannot be opened")
	}
}

// TestBeginEndsWithItsContext: Begin ends with its context although the watches are never set.
func TestBeginEndsWithItsContext(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	end()
	if rootOf(t.TempDir()).Begin(ctx) {
		t.Error("the root has begun after its context ended")
	}
}
