package listeners

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/fstree"
)

// finder tells plugins about paths for which there is no event. A sync of a new directory carries
// what it already held when its watch was placed; a plugin must be told of each of these paths. So
// when a plugin hears of a new directory, the finder lists it. (A directory that is moved here is
// one event, as in 2.5.4.)
type finder struct {
	log  *zap.Logger
	wake chan struct{} // capacity 1: a wish to look is enough

	mu      sync.Mutex
	wanted  []find
	dropped uint64
}

// find is one directory to list.
type find struct {
	x    *listener
	root Root
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
		f.log.Error("too many new directories at a time, plugins are not told what some of them contained at first",
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

// find lists directories until ctx ends.
func (s *Set) find(ctx context.Context) error {
	f := s.finder
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
				f.log.Warn("plugin is not told what a new directory contained at first", zap.String("plugin", next.x.name),
					zap.String("path", next.path), zap.Error(err))
			}
		}
	}
}

// tellFound tells one plugin of everything below a directory that has no event
// of its own.
func (s *Set) tellFound(ctx context.Context, f find) error {
	fd, err := f.root.OpenBelow(f.path)
	if err != nil {
		if fstree.Vanished(err) {
			return nil // its deletion is an event
		}
		return fmt.Errorf("open %q: %w", f.path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	var unread error
	var mu sync.Mutex // entries come from several goroutines
	err = fstree.Walk(ctx, fd, f.path, fstree.WalkOptions{
		Entries: func(d *fstree.Dir, batch []fstree.Entry) {
			for i := range batch {
				name := string(batch[i].Name)
				var st unix.Stat_t
				if unix.Fstatat(d.FD, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
					continue // gone, which is an event
				}
				dir := st.Mode&unix.S_IFMT == unix.S_IFDIR
				rel := d.RelOf(name)
				if f.hasEvent(d.FD, name, &st) || f.root.Skip(rel, dir, true) {
					continue
				}
				mu.Lock()
				s.tell(f.x, f.root, filterqueue.Notice{Path: rel, Dir: dir})
				mu.Unlock()
			}
		},
		Descend: func(d *fstree.Dir, name string) bool { return !f.root.Skip(d.RelOf(name), true, true) },
		Error: func(d *fstree.Dir, name string, err error) {
			mu.Lock()
			unread = fmt.Errorf("list %q: %w", d.RelOf(name), err)
			mu.Unlock()
		},
	})
	return errors.Join(err, unread)
}

// hasEvent tells whether an entry came or changed after the directory's watch was set, so that it
// has an event of its own. A directory's ctime is that of the last change in it, so only its time
// of birth counts, where the file system knows it (statx(2), Linux 4.11). Elsewhere the plugin is
// told of the directory, at worst twice.
func (f find) hasEvent(dirfd int, name string, st *unix.Stat_t) bool {
	watched := f.seen.Add(clockGrain)
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return time.Unix(st.Ctim.Unix()).After(watched)
	}
	var x unix.Statx_t
	err := unix.Statx(dirfd, name, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BTIME, &x)
	return err == nil && x.Mask&unix.STATX_BTIME != 0 && time.Unix(x.Btime.Sec, int64(x.Btime.Nsec)).After(watched)
}
