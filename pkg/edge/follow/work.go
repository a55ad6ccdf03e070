package follow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/edge/apply"
	"github.com/sersync/sersync/pkg/edge/backlog"
	"github.com/sersync/sersync/pkg/edge/edgexml"
	"github.com/sersync/sersync/pkg/edge/fetch"
	"github.com/sersync/sersync/pkg/edge/place"
	"github.com/sersync/sersync/pkg/edge/trouble"
	"github.com/sersync/sersync/pkg/fstree"
)

// work applies and starts whatever is ready now.
func (f *Follower) work(ctx context.Context) {
	f.unsure()
	f.clock.wake = f.backlog.Wake(time.Now())
	if f.backlog.Len() == 0 && f.dir.trouble == nil && f.dir.tidied && !f.dir.looked.IsZero() {
		return
	}
	root, ok := f.enter(f.backlog.Removes())
	if !ok {
		return
	}
	defer root.Close()
	f.tidy()
	f.apply(ctx, root)
	f.depart(ctx, root)
	f.clock.wake = f.backlog.Wake(time.Now())
}

// more tells whether something can be applied at once.
func (f *Follower) more() bool { return f.dir.trouble == nil && f.backlog.Applies() }

// apply applies what needs no run.
func (f *Follower) apply(ctx context.Context, root *fstree.Root) {
	t := apply.New(root)
	defer t.Close()
	t.MayRemove = f.mayRemove
	var dirs []change.Entry
	for n := 0; n < round && ctx.Err() == nil; n++ {
		i, ok := f.backlog.Local()
		if !ok {
			break
		}
		if f.one(t, i) && i.Entry.State == change.Dir {
			dirs = append(dirs, i.Entry)
		}
	}
	// Applying entries in a directory has changed the directory's time.
	for _, e := range slices.Backward(dirs) {
		if !f.backlog.Decides(e.Path) {
			_, _ = t.Apply(e)
		}
	}
}

// one applies one item and tells whether its path has got its state.
func (f *Follower) one(t *apply.Tree, i *backlog.Item) bool {
	var done, wiped apply.Done
	var err error
	if i.Wipe {
		wiped, err = t.Apply(change.Entry{Path: i.Path(), State: change.Gone})
	}
	if err == nil {
		done, err = t.Apply(i.Entry)
	}
	switch {
	case err == nil:
	case errors.Is(err, apply.ErrName):
		f.figures.Refused++
		return false
	case errors.Is(err, apply.ErrObstructed):
		f.obstructed(i)
		return false
	default:
		f.failed(i, err)
		return false
	}
	if done.Unheld {
		f.figures.Unheld++
	}
	if done.Changed || wiped.Changed {
		f.figures.Applied++
		f.opt.Changed(Changed{Path: i.Path(), Dir: i.Entry.State == change.Dir, Deleted: i.Entry.State == change.Gone})
	}
	return true
}

// obstructed has rsync fetch an entry whose path leads through something that is no directory here:
// rsync replaces it by a directory if the source has one there, and follows no link.
func (f *Follower) obstructed(i *backlog.Item) {
	e := change.Entry{Path: i.Path(), State: change.Tree}
	if i.Entry.State == change.File {
		e = i.Entry
		e.Content, e.Fetch = nil, true
	}
	f.figures.Obstructed++
	f.backlog.Put(e, backlog.Mark{Sequence: i.Since.Sequence, Generation: i.Needs})
}

// failed lets an item be tried again later.
func (f *Follower) failed(i *backlog.Item, err error) {
	i.Attempt++
	f.figures.Failure = explain(err, f.opt.Tree.Dir, i)
	f.repeat.Failed("apply", f.figures.Failure.Reason, "an entry cannot be applied", zap.String("path", i.Path()), zap.Stringer("error", f.figures.Failure))
	f.backlog.Return(i, time.Now().Add(retry.Next(i.Attempt)))
}

// denied says which file or directory has the wrong owner or mode, where that keeps paths from
// being changed.
func denied(err error, dir string, items ...*backlog.Item) (trouble.Trouble, bool) {
	if !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EPERM) {
		return trouble.Trouble{}, false
	}
	for _, i := range items {
		if told, ok := errors.AsType[*trouble.Error](place.Denied(dir, i.Path())); ok {
			return told.Trouble, true
		}
	}
	return trouble.Trouble{}, false
}

// explain says why an entry cannot be applied, and what to do.
func explain(err error, dir string, i *backlog.Item) trouble.Trouble {
	if t, ok := denied(err, dir, i); ok {
		return t
	}
	t := trouble.Trouble{Reason: "an entry cannot be applied", Detail: err.Error()}
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		t.Reason, t.Remedy = "the disk of the directory is full", "make room there; the edge goes on by itself"
	case errors.Is(err, unix.EROFS):
		t.Reason, t.Remedy = fmt.Sprintf("the directory %s is on a file system that is mounted read-only", dir), "mount it with rw; the edge goes on by itself"
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		t.Remedy = "let the user of this edge write there; the edge goes on by itself"
	case errors.Is(err, apply.ErrHeld):
		t.Remedy = "see what is mounted there and what <tree deletions> allows; the edge goes on by itself"
	case errors.Is(err, apply.ErrMount):
		t.Remedy = "unmount what is mounted there, if the source is right; the edge goes on by itself"
	}
	return t
}

