package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/walk"
)

// finder tells plugins what no event names. A sync of a new directory carries
// what it already held when its watch was placed; a plugin must be told of each
// of these paths. So when a plugin hears of a new directory, the finder lists
// it. (A directory that is moved here is one event, as in 2.5.4.)
type finder struct {
	log  *zap.Logger
	wake chan struct{} // capacity 1: a wish to look is enough

	mu      sync.Mutex
	wanted  []find
	dropped uint64
}

// find is one directory to list.
type find struct {
	x    *extension
	root *root
	path string
	// seen is when the event of the directory came. From then on its entries
	// have events of their own.
	seen time.Time
}

const (
	// maxFinds bounds the directories that wait to be listed.
	maxFinds = 100_000
	// clockGrain is by how much the times of files may lag behind the clock:
	// the kernel's tick, generously.
	clockGrain = 20 * time.Millisecond
)

func newFinder(log *zap.Logger) *finder {
	return &finder{log: log, wake: make(chan struct{}, 1)}
}

// add never blocks.
func (f *finder) add(wanted find) {
	f.mu.Lock()
	full := len(f.wanted) >= maxFinds
	if full {
		f.dropped++
	} else {
		f.wanted = append(f.wanted, wanted)
	}
	first := full && f.dropped == 1
	f.mu.Unlock()
	if first {
		f.log.Error("too many new directories at a time, plugins are not told what some of them held at first",
			zap.String("plugin", wanted.x.name), zap.String("path", wanted.path))
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// count is how many directories were not listed for want of room.
func (f *finder) count() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dropped
}

// next is the directory to list, if there is one.
func (f *finder) next() (find, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.wanted) == 0 {
		f.wanted = nil
		return find{}, false
	}
	first := f.wanted[0]
	f.wanted = f.wanted[1:]
	return first, true
}

// unfinished puts a directory back that was not listed to its end.
func (f *finder) unfinished(wanted find) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wanted = append([]find{wanted}, f.wanted...)
}

// take empties the list of what is still to be looked at.
func (f *finder) take() []find {
	f.mu.Lock()
	defer f.mu.Unlock()
	wanted := f.wanted
	f.wanted = nil
	return wanted
}

// runFinder lists directories until ctx ends.
func (s *site) runFinder(ctx context.Context, f *finder) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
		}
		for next, ok := f.next(); ok; next, ok = f.next() {
			err := s.tellFound(ctx, next)
			if ctx.Err() != nil {
				f.unfinished(next)
				return nil
			}
			if err != nil {
				f.log.Warn("plugin is not told what a new directory held at first", zap.String("plugin", next.x.name),
					zap.String("path", next.path), zap.Error(err))
			}
		}
	}
}

// tellFound tells one plugin of everything below a directory that has no event
// of its own.
func (s *site) tellFound(ctx context.Context, f find) error {
	fd, err := f.root.openBelow(f.path)
	if err != nil {
		if walk.Vanished(err) {
			return nil // its deletion is an event
		}
		return fmt.Errorf("open %q: %w", f.path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	var unread error
	var mu sync.Mutex // entries come from several goroutines
	err = walk.Tree(ctx, fd, f.path, walk.Options{
		Entries: func(d *walk.Dir, batch []walk.Entry) {
			for i := range batch {
				name := string(batch[i].Name)
				var st unix.Stat_t
				if unix.Fstatat(d.FD, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
					continue // gone, which is an event
				}
				dir := st.Mode&unix.S_IFMT == unix.S_IFDIR
				rel := d.RelOf(name)
				if f.hasEvent(d.FD, name, &st) || f.root.queue.Skip(rel, dir, true) {
					continue
				}
				mu.Lock()
				s.tell(f.x, f.root, filterqueue.Notice{Path: rel, Dir: dir})
				mu.Unlock()
			}
		},
		Descend: func(d *walk.Dir, name string) bool { return !f.root.queue.Skip(d.RelOf(name), true, true) },
		Error: func(d *walk.Dir, name string, err error) {
			mu.Lock()
			unread = fmt.Errorf("list %q: %w", d.RelOf(name), err)
			mu.Unlock()
		},
	})
	return errors.Join(err, unread)
}

// hasEvent tells whether an entry came or changed after the directory's watch
// stood, so that there is an event of its own. A directory's ctime is that of
// the last change in it: only its birth tells, where the file system knows it
// (statx(2), Linux 4.11); elsewhere it is told of, once too often at worst.
func (f find) hasEvent(dirfd int, name string, st *unix.Stat_t) bool {
	watched := f.seen.Add(clockGrain)
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return time.Unix(st.Ctim.Unix()).After(watched)
	}
	var x unix.Statx_t
	err := unix.Statx(dirfd, name, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BTIME, &x)
	return err == nil && x.Mask&unix.STATX_BTIME != 0 && time.Unix(x.Btime.Sec, int64(x.Btime.Nsec)).After(watched)
}

// openBelow opens a directory of the root for listing, following no link.
func (r *root) openBelow(path string) (int, error) {
	opened := r.open()
	if opened == nil {
		return -1, unix.ENOENT
	}
	defer opened.Close()
	fd, err := opened.OpenDir(path)
	if err != nil {
		return -1, err
	}
	defer func() { _ = unix.Close(fd) }()
	return walk.Open(fd, ".")
}

// tellScanned tells the plugins of one entry that a scan has found, where the
// kernel's events were lost. What was deleted shows as a change of its
// directory. nil without plugins.
func (r *root) tellScanned() func(rel string, c walk.Change) {
	if r.notify == nil {
		return nil
	}
	var mu sync.Mutex // finds come from several goroutines
	return func(rel string, c walk.Change) {
		dir := c.Type == unix.DT_DIR
		if rel == "" || r.queue.Skip(rel, dir, false) {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		r.notify(filterqueue.Notice{Path: rel, Dir: dir, Marked: len(r.lanes) > 0})
	}
}

// tellChanged scans for the plugins alone: no lane has to bring anything.
func (r *root) tellChanged(ctx context.Context, since time.Time) bool {
	tell := r.tellScanned()
	if tell == nil {
		return ctx.Err() == nil
	}
	fd, err := r.openBelow("")
	if err == nil {
		defer func() { _ = unix.Close(fd) }()
		opt := walk.ScanOptions{Each: true, Skip: func(rel string) bool { return r.queue.Skip(rel, true, false) }}
		_, err = walk.Changed(ctx, fd, since, opt, tell)
	}
	if err != nil && ctx.Err() == nil {
		r.log.Warn("plugins are not told yet of what was lost, it is tried again", zap.Error(err))
	}
	return err == nil && ctx.Err() == nil
}
