package fanotify

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
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

// counters are written by the goroutine of a session, read by Stats.
type counters struct {
	watches, uncovered, overflows, records, events, repairs atomic.Int64
}

// New prepares a watcher for the tree at root. A relative root is relative to the current directory
// at this moment. New starts nothing and opens nothing.
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
	w := &Watcher{root: abs, opt: opt, kernel: opt.kernel}
	w.log = opt.Logger.Named("fanotify").With(zap.String("root", abs))
	if w.kernel == nil {
		w.kernel = realKernel()
	}
	return w, nil
}

// Stats implements fsevent.Watcher. Watches are the file systems that are marked; no
// entries are listed.
func (w *Watcher) Stats() fsevent.Stats {
	c := &w.count
	return fsevent.Stats{
		Watches: c.watches.Load(), Uncovered: c.uncovered.Load(), Overflows: c.overflows.Load(),
		Records: c.records.Load(), Events: c.events.Load(), Repairs: c.repairs.Load(),
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

// open makes a session with a mark on the root's file system.
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
			s, err = nil, fmt.Errorf("watch %s: %w", w.root, err)
		}
	}()
	group, err := w.kernel.group()
	if err != nil {
		return s, err
	}
	if err := s.queue.Open(group); err != nil {
		return s, err
	}
	root, err := s.mark(fd, "")
	if err != nil {
		return s, err
	}
	s.places.points = []*point{root}
	if s.above, err = w.kernel.above(fd); err != nil {
		return s, err
	}
	s.mounts.Open(w.root, fd, w.kernel.proc)
	return s, ctx.Err()
}

// above are the directories above the open directory fd, as far as they are on its file
// system, with the name in each that leads to it.
func (k *kernel) above(fd int) (map[inode]string, error) {
	names := map[inode]string{}
	text, err := k.textOf(fd)
	if err != nil {
		return nil, err
	}
	fd, err = unix.Openat(fd, ".", unix.O_PATH|unix.O_CLOEXEC, 0)
	for ; err == nil && text != "/"; text = filepath.Dir(text) {
		var below, here unix.Stat_t
		var up int
		if err = unix.Fstat(fd, &below); err != nil {
			break
		}
		if up, err = unix.Openat(fd, "..", unix.O_PATH|unix.O_CLOEXEC, 0); err != nil {
			break
		}
		unix.Close(fd)
		fd = up
		if err = unix.Fstat(fd, &here); err != nil || here.Dev != below.Dev {
			break
		}
		var d inode
		if d, err = inodeOf(fd); err != nil {
			break
		}
		names[d] = filepath.Base(text)
	}
	if fd >= 0 {
		unix.Close(fd)
	}
	if err != nil {
		return nil, fmt.Errorf("look at the directories above: %w", err)
	}
	return names, nil
}
