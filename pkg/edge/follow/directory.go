package follow

import (
	"errors"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/brake"
	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/edge/apply"
	"github.com/sersync/sersync/pkg/edge/edgexml"
	"github.com/sersync/sersync/pkg/edge/fetch"
	"github.com/sersync/sersync/pkg/edge/place"
	"github.com/sersync/sersync/pkg/edge/trouble"
	"github.com/sersync/sersync/pkg/fstree"
)

// directory is what the loop knows of the tree's directory.
type directory struct {
	claim    *place.Claim
	verdict  brake.Verdict
	dev, ino uint64 // of the directory that verdict is about
	looked   time.Time
	trouble  error // why nothing can be applied; nil: it can
	tidied   bool
}

// lookEvery is how often the mounts below the directory are looked at while nothing is to be
// deleted; before a deletion they are always looked at.
const lookEvery = 10 * time.Second

func (d *directory) release() {
	if d.claim != nil {
		d.claim.Release()
	}
	d.claim = nil
}

// enter opens the directory for a round of work, if it is the one that this edge has
// filled. deletes says that the round may delete.
func (f *Follower) enter(deletes bool) (*fstree.Root, bool) {
	now := time.Now()
	if !f.clock.look.IsZero() && now.Before(f.clock.look) {
		return nil, false
	}
	root, err := f.open(deletes, now)
	if err == nil {
		if f.dir.trouble != nil {
			f.repeat.Recovered("directory", "the directory can be worked in again")
		}
		f.dir.trouble, f.clock.look = nil, time.Time{}
		return root, true
	}
	f.dir.release()
	f.dir.trouble, f.dir.looked = err, time.Time{}
	f.clock.look = now.Add(lookAgain)
	f.repeat.Failed("directory", err.Error(), "nothing can be applied to the directory", zap.Error(err))
	return nil, false
}

func (f *Follower) open(deletes bool, now time.Time) (*fstree.Root, error) {
	if f.dir.claim == nil {
		claim, err := place.Take(f.opt.Tree.Dir)
		if err != nil {
			return nil, err
		}
		f.dir.claim = claim
	}
	root, err := fstree.Open(f.opt.Tree.Dir)
	if err == nil {
		dev, ino := root.Identity()
		same := dev == f.dir.dev && ino == f.dir.ino
		if same && !deletes && now.Sub(f.dir.looked) < lookEvery {
			return root, nil
		}
		f.dir.dev, f.dir.ino = dev, ino
	}
	if err := f.examine(); err != nil {
		if root != nil {
			root.Close()
		}
		return nil, err
	}
	f.dir.looked = now
	return root, err
}

// examine compares the directory with what is remembered of it.
func (f *Follower) examine() error {
	if f.at.Directory.IsZero() {
		identity, err := place.New(f.opt.Tree.Dir, f.opt.Tree.Adopt)
		if err != nil {
			return err
		}
		f.at.Directory, f.at.Dir = identity, f.opt.Tree.Dir
		f.clock.dirty = true
		f.save(true) // before the first file is written: from now on the directory belongs to this edge
		if !f.figures.Position.None() {
			f.at.Directory = brake.Identity{}
			return &trouble.Error{Trouble: f.figures.Position}
		}
		return nil
	}
	verdict, next, err := place.Known(f.opt.Tree.Dir, f.at.Directory)
	if err != nil {
		return err
	}
	f.dir.verdict, f.at.Directory = verdict, next
	return nil
}

// mayRemove tells whether a path that the source reports as gone may be removed.
func (f *Follower) mayRemove(path string) bool {
	return f.opt.Tree.Deletions != edgexml.DeleteNone && !f.dir.verdict.HoldsEvent(path)
}

// tidy removes the working directory of runs once no run is under way.
func (f *Follower) tidy() {
	if f.flights.count > 0 || f.dir.tidied || f.dir.trouble != nil {
		return
	}
	root, err := fstree.Open(f.opt.Tree.Dir)
	if err != nil {
		return
	}
	defer root.Close()
	if dev, ino := root.Identity(); dev != f.dir.dev || ino != f.dir.ino {
		return
	}
	t := apply.New(root)
	defer t.Close()
	done, err := t.Apply(change.Entry{Path: fetch.Directory, State: change.Gone})
	if err != nil && !errors.Is(err, unix.ENOENT) {
		f.repeat.Failed("tidy", err.Error(), "the directory for what is being fetched cannot be removed", zap.Error(err))
		return
	}
	f.dir.tidied = true
	if done.Changed && f.flights.rootTime != 0 {
		t.KeepRootTime(f.flights.rootTime)
	}
	f.flights.rootTime = 0
}
