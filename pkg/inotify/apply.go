package inotify

import (
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent"
)

// handleLocked applies one record to the table and appends its event to the batch.
func (s *session) handleLocked(r *record) {
	if r.mask&unix.IN_Q_OVERFLOW != 0 {
		s.overflow = true
		s.repair.wanted, s.repair.owed = true, true
		s.inventory.overflow()
		return
	}
	n := s.t.lookup(r.wd)
	if n == none {
		return // its watch was removed while the record was queued
	}
	if r.mask&unix.IN_IGNORED != 0 {
		s.ignoredLocked(n)
		return
	}
	if len(r.name) == 0 {
		s.selfLocked(n, r.mask)
		return
	}
	s.inventoryLocked(r)
	if r.mask&unix.IN_ISDIR != 0 && r.mask&structure != 0 {
		s.dirLocked(n, r)
		return
	}
	s.fileLocked(n, r)
}

// fileLocked handles a record about an entry for which the watches need no change.
func (s *session) fileLocked(n int32, r *record) {
	op, before := opOf(r.mask), len(s.batch.events)
	s.batch.add(s.t, n, r.name, op, r.mask&unix.IN_ISDIR != 0, false)
	switch {
	case op == fsevent.MovedFrom:
		var dir []byte // the watch root has no name in the table
		if n != s.t.root {
			dir = s.t.nameOf(n)
		}
		path := ""
		if len(s.batch.events) > before {
			path = s.batch.events[before].Path
		}
		s.renames.left(r.cookie, path, dir, r.name)
	case op == fsevent.MovedTo && len(s.batch.events) > before:
		e := &s.batch.events[before]
		e.From, e.Arrived = s.renames.arrived(r.cookie, r.name)
	}
}

// opOf translates a mask: the kernel sets one event bit per record.
func opOf(mask uint32) fsevent.Op {
	switch {
	case mask&unix.IN_CLOSE_WRITE != 0:
		return fsevent.CloseWrite
	case mask&unix.IN_MODIFY != 0:
		return fsevent.Modify
	case mask&unix.IN_CREATE != 0:
		return fsevent.Create
	case mask&unix.IN_DELETE != 0:
		return fsevent.Delete
	case mask&unix.IN_ATTRIB != 0:
		return fsevent.Attrib
	case mask&unix.IN_MOVED_FROM != 0:
		return fsevent.MovedFrom
	case mask&unix.IN_MOVED_TO != 0:
		return fsevent.MovedTo
	}
	return 0
}

// selfLocked handles records about a watched directory itself. They matter for the root only: below
// it the same is reported, with a name, by the directory above.
func (s *session) selfLocked(n int32, mask uint32) {
	if n != s.t.root {
		return
	}
	if mask&(unix.IN_DELETE_SELF|unix.IN_MOVE_SELF|unix.IN_UNMOUNT) != 0 {
		s.lost = true
	}
	if mask&unix.IN_ATTRIB != 0 {
		s.batch.events = append(s.batch.events, fsevent.Event{Op: fsevent.Attrib, Dir: true})
	}
}

// dirLocked handles a directory that comes to n or leaves it.
func (s *session) dirLocked(n int32, r *record) {
	switch op := opOf(r.mask); op {
	case fsevent.Create:
		s.jobs.add(&job{key: jobKey{r.wd, string(r.name)}, op: fsevent.Create, appeared: true})
	case fsevent.Delete:
		s.batch.add(s.t, n, r.name, op, true, false)
		s.moves.Add(1)
		s.leaveLocked(n, r, 0)
	case fsevent.MovedFrom:
		s.batch.add(s.t, n, r.name, op, true, false)
		s.moves.Add(1)
		s.leaveLocked(n, r, r.cookie)
	case fsevent.MovedTo:
		s.moves.Add(1)
		s.arriveLocked(n, r)
	case fsevent.CloseWrite, fsevent.Modify, fsevent.Attrib:
		// The directory stays where it is.
	}
}

// leaveLocked takes the directory at a name in n out of its place. Its watch stays: it may come
// back under another name, and the watch of a deleted directory removes itself (a later directory
// of the same name has another one).
func (s *session) leaveLocked(n int32, r *record, cookie uint32) {
	c := s.t.childOf(n, r.name)
	switch {
	case c == none:
	case s.t.unsettled(c):
		s.jobs.add(&job{key: jobKey{r.wd, string(r.name)}})
	default:
		s.t.toLimbo(c, cookie)
	}
}

// arriveLocked handles IN_MOVED_TO: the other half of a rename gives the subtree
// its new place; without one, a tree has entered.
func (s *session) arriveLocked(n int32, r *record) {
	key := jobKey{r.wd, string(r.name)}
	src := s.t.comeBack(r.cookie)
	if src == none || s.t.below(n, src) {
		s.jobs.add(&job{key: key, op: fsevent.MovedTo})
		if src != none {
			s.jobs.add(&job{key: s.t.limbo[s.t.at(src).wd].from})
		}
		return
	}
	// rename(2) replaces an empty directory, RENAME_EXCHANGE a full one: then only a look at the
	// disk tells which of them is where.
	if old := s.t.childOf(n, r.name); old != none {
		s.t.toLimbo(old, 0)
		s.t.at(src).epoch, s.t.placed = s.t.epoch, s.t.epoch
	}
	from, before := s.t.pathBefore(src), len(s.batch.events)
	s.t.place(src, n, r.name)
	if s.batch.add(s.t, n, r.name, fsevent.MovedTo, true, true); len(s.batch.events) > before {
		s.batch.events[before].From = from
	}
	// A look at the disk is due after every rename. The kernel merges a record into an equal one
	// before it and does not compare the cookies: when two directories come to one name in a row,
	// the second one is not reported. And an exchange with a directory that is not in the table yet
	// looks like a rename there and back. And what Skip answers depends on the path, also for
	// everything below.
	look := &job{key: key}
	if s.w.opt.Skip != nil {
		look.purpose = walkBelow
	}
	s.jobs.add(look)
}

// ignoredLocked handles IN_IGNORED: the kernel has removed the watch of a directory.
func (s *session) ignoredLocked(n int32) {
	if n == s.t.root {
		s.lost = true
	}
	wd := s.t.at(n).wd
	s.t.forget(n)
	s.unwatchedLocked(wd)
}
