package watchroot

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/hardlinks"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport/rsync/session"
	"github.com/sersync/sersync/pkg/watchers"
)

// Options are what a Root is made from. They do not change.
type Options struct {
	Local confxml.LocalPath
	Dir   string // the directory: absolute, the links of the watch path resolved
	// Number counts the localpaths before this one that name the same directory.
	Number   int
	Switches confxml.Switches
	Filter   *filterqueue.Filter // nil: nothing is filtered
	// Alone: a plugin runs without a sync, so there are no lanes.
	Alone bool
	Ticks *Ticks
	// Env is the environment of the children that lanes start, and Needed are the
	// files outside of the directory that those open.
	Env    []string
	Needed []string
	Logger *zap.Logger
}

// Root is one localpath: New, then Add for each lane, Open, and Run. Its exported
// methods may be called from any goroutine once Open has returned.
type Root struct {
	opt   Options
	log   *zap.Logger
	lanes lanes
	links *hardlinks.Links
	guard *guard
	scans *scanner
	kids  *children
	queue *filterqueue.Queue
	watch *Watch

	watched chan struct{} // closed once the watches are set for the first time
	// unmarked says that the state of a lane was saved without a watermark, because a part of the
	// tree could not be seen.
	unmarked atomic.Bool
	// bridged says that an earlier watch has ended, and that changes between it and the present one
	// have no event. Set before Run.
	bridged bool

	mu        sync.Mutex
	uncovered map[string]bool // directories without a watch; guarded by mu
}

// New makes a root without lanes; nothing of it runs yet.
func New(o Options) *Root {
	log := o.Logger.Named("root").With(zap.String("root", o.Dir))
	r := &Root{
		opt: o, log: log, guard: newGuard(o.Dir, o.Local.Recreated, log), kids: newChildren(o, log), watched: make(chan struct{}), uncovered: map[string]bool{},
	}
	r.scans = newScanner(r.guard, log)
	r.links = hardlinks.New(hardlinks.Options{
		Root: r.guard.open, Mark: func(path string, f dirty.Flags) { r.lanes.mark(path, f) }, Switches: o.Switches, Logger: r.log, Files: watchFiles,
		Skip: func(path string, dir bool) bool { return r.Skip(path, dir, false) },
	})
	return r
}

// watchFiles watches single files for hardlinks.
func watchFiles(modify bool) (fsevent.Files, error) { return watchers.NewFiles(modify) }

// Equip sets in the options of a lane, and of its way to the remote, what concerns the root.
func (r *Root) Equip(opt *executor.Options, way *session.Options) {
	way.Dir, way.Root, way.Launcher, way.Plain = r.opt.Dir, r.guard.open, r.kids.confined, r.kids.plain
	if way.Target.Params.FollowLinks {
		way.Launcher = r.kids.plain
	}
	opt.Dir = r.opt.Dir
	opt.Temp = r.Temp
	opt.Held, opt.Withheld = r.guard.held, r.guard.withhold
	opt.Root, opt.Gone = r.guard.open, r.guard.gone
	opt.Entries = func() int64 { return r.WatchStats().Entries }
	opt.Linked, opt.Names = meet(r.links), r.links.Names
}

// Add has the root pass changes to one more lane.
func (r *Root) Add(l *executor.Lane) { r.lanes = append(r.lanes, l) }

// Open connects the root with its watch after all lanes were added: events of w go to the lanes and
// to notify, which tells the plugins and may be nil. They begin to flow with Serve.
func (r *Root) Open(w *Watch, notify filterqueue.Notify) {
	r.watch = w
	r.scans.lanes, r.scans.notify = r.lanes, notify
	r.scans.skip = func(path string, dir bool) bool { return r.Skip(path, dir, false) }
	opt := filterqueue.Options{
		Switches: r.opt.Switches, DotFiles: r.opt.Local.DotFiles, Filter: r.opt.Filter, Root: r.guard.descriptor, Notify: notify,
		Logger: r.opt.Logger.Named("filterqueue"),
	}
	if !r.opt.Alone {
		opt.Dropped = r.links.Dropped
		met := meet(r.links)
		opt.Several = func(path string, st *unix.Stat_t) { met(path, st, time.Now(), false) }
	}
	for _, l := range r.lanes {
		opt.Sinks = append(opt.Sinks, l)
	}
	r.queue = filterqueue.New(opt)
}

