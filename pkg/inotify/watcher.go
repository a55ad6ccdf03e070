package inotify

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/fsevent/reopen"
)

// Watcher is a fsevent.Watcher. Make it with New, then call Run once.
type Watcher struct {
	root   string // absolute, as given otherwise
	opt    Options
	log    *zap.Logger
	kernel *kernel
	count  counters
	cur    atomic.Pointer[session] // for tests
}

// counters are written by the goroutines of a session, read by Stats.
type counters struct {
	watches, uncovered, overflows, records, events, repairs, entries atomic.Int64
}

// New prepares a watcher for the tree at root. A relative root is taken
// relative to the current directory, now. New starts nothing and opens nothing.
func New(root string, opt Options) (*Watcher, error) {
	if root == "" {
		return nil, errors.New("watch: empty path")
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("watch %q: %w", root, err)
	}
	if opt.Logger == nil {
		opt.Logger = zap.NewNop()
	}
	if opt.Retry <= 0 {
		opt.Retry = time.Minute
	}
	if opt.Workers <= 0 {
		// All workers need the kernel's lock of the inotify instance, so more of them than there
		// are processors would only wait for each other.
		opt.Workers = max(2, min(4, runtime.GOMAXPROCS(0)))
	}
	w := &Watcher{root: abs, opt: opt, kernel: opt.kernel}
	w.log = opt.Logger.Named("inotify").With(zap.String("root", abs))
	if w.kernel == nil {
		w.kernel = realKernel()
	}
	return w, nil
}

// Stats implements fsevent.Watcher.
func (w *Watcher) Stats() fsevent.Stats {
	c := &w.count
	return fsevent.Stats{
		Watches: c.watches.Load(), Uncovered: c.uncovered.Load(), Overflows: c.overflows.Load(),
		Records: c.records.Load(), Events: c.events.Load(), Repairs: c.repairs.Load(), Entries: c.entries.Load(),
	}
}

// Run implements fsevent.Watcher.
func (w *Watcher) Run(ctx context.Context, h fsevent.Handler) error {
	return reopen.Run(ctx, h, w.root, w.log, func(ctx context.Context) (reopen.Watch, error) {
		s, err := w.open(ctx)
		if err != nil {
			return nil, err
		}
		return s, nil
	})
}

// open makes a session with a watch on the root and on nothing else.
func (w *Watcher) open(ctx context.Context) (s *session, err error) {
	fd, err := unix.Open(w.root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w%s", w.root, err, fsevent.OpenRemedy(err))
	}
	defer unix.Close(fd)
	s = newSession(w)
	defer func() {
		if err != nil {
			s.close()
			s = nil
		}
	}()
	if err = unix.Fstat(fd, &s.id); err != nil {
		return s, fmt.Errorf("watch %s: fstat: %w", w.root, err)
	}
	ifd, err := w.kernel.init(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return s, fmt.Errorf("watch %s: inotify_init1: %w%s", w.root, err, initRemedy(err))
	}
	if err = s.inst.Open(ifd); err != nil {
		return s, fmt.Errorf("watch %s: %w", w.root, err)
	}
	if err = s.watchRoot(fd); err != nil {
		return s, fmt.Errorf("watch %s: inotify_add_watch: %w%s", w.root, err, watchRemedy(err))
	}
	s.mounts.Open(w.root, fd, w.kernel.proc)
	return s, ctx.Err()
}
