package follow

import (
	"cmp"
	"os"
	"time"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/edge/backlog"
	"github.com/sersync/sersync/pkg/edge/fetch"
	"github.com/sersync/sersync/pkg/edge/trouble"
	"github.com/sersync/sersync/pkg/fstree"
)

// Figures are the state of a Follower.
type Figures struct {
	Epoch change.Epoch
	Known bool // the epoch is known
	// Up to Done everything is applied; Taken is the last message that was put into the backlog.
	Done, Taken backlog.Mark

	// Newest is the last sequence that the stream held when the edge connected.
	Newest uint64

	Connected    bool
	Disconnected trouble.Trouble // why the edge is not connected
	Directory    trouble.Trouble // why nothing can be applied; none: it can
	Position     trouble.Trouble // why the position cannot be written; none: it can
	Failure      trouble.Trouble // the latest failure of a path; none: none waits

	Dirty     int       // paths that have not the state of the stream yet
	Failing   int       // of these, those that have failed
	Waiting   int       // messages that were read and are not in the backlog yet
	Comparing bool      // the whole tree is being compared
	Behind    time.Time // since when a known change has not been applied; zero: everything is applied

	Counts
}

// Counts are what a Follower has done since its start.
type Counts struct {
	Applied    uint64 // paths changed by messages
	Fetched    uint64 // paths changed by runs
	Removed    uint64 // paths removed by comparisons
	Refused    uint64 // messages and entries that were refused
	Unheld     uint64 // entries that could not be applied completely
	Obstructed uint64 // entries whose path led through something that is no directory
	Kept       uint64 // deletions that the configuration does not allow
}

// InSync tells whether everything that the stream holds is applied, and whether the edge is
// connected, so that it would know of more.
func (f Figures) InSync() bool {
	return f.Connected && f.Directory.None() && f.Dirty == 0 && f.Waiting == 0 && f.Taken.Sequence >= f.Newest
}

// Trouble is what keeps the edge from going on; the zero value: nothing does.
func (f Figures) Trouble() trouble.Trouble {
	return cmp.Or(f.Directory, f.Disconnected, f.Failure, f.Position)
}

// Figures returns the present figures. It may be called from any goroutine.
func (f *Follower) Figures() Figures {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.said
}

// say publishes the figures of this round.
func (f *Follower) say(waiting int) {
	g := &f.figures
	g.Epoch, g.Known, g.Taken = f.at.Epoch, f.at.Known, f.at.Taken
	g.Done = g.Taken
	if oldest, ok := f.backlog.Oldest(); ok {
		g.Done = backlog.Mark{Sequence: max(oldest.Sequence, 1) - 1, Generation: max(oldest.Generation, 1) - 1}
	}
	g.Dirty, g.Failing, g.Waiting = f.backlog.Len(), f.backlog.Failing(), waiting
	g.Comparing = f.backlog.Comparing()
	g.Directory = trouble.Trouble{}
	if f.dir.trouble != nil {
		g.Directory = trouble.Of(f.dir.trouble, "nothing can be applied to the directory", "see the log of this edge")
	}
	if g.Failing == 0 {
		g.Failure = trouble.Trouble{}
	}
	switch {
	case g.Dirty == 0 && waiting == 0 && g.Directory.None():
		g.Behind = time.Time{}
	case g.Behind.IsZero():
		g.Behind = time.Now()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = *g
}

// entries are the names in the root, without what this program itself puts there.
func entries(root *fstree.Root) ([]string, error) {
	fd, err := root.OpenList("")
	if err != nil {
		return nil, err
	}
	d := os.NewFile(uintptr(fd), root.Dir())
	defer d.Close() //nolint:errcheck // read only
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	kept := names[:0]
	for _, name := range names {
		if name != fetch.Directory && name != "lost+found" {
			kept = append(kept, name)
		}
	}
	return kept, nil
}