// Run serves the root until ctx ends. The error is why the watcher has ended.
func (r *Root) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.queue.Run(ctx) })
	group.Go(func() error { return r.scans.run(ctx) })
	group.Go(func() error { return r.watch.failure(ctx) })
	if !r.opt.Alone {
		group.Go(func() error { return r.links.Run(ctx) })
		group.Go(func() error { return r.kids.refresh(ctx, r.lanes) })
	}
	return group.Wait()
}

// Begin waits until the watches are set, and has the brake look at the root; it returns false when
// ctx has ended before.
func (r *Root) Begin(ctx context.Context) bool {
	select {
	case <-r.watched:
	case <-ctx.Done():
		return false
	}
	if !r.opt.Alone {
		r.guard.judge(time.Now(), true)
	}
	if r.bridged {
		r.scans.ask()
	}
	return true
}

// Dir is the directory that is watched.
func (r *Root) Dir() string { return r.opt.Dir }

// WatchPath is the directory as the configuration names it.
func (r *Root) WatchPath() string { return r.opt.Local.Watch }

// Lanes are those of the root; the slice is not to be changed.
func (r *Root) Lanes() []*executor.Lane { return r.lanes }

// Same tells whether both stand for the same localpath, in two readings of the
// configuration.
func (r *Root) Same(o *Root) bool { return r.opt.Dir == o.opt.Dir && r.opt.Number == o.opt.Number }

// Skip tells whether a path is left out of the mirror; listed says that it was
// found by a listing and not by an event.
func (r *Root) Skip(path string, dir, listed bool) bool { return r.queue.Skip(path, dir, listed) }

// Temp tells whether events of a file are dropped for its name.
func (r *Root) Temp(path string) bool { return r.queue.Temp(path) }

// Unsettled tells whether a path is a created file that is still being written, or has not been
// looked at yet.
func (r *Root) Unsettled(path string) bool { return r.queue.Unsettled(path) }

// meet returns the function that a lane or the queue calls for a file with several names.
func meet(links *hardlinks.Links) func(path string, st *unix.Stat_t, since time.Time, written bool) {
	return func(path string, st *unix.Stat_t, since time.Time, written bool) {
		links.Met(path, fsevent.FileID{Dev: st.Dev, Ino: st.Ino}, since, written)
	}
}

// event takes what the watcher has seen. A directory that came here may hold
// files with several names.
func (r *Root) event(e fsevent.Event) {
	if e.Dir && e.Covered && len(r.lanes) > 0 {
		r.links.Arrived(e.Path, time.Now())
	}
	r.queue.Event(e)
}

// rootState follows what happens to the watch root itself.
func (r *Root) rootState(s fsevent.RootState) {
	switch s {
	case fsevent.RootWatched:
		r.guard.identify()
		r.guard.set(status.RootWatched, "", "")
		r.links.Arrived("", time.Now())
		close(r.watched)
	case fsevent.RootGone:
		r.lost("the watched directory is gone", "bring it back; nothing is deleted on the targets meanwhile")
	case fsevent.RootBack:
		r.guard.identify()
		r.kids.renew()
		r.guard.set(status.RootWatched, "", "")
		r.guard.judge(time.Now(), true)
		// Everything may be different: the whole tree is compared, and what only the targets have
		// is deleted only if this is the same root as before.
		r.scans.suspect(everything)
		r.scans.ask()
		r.links.Arrived("", time.Now())
	}
}

