package watchroot

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/nameset"
)

// lanes are all lanes of a root: what happens to the root happens to each.
type lanes []*executor.Lane

// mark makes a path dirty.
func (all lanes) mark(path string, f dirty.Flags) {
	for _, l := range all {
		l.Mark(path, f)
	}
}

// vanished tells the lanes of entries that were here and are gone without an event.
func (all lanes) vanished(dir string, entries *nameset.Set) {
	for _, l := range all {
		l.MarkDeleted(dir, entries)
	}
}

// needInventory tells whether it has to be known what is in the tree.
func (all lanes) needInventory() bool {
	return slices.ContainsFunc(all, (*executor.Lane).NeedsInventory)
}

// suspect holds the watermarks; times is how often settle will be called to release them.
func (all lanes) suspect(since time.Time, times int) {
	for _, l := range all {
		for range times {
			l.Suspect(since)
		}
	}
}

func (all lanes) settle(times int) {
	for _, l := range all {
		for range times {
			l.Settled()
		}
	}
}

// compare has the whole tree compared; unknown says that nothing is known of what
// the remotes have.
func (all lanes) compare(ctx context.Context, unknown bool) (err error) {
	for _, l := range all {
		err = errors.Join(err, l.FullSync(ctx, fullsync.Request{Unknown: unknown}))
	}
	return err
}

// rootChanged ends the children that wait in a tree as it was before.
func (all lanes) rootChanged(ctx context.Context) {
	for _, l := range all {
		_ = l.RootChanged(ctx)
	}
}
