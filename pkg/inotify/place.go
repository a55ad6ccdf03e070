package inotify

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// fate says whether and where the table had a directory when a walk came to it.
type fate uint8

const (
	fateSame  fate = iota // known at this place
	fateMoved             // known elsewhere, or in limbo
	fateNew               // not known: everything below it must be walked
)

// found is an open directory and where it was found.
type found struct {
	key      jobKey
	fd       int
	parentFD int
	stamp    uint64 // session.moves before fd was opened
	here     bool   // it is the working directory of the calling thread
	listed   bool   // its content is looked at next, even if the directory was known here
}

// watch adds the watch of an open directory and places it. Both happen under
// the lock, so that the reader, which takes it to look up an event's wd, finds
// the node of every watch that can have caused one.
func (s *session) watch(f found, rel func() string) (int32, fate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.t.lookup(f.key.wd)
	if p == none {
		return 0, 0, errMisplaced
	}
	path := func() string { return filepath.Join(s.w.root, rel()) }
	add := func() (int32, error) { return s.w.kernel.add(s.inst.FD, f.fd, s.w.opt.mask(), path) }
	if f.here {
		add = func() (int32, error) { return s.w.kernel.addHere(s.inst.FD, s.w.opt.mask()) }
	}
	wd, err := add()
	if err != nil {
		return 0, 0, err
	}
	n := s.t.lookup(wd)
	if n != none && n == s.t.root {
		// This is the root, mounted somewhere below itself. It was watched already, and its mask
		// has just lost the root's own events, so it is added again.
		_, _ = s.w.kernel.add(s.inst.FD, f.fd, s.maskLocked(n), path)
		return 0, 0, errMisplaced
	}
	if s.moves.Load() != f.stamp && !sameDir(f.parentFD, f.key.name, f.fd) {
		// The directory was moved after it was opened, and the event of that may have been handled
		// already: to place it here would undo that.
		if n == none {
			s.inst.unwatch(wd)
		}
		s.jobs.add(&job{key: f.key})
		return 0, 0, errMisplaced
	}
	if len(s.uncovered.dirs) > 0 {
		s.coveredLocked(f.key, rel())
	}
	return wd, s.placeLocked(n, p, wd, f), nil
}

// sameDir tells whether name in dirfd is still the directory fd.
func sameDir(dirfd int, name string, fd int) bool {
	var a, b unix.Stat_t
	return unix.Fstatat(dirfd, name, &a, unix.AT_SYMLINK_NOFOLLOW) == nil && unix.Fstat(fd, &b) == nil &&
		a.Dev == b.Dev && a.Ino == b.Ino
}

// placeLocked gives the directory wd, which a walk has found in p, that place. n
// is its node, if it has one. What had another place is listed next in any case.
func (s *session) placeLocked(n, p, wd int32, at found) fate {
	name := []byte(at.key.name)
	old := s.t.childOf(p, name)
	if n != none && old == n {
		if at.listed {
			s.t.at(n).seen = s.repair.gen
		}
		return fateSame
	}
	s.t.placed = s.t.epoch
	if old != none {
		s.t.toLimbo(old, 0)
	}
	f := fateMoved
	switch n {
	case none:
		n, f = s.t.create(wd), fateNew
		s.w.count.watches.Add(1)
	default:
		if s.t.at(n).flags&flagDoomed != 0 {
			s.t.at(n).flags &^= flagDoomed
			f = fateNew
		}
		s.t.unloop(p, n)
		if from := s.t.at(n).parent; from != none {
			// The table was wrong about the old place of the directory, so it may be wrong about
			// what is there now: RENAME_EXCHANGE with a directory that was made a moment ago looks
			// like a rename there and back.
			s.jobs.add(&job{key: jobKey{s.t.at(from).wd, string(s.t.nameOf(n))}})
		}
		s.t.detach(n)
	}
	s.t.at(n).epoch, s.t.at(n).seen = s.t.epoch, s.repair.gen
	s.t.place(n, p, name)
	return f
}