// lost notes that the directory cannot be mirrored, with the reason and remedy.
func (r *Root) lost(reason, remedy string) {
	r.guard.set(status.RootGone, reason, remedy)
	r.guard.miss()
	r.kids.renew() // so that they do not keep a file system alive that is gone
}

// mount follows file systems that appear or disappear below the root.
func (r *Root) mount(path string, appeared bool) {
	r.log.Info("mount changed below the watch root", zap.String("path", path), zap.Bool("appeared", appeared))
	r.guard.doubt()
	r.kids.renew() // the children's mount namespace was made before
}

// notCovered remembers directories that have no watch; rescans cover them.
func (r *Root) notCovered(path string, err error) {
	r.mu.Lock()
	if err == nil {
		delete(r.uncovered, path)
	} else {
		r.uncovered[path] = true
	}
	n := len(r.uncovered)
	r.mu.Unlock()
	if err != nil && n <= 3 {
		r.log.Warn("directory cannot be watched, it is compared every minute", zap.String("path", path), zap.Error(err))
	}
}

// WatchStats are the watcher's figures.
func (r *Root) WatchStats() fsevent.Stats { return r.watch.watcher.Stats() }

// Snapshot is the root as an operator sees it.
func (r *Root) Snapshot() status.Root {
	q := r.queue.Stats()
	s := r.guard.snapshot()
	s.Path, s.Backend, s.Chosen, s.Directories = r.opt.Dir, r.watch.choice.Backend, r.watch.choice.Why, int(r.WatchStats().Watches)
	if s.Backend == confxml.Fanotify {
		s.Directories = 0 // they are not counted
	}
	s.Undecided, s.Writing = q.Unsettled-q.Writing+r.links.Pending(), q.Writing
	return s
}

// overflow holds the watermarks: changes may have been missed since events were last complete.
func (r *Root) overflow() {
	since := r.opt.Ticks.LastGood()
	r.log.Warn("kernel event queue overflowed, a scan will find what was lost", zap.Time("since", since))
	r.guard.miss()
	r.links.Arrived("", since)
	r.scans.suspect(since)
}

// Rescan compares the directories that cannot be watched.
func (r *Root) Rescan() {
	r.mu.Lock()
	paths := make([]string, 0, len(r.uncovered))
	for p := range r.uncovered {
		paths = append(paths, p)
	}
	r.mu.Unlock()
	for _, p := range paths {
		r.lanes.mark(p, dirty.Tree|dirty.Extras)
	}
}

// SelfCheck looks for changes since then that had no event.
func (r *Root) SelfCheck(since, now time.Time) {
	r.scans.suspect(since)
	r.scans.ask()
	r.links.Arrived("", now)
}

// Strange are the places (the root and mounts below it) that are no longer those for which the
// lanes' watermarks were written; "" is the whole root.
func (r *Root) Strange() []string { return r.guard.strange() }

// CatchUp finds what has changed since, for lanes that have a watermark. Strange places (see
// Strange) are compared as a whole.
func (r *Root) CatchUp(ctx context.Context, known []*executor.Lane, since time.Time, strange []string) {
	r.scans.resume(ctx, known, since, strange)
}

// OpenBelow opens a directory of the root for listing, following no link.
func (r *Root) OpenBelow(path string) (int, error) { return r.guard.openBelow(path) }

// Accept carries out the operator's decision that the present state of the root is right.
func (r *Root) Accept() error { return r.guard.accept() }

// Rejudge has the brake look again at the places that it holds. Once nothing is held any more, the
// deletions that the brake has held are looked for again.
func (r *Root) Rejudge(ctx context.Context) {
	if r.guard.free() && r.guard.withheld.CompareAndSwap(true, false) && r.Compare(ctx) != nil {
		r.guard.withheld.Store(true)
	}
}

// Compare has every lane compare everything.
func (r *Root) Compare(ctx context.Context) error { return r.lanes.compare(ctx, false) }