// depart starts runs for what is to be fetched.
func (f *Follower) depart(ctx context.Context, root *fstree.Root) {
	for f.flights.count < runs && ctx.Err() == nil {
		items := f.backlog.Fetch(batch)
		if len(items) == 0 {
			return
		}
		if f.flights.count == 0 && f.flights.rootTime == 0 {
			var st unix.Stat_t
			if unix.Fstat(root.FD(), &st) == nil {
				f.flights.rootTime = st.Mtim.Nano()
			}
		}
		f.dir.tidied = false
		f.flights.count++
		exact := items[0].Entry.Exact && f.opt.Tree.Deletions == edgexml.DeleteAll
		f.flights.wg.Go(func() { f.flights.landed <- f.fly(ctx, items, exact) })
	}
}

// fly is one run. While it is under way, nothing below the paths that it fetches is applied; so
// whatever it finds to be only here was here before.
func (f *Follower) fly(ctx context.Context, items []*backlog.Item, exact bool) landing {
	l := landing{items: items, result: f.opt.Fetcher.Pull(ctx, items)}
	if !exact || len(l.result.Failed) > 0 {
		return l
	}
	i := items[0]
	l.extras, l.err = f.opt.Fetcher.Extras(ctx, i.Path(), i.Needs)
	if l.err != nil || len(l.extras) == 0 {
		return l
	}
	// A file that was renamed while the source was being listed may be missing in the list. So the
	// question is asked twice.
	again, err := f.opt.Fetcher.Extras(ctx, i.Path(), i.Needs)
	l.err = err
	l.extras = slices.DeleteFunc(l.extras, func(path string) bool { return !slices.Contains(again, path) })
	return l
}

// land handles the end of a run.
func (f *Follower) land(l landing) {
	f.flights.count--
	f.clock.dirty = true
	for _, c := range l.result.Changed {
		f.figures.Fetched++
		f.opt.Changed(Changed{Path: c.Path, Dir: c.Dir})
	}
	err := l.result.Err
	if err == nil {
		err = l.err
	}
	if err == nil && len(l.extras) > 0 {
		err = f.removeExtras(l)
	}
	failed := l.result.Failed
	if err != nil && l.result.Err == nil {
		failed = l.items
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		why, ok := denied(err, f.opt.Tree.Dir, failed...)
		if !ok {
			why = trouble.Of(err, "not everything can be fetched", "see the log of this edge")
		}
		f.figures.Failure = why
		f.repeat.Failed("fetch", why.String(), "not everything can be fetched", zap.Stringer("error", why))
	} else if err == nil {
		f.repeat.Recovered("fetch", "everything can be fetched again")
	}
	for _, i := range l.items {
		if !slices.Contains(failed, i) {
			i.Attempt = 0
			f.backlog.Landed(i)
			continue
		}
		i.Attempt++
		if errors.Is(err, fetch.ErrNoUpstream) {
			i.Attempt = 1 // a mirror announces what it has within seconds
		}
		f.backlog.Failed(i, time.Now().Add(retry.Next(i.Attempt)))
	}
}

// removeExtras removes what a comparison has found only here. It looks at each path again before.
func (f *Follower) removeExtras(l landing) error {
	root, ok := f.enter(true)
	if !ok {
		return f.dir.trouble
	}
	defer root.Close()
	if err := f.spares(root, l); err != nil {
		return err
	}
	t := apply.New(root)
	defer t.Close()
	for _, path := range l.extras {
		if f.dir.verdict.Holds(path) {
			return trouble.From(fmt.Errorf("%q: %s", path, f.dir.verdict), "some entries are only here and are not removed", "see what is mounted there; the edge goes on by itself")
		}
		done, err := t.RemoveOne(path)
		if err != nil {
			return err
		}
		if done.Changed {
			f.figures.Removed++
			f.log.Info("removed what only this edge had", zap.String("path", path))
			f.opt.Changed(Changed{Path: path, Deleted: true})
		}
	}
	return nil
}

// spares refuses to empty the directory: the upstream may have lost its disk.
func (f *Follower) spares(root *fstree.Root, l landing) error {
	if l.items[0].Path() != "" {
		return nil
	}
	top := map[string]bool{}
	for _, path := range l.extras {
		if !strings.Contains(path, "/") {
			top[path] = true
		}
	}
	names, err := entries(root)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !top[name] {
			return nil
		}
	}
	return trouble.New(
		fmt.Sprintf("the comparison with %s would remove all of %s: nothing is removed", l.result.From, f.opt.Tree.Dir),
		fmt.Sprintf("see whether the upstream's disk is mounted, or empty %s by hand", f.opt.Tree.Dir),
	)
}
