package fanotify

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/fstree"
)

// mark marks the file system of the open directory fd, which is mounted at rel.
func (s *session) mark(fd int, rel string) (*point, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("fstat: %w", err)
	}
	d, err := inodeOf(fd)
	if err != nil {
		return nil, &RefusalError{fmt.Sprintf("the file system has no handles for directories (%v)", err), useInotify}
	}
	if err := s.w.kernel.watch(s.queue.FD, fd, s.w.opt.mask()); err != nil {
		return nil, err
	}
	return &point{rel: rel, fsid: d.fsid, dev: st.Dev, ino: st.Ino, fd: -1}, nil
}

// is tells whether fd is the directory at the mount point, or the root.
func (m *point) is(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Dev == m.dev && st.Ino == m.ino
}

// marked tells whether the file system of fd has its mark. An unmount removes the mark, and a file
// system that is mounted again looks like the one before. The test is to remove from the mark an
// event that it does not have: that changes nothing, and fails where there is no mark.
func (s *session) marked(fd int) bool {
	err := s.w.kernel.mark(s.queue.FD, unix.FAN_MARK_REMOVE|unix.FAN_MARK_FILESYSTEM, unix.FAN_OPEN_EXEC, fd, "")
	return !errors.Is(err, unix.ENOENT)
}

// Sees tells whether fanotify was tried on this type of file system. Others that are mounted below
// a root are not touched: a call on one whose server is dead would hang.
func Sees(fstype string) bool {
	switch fstype {
	case "ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs":
		return true
	}
	return false
}

// markMounts marks what is mounted below the root at the start.
func (s *session) markMounts() {
	for rel, m := range s.mounts.Mounts() {
		s.appeared(rel, m)
	}
	s.noteWatches()
}

// appeared marks the file system that is mounted at rel.
func (s *session) appeared(rel string, m fstree.Mount) {
	if rel == "" || m.FSType == "autofs" || s.places.skipped(rel) {
		return
	}
	err := s.markAt(rel, m)
	if err == nil {
		return
	}
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return // a file is mounted, or it is hidden
	}
	s.w.log.Warn("file system below the root cannot be watched, its content is rescanned",
		zap.String("path", rel), zap.Duration("delay", s.w.opt.Retry), zap.Error(err))
	s.uncovered[rel] = err
	s.h.Uncovered(rel, err)
}

func (s *session) markAt(rel string, m fstree.Mount) error {
	if !Sees(m.FSType) {
		return &RefusalError{"fanotify does not see everything on " + m.FSType, useInotify}
	}
	top, err := unix.Open(s.w.root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(top)
	fd, err := unix.Openat(top, rel, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	p, err := s.mark(fd, rel)
	if err != nil {
		return err
	}
	s.places.points = append(s.places.points, p)
	s.places.forget()
	return nil
}

// disappeared forgets what was mounted at rel.
func (s *session) disappeared(rel string) {
	s.places.points = slices.DeleteFunc(s.places.points, func(p *point) bool { return p.rel == rel && rel != "" })
	s.places.forget()
	if _, was := s.uncovered[rel]; was {
		delete(s.uncovered, rel)
		s.h.Uncovered(rel, nil)
	}
}

// noteWatches counts the marks.
func (s *session) noteWatches() {
	ids := map[uint64]bool{}
	for _, p := range s.places.points {
		ids[p.fsid] = true
	}
	s.w.count.watches.Store(int64(len(ids)))
	s.w.count.uncovered.Store(int64(len(s.uncovered)))
}

// followMounts reports what was mounted and unmounted since the last look. Between two looks a file
// system can be unmounted and mounted again with the same id: then it has no mark.
func (s *session) followMounts() {
	if s.mounts.FD() < 0 {
		return
	}
	var gone, come []string
	before := s.mounts.Mounts()
	if s.remount {
		before = s.mounts.Look()
	}
	now := s.mounts.Mounts()
	for rel, was := range before {
		if is, there := now[rel]; !there || is.ID != was.ID || s.unmarked(rel) {
			gone = append(gone, rel)
		}
	}
	for rel, is := range now {
		if was, there := before[rel]; !there || is.ID != was.ID || slices.Contains(gone, rel) {
			come = append(come, rel)
		}
	}
	if len(gone)+len(come) == 0 {
		return
	}
	for _, rel := range gone {
		s.disappeared(rel)
		s.h.Mount(rel, false)
	}
	for _, rel := range come {
		s.h.Mount(rel, true)
		s.appeared(rel, now[rel])
	}
	slices.Sort(gone)
	for _, rel := range slices.Compact(slices.Concat(come, gone)) {
		if rel != "" && !s.places.skipped(rel) {
			s.whole(rel)
		}
	}
	s.noteWatches()
}

// unmarked tells whether the mark of what is mounted at rel is gone, or something else
// is mounted there.
func (s *session) unmarked(rel string) bool {
	i := slices.IndexFunc(s.places.points, func(p *point) bool { return p.rel == rel })
	if i <= 0 {
		return false // the root is looked at by rootLost, and the others have none
	}
	top, err := unix.Open(s.w.root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(top)
	fd, err := unix.Openat(top, rel, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	p := s.places.points[i]
	var st unix.Statfs_t
	return !p.is(fd) || unix.Fstatfs(fd, &st) == nil && fsidOf(&st) != p.fsid || !s.marked(fd)
}

// retryUncovered reports what cannot be watched as changed, when that is due.
func (s *session) retryUncovered(now time.Time) {
	if len(s.uncovered) == 0 {
		s.retry = time.Time{}
		return
	}
	if s.retry.IsZero() {
		s.retry = now.Add(s.w.opt.Retry)
	}
	if now.Before(s.retry) {
		return
	}
	s.retry = now.Add(s.w.opt.Retry)
	for rel := range s.uncovered {
		s.event(fsevent.Event{Path: rel, Op: fsevent.Create, Dir: true, Covered: true})
	}
}
