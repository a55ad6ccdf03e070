package daemon

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/beneath"
	"github.com/sersync/sersync/pkg/brake"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/inotify"
	"github.com/sersync/sersync/pkg/rsync"
	"github.com/sersync/sersync/pkg/status"
)

// root is one localpath of a site: its queue, its lanes, and the brake that
// keeps a missing disk from being mirrored. Its watch hands it what it sees.
type root struct {
	local confxml.LocalPath
	dir   string // absolute, symlinks at the watch path itself resolved
	// number counts the localpaths before this one that name the same directory.
	number int
	log    *zap.Logger
	lanes  []*executor.Lane
	queue  *filterqueue.Queue
	watch  *watch
	ticks  *ticks
	// launcher starts the children, confined to the root where the host
	// allows it; plain those whose parameters ask to follow links, and ssh.
	launcher, plain *rsync.Launcher
	confineNote     sync.Once
	links           *links
	notify          filterqueue.Notify // tells the plugins; nil without any
	// scans holds requests for a catch-up scan; capacity 1, the newest since
	// wins by being the earliest (see askScan).
	scans chan struct{}
	// stale asks for children that wait in a tree as it was before; capacity 1.
	stale   chan struct{}
	watched chan struct{} // closed once the watches stand for the first time
	// withheld: the brake has kept entries that only a target has.
	withheld atomic.Bool
	// bridged: a watch before this one has ended, and what was changed between
	// the two has no event. Set before Run.
	bridged bool

	mu        sync.Mutex
	scanSince time.Time // guarded by mu; zero: none asked for
	scanHolds int       // guarded by mu; Suspect calls that the next scan ends
	state     status.RootState
	since     time.Time
	reason    string
	remedy    string
	dev, ino  uint64 // of the watched directory
	uncovered map[string]bool
	identity  brake.Identity // remembered; what deletions are allowed for
	verdict   brake.Verdict
	judged    time.Time
	accepted  int // how often the operator has accepted what stands there
	// unseen: there was no watch, or events were lost, and nothing has shown
	// since that the root and its mounts are what they were.
	unseen bool
}

func (d *Daemon) newRoot(local confxml.LocalPath, dir string) *root {
	r := &root{
		local: local, dir: dir, log: d.log.Named("root").With(zap.String("root", dir)), ticks: d.ticks,
		scans: make(chan struct{}, 1), stale: make(chan struct{}, 1), watched: make(chan struct{}),
		state: status.RootStarting, since: time.Now(), uncovered: map[string]bool{}, unseen: true,
	}
	r.links = newLinks(r)
	return r
}

// resolve makes a watch path absolute: one trailing slash goes, as in 2.5.4,
// and a symlink at the path itself is followed once.
func resolve(watch string) (string, error) {
	abs, err := filepath.Abs(watch)
	if err != nil {
		return "", fmt.Errorf("watch %q: %w", watch, err)
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return "", fmt.Errorf("watch %q: %w", watch, err)
	}
	return real, nil
}

// open opens the watched directory; nil while it is gone or another stands at
// its path.
func (r *root) open() *beneath.Root {
	opened, err := beneath.Open(r.dir)
	if err != nil {
		return nil
	}
	dev, ino := opened.Identity()
	r.mu.Lock()
	same := r.state != status.RootGone && (r.ino == 0 || dev == r.dev && ino == r.ino)
	r.mu.Unlock()
	if !same {
		opened.Close()
		return nil
	}
	return opened
}

func (r *root) gone() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state == status.RootGone
}

// descriptor serves the queue's settler, which looks at fresh files.
func (r *root) descriptor() (fd int, done func()) {
	opened := r.open()
	if opened == nil {
		return -1, func() {}
	}
	return opened.FD(), opened.Close
}

// rootState follows what happens to the watch root itself.
func (r *root) rootState(s inotify.RootState) {
	switch s {
	case inotify.RootWatched:
		r.identify()
		r.set(status.RootWatched, "", "")
		close(r.watched)
	case inotify.RootGone:
		r.set(status.RootGone, "the watched directory is gone", "bring it back; nothing is deleted on the targets meanwhile")
		r.mu.Lock()
		r.unseen = true
		r.mu.Unlock()
		r.renew() // do not hold on to a file system that is gone
	case inotify.RootBack:
		r.identify()
		r.renew()
		r.set(status.RootWatched, "", "")
		r.judge(time.Now(), true)
		// Everything may be different: what is here is compared, and what only
		// the targets have is deleted only if it is the same root as before.
		r.suspect(everything)
		r.askScan()
	}
}

// identify remembers which directory is watched.
func (r *root) identify() {
	var st unix.Stat_t
	if unix.Stat(r.dir, &st) != nil {
		return
	}
	r.mu.Lock()
	r.dev, r.ino = st.Dev, st.Ino
	r.mu.Unlock()
}

func (r *root) set(s status.RootState, reason, remedy string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != s {
		r.state, r.since = s, time.Now()
	}
	r.reason, r.remedy = reason, remedy
}

// mount follows file systems that appear or disappear below the root.
func (r *root) mount(path string, appeared bool) {
	r.log.Info("mount changed below the watch root", zap.String("path", path), zap.Bool("appeared", appeared))
	r.mu.Lock()
	r.judged, r.unseen = time.Time{}, true // nobody watched it where it was before
	r.mu.Unlock()
	r.renew() // the children's mount namespace was made before
}

// renew lets go of the mount namespace and of the children that wait in it:
// while one is left, the kernel keeps an unmounted file system alive.
func (r *root) renew() {
	r.launcher.Renew()
	select {
	case r.stale <- struct{}{}:
	default:
	}
}

// refresh ends the children that renew means.
func (r *root) refresh(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.stale:
		}
		for _, l := range r.lanes {
			_ = l.RootChanged(ctx)
		}
	}
}

// notCovered remembers directories that have no watch; rescans cover them.
func (r *root) notCovered(path string, err error) {
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

// watchFailure ends the site when the kernel refuses to watch.
func (r *root) watchFailure(ctx context.Context) error {
	select {
	case err := <-r.watch.failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// snapshot is the root as an operator sees it.
func (r *root) snapshot() status.Root {
	r.mu.Lock()
	defer r.mu.Unlock()
	return status.Root{
		Path: r.dir, State: r.state, Reason: r.reason, Remedy: r.remedy, Since: r.since,
		Directories: int(r.watch.watcher.Stats().Watches),
	}
}

// watermark is the earliest time that something not yet marked may have.
func (r *root) watermark(now time.Time) time.Time {
	earliest := now
	for _, oldest := range []time.Time{r.queue.Stats().Oldest, r.links.oldest()} {
		if oldest.IsZero() {
			continue
		}
		if t := onFiles(oldest, now); t.Before(earliest) {
			earliest = t
		}
	}
	return earliest
}
