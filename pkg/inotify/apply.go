package inotify

import (
	"time"

	"golang.org/x/sys/unix"
)

// handle applies one record to the table and appends its event to the batch.
// The caller holds mu.
func (s *session) handle(r *record) {
	if r.mask&unix.IN_Q_OVERFLOW != 0 {
		s.overflow = true
		s.repair.wanted, s.repair.overflow = true, true
		return
	}
	n := s.t.lookup(r.wd)
	if n == none {
		return // its watch was removed while the record was queued
	}
	if r.mask&unix.IN_IGNORED != 0 {
		s.killLocked(n)
		return
	}
	if len(r.name) == 0 {
		s.handleSelf(n, r.mask)
		return
	}
	if r.mask&unix.IN_ISDIR != 0 && r.mask&structure != 0 {
		s.handleDir(n, r)
		return
	}
	s.emit(n, r.name, opOf(r.mask), r.mask&unix.IN_ISDIR != 0, false)
}

// opOf translates a mask: the kernel sets one event bit per record.
func opOf(mask uint32) Op {
	switch {
	case mask&unix.IN_CLOSE_WRITE != 0:
		return CloseWrite
	case mask&unix.IN_MODIFY != 0:
		return Modify
	case mask&unix.IN_CREATE != 0:
		return Create
	case mask&unix.IN_DELETE != 0:
		return Delete
	case mask&unix.IN_ATTRIB != 0:
		return Attrib
	case mask&unix.IN_MOVED_FROM != 0:
		return MovedFrom
	case mask&unix.IN_MOVED_TO != 0:
		return MovedTo
	}
	return 0
}

// handleSelf takes records about a watched directory itself. Below the root
// the same comes, with a name, from the directory above.
func (s *session) handleSelf(n int32, mask uint32) {
	if n != s.t.root {
		return
	}
	if mask&(unix.IN_DELETE_SELF|unix.IN_MOVE_SELF|unix.IN_UNMOUNT) != 0 {
		s.lost = true
	}
	if mask&unix.IN_ATTRIB != 0 {
		s.batch = append(s.batch, Event{Op: Attrib, Dir: true})
	}
}

// handleDir takes a directory's coming or going in n.
func (s *session) handleDir(n int32, r *record) {
	switch op := opOf(r.mask); op {
	case Create:
		s.addJob(&job{key: jobKey{r.wd, string(r.name)}, op: Create, appeared: true})
	case Delete:
		s.emit(n, r.name, op, true, false)
		s.moves.Add(1)
		s.leave(n, r, 0)
	case MovedFrom:
		s.emit(n, r.name, op, true, false)
		s.moves.Add(1)
		s.leave(n, r, r.cookie)
	case MovedTo:
		s.moves.Add(1)
		s.arrive(n, r)
	}
}

// leave takes the directory at a name in n from its place. Its watch stays:
// it may come back under another name, and the watch of a deleted directory
// removes itself (a later directory of the same name has another one).
func (s *session) leave(n int32, r *record, cookie uint32) {
	c := s.t.childOf(n, r.name)
	switch {
	case c == none:
	case s.unsettled(c):
		s.addJob(&job{key: jobKey{r.wd, string(r.name)}})
	default:
		s.toLimbo(c, cookie)
	}
}

// arrive handles IN_MOVED_TO: the other half of a rename gives the subtree
// its new place; without one, a tree has entered.
func (s *session) arrive(n int32, r *record) {
	key := jobKey{r.wd, string(r.name)}
	src := none
	if wd, ok := s.cookies[r.cookie]; ok {
		delete(s.cookies, r.cookie)
		if _, waits := s.limbo[wd]; waits {
			src = s.t.lookup(wd)
		}
	}
	if src == none || s.t.below(n, src) {
		s.addJob(&job{key: key, op: MovedTo})
		if src != none {
			s.addJob(&job{key: s.limbo[s.t.at(src).wd].from})
		}
		return
	}
	// rename(2) replaces an empty directory, RENAME_EXCHANGE a full one: then
	// the disk has to tell which of them is where.
	if old := s.t.childOf(n, r.name); old != none {
		s.toLimbo(old, 0)
		s.t.at(src).epoch, s.placed = s.epoch, s.epoch
	}
	s.place(src, n, r.name)
	s.emit(n, r.name, MovedTo, true, true)
	// A look at the disk is due after every rename. The kernel merges a record
	// into an equal one before it and does not compare the cookies: of two
	// directories that came to one name in a row, the second is not announced.
	// And an exchange with a directory that is not in the table yet looks like
	// a rename there and back.
	// A Skip verdict depends on the path, for everything below as well.
	s.addJob(&job{key: key, deep: s.w.opt.Skip != nil})
}

// place attaches a node that has no place and takes it out of limbo.
func (s *session) place(n, parent int32, name []byte) {
	delete(s.limbo, s.t.at(n).wd)
	s.t.attach(n, parent, name)
}

// unsettled tells whether a record read now may be older than n's place.
// One more empty queue than it seems is needed: the reader counts it a moment
// after it has seen it.
func (s *session) unsettled(n int32) bool { return s.epoch-s.t.at(n).epoch < 2 }

// limboed is a subtree without a place: moved away, deleted or displaced.
type limboed struct {
	since  time.Time
	epoch  uint32
	cookie uint32
	from   jobKey // its place before, when cookie is set
}

// toLimbo takes a node from its place.
func (s *session) toLimbo(n int32, cookie uint32) {
	e := s.t.at(n)
	l := limboed{since: time.Now(), epoch: s.epoch, cookie: cookie}
	if cookie != 0 && e.parent != none {
		l.from = jobKey{s.t.at(e.parent).wd, string(s.t.nameOf(n))}
		s.cookies[cookie] = e.wd
	}
	s.t.detach(n)
	s.limbo[e.wd] = l
}

// killLocked forgets a directory whose watch the kernel has removed.
func (s *session) killLocked(n int32) {
	if n == s.t.root {
		s.lost = true
	}
	for c := s.t.at(n).child; c != none; c = s.t.at(n).child {
		s.toLimbo(c, 0)
	}
	delete(s.limbo, s.t.at(n).wd)
	s.t.remove(n)
	s.freed = true
	s.w.count.watches.Add(-1)
}

// emit appends an event to the batch. What happens in limbo is not reported:
// the subtree is reported as a whole when it finds its place.
func (s *session) emit(n int32, name []byte, op Op, dir, covered bool) {
	if op == 0 {
		return
	}
	if s.pathNode != n || s.pathVer != s.t.version {
		var ok bool
		if s.path, ok = s.t.appendPath(s.path[:0], n); !ok {
			s.pathNode = none
			return
		}
		if len(s.path) > 0 {
			s.path = append(s.path, '/')
		}
		s.pathNode, s.pathVer = n, s.t.version
	}
	size := len(s.path)
	s.path = append(s.path, name...)
	// What happens to a file mostly comes as neighbours: created and closed,
	// closed and moved.
	e := Event{Op: op, Dir: dir, Covered: covered}
	if k := len(s.batch); k > 0 && s.batch[k-1].Path == string(s.path) {
		e.Path = s.batch[k-1].Path
	} else {
		e.Path = string(s.path)
	}
	s.batch = append(s.batch, e)
	s.path = s.path[:size]
}
