package inotify

import "time"

const (
	// limboTime is how long a directory may be without a place before its
	// watches are removed: the halves of a rename are queued one right after
	// the other, but other events can come in between.
	limboTime = 50 * time.Millisecond
	// limboMax applies while jobs run that may still find the directory.
	limboMax = 2 * time.Second
)

// tree is the watch table together with the directories that have lost their
// place in it. Guarded by session.mu.
//
// A directory that was moved away, deleted or displaced is in limbo: it keeps its
// watch, because the other half of a rename or a walk may give it a place. When
// nothing has found it for a while it is doomed: its watches are removed.
type tree struct {
	*table
	rootWd  int32  // the watch of the root, also when the root is gone
	epoch   uint32 // how often the kernel's queue was seen empty
	placed  uint32 // epoch of the latest placement by a walk
	limbo   map[int32]limboed
	cookies map[uint32]int32 // the wd that a MOVED_FROM has put in limbo, until its MOVED_TO comes
	doomed  []int32          // wds whose watches are to be removed
}

// limboed is a directory without a place, and all below it.
type limboed struct {
	since  time.Time
	epoch  uint32
	cookie uint32
	from   jobKey // its place before, when cookie is set
}

func newTree() *tree {
	return &tree{table: newTable(), epoch: 2, limbo: map[int32]limboed{}, cookies: map[uint32]int32{}}
}

// unsettled tells whether a record that is read now may be older than n's placement. It waits for
// one more empty queue than seems necessary, because the reader counts an empty queue a moment
// after it has seen it.
func (t *tree) unsettled(n int32) bool { return t.epoch-t.at(n).epoch < 2 }

// toLimbo takes a node out of its place.
func (t *tree) toLimbo(n int32, cookie uint32) {
	e := t.at(n)
	l := limboed{since: time.Now(), epoch: t.epoch, cookie: cookie}
	if cookie != 0 && e.parent != none {
		l.from = jobKey{t.at(e.parent).wd, string(t.nameOf(n))}
		t.cookies[cookie] = e.wd
	}
	t.detach(n)
	t.limbo[e.wd] = l
}

// inLimbo tells whether a watched directory, or one above it, has no place.
func (t *tree) inLimbo(wd int32) bool {
	n := t.lookup(wd)
	return n != none && !t.attached(n)
}

// comeBack returns the node that the first half of a rename has put in limbo, or
// none. The second half asks for it once.
func (t *tree) comeBack(cookie uint32) int32 {
	wd, ok := t.cookies[cookie]
	if !ok {
		return none
	}
	delete(t.cookies, cookie)
	if _, waits := t.limbo[wd]; !waits {
		return none
	}
	return t.lookup(wd)
}

// pathBefore is the former path of a directory that the first half of a rename has put in limbo;
// empty: the directory that contained it has no place itself now.
func (t *tree) pathBefore(n int32) string {
	from := t.limbo[t.at(n).wd].from
	parent := t.lookup(from.wd)
	if parent == none || from.name == "" {
		return ""
	}
	path, ok := t.appendPath(nil, parent)
	if !ok {
		return ""
	}
	if len(path) > 0 {
		path = append(path, '/')
	}
	return string(append(path, from.name...))
}

// place attaches a node that has no place and takes it out of limbo.
func (t *tree) place(n, parent int32, name []byte) {
	delete(t.limbo, t.at(n).wd)
	t.attach(n, parent, name)
}

// unloop detaches p if the table has it below n, which can only be so because an event is still in
// the queue: n is about to be placed below p.
func (t *tree) unloop(p, n int32) {
	if !t.below(p, n) {
		return
	}
	for t.at(p).parent != n {
		p = t.at(p).parent
	}
	t.toLimbo(p, 0)
}

// forget takes a directory whose watch is gone out of the table. What is below it
// is in limbo.
func (t *tree) forget(n int32) {
	for c := t.at(n).child; c != none; c = t.at(n).child {
		t.toLimbo(c, 0)
	}
	delete(t.limbo, t.at(n).wd)
	t.remove(n)
}

// expire dooms directories for which no place was found. quiet says that no job is under way that
// may still find one.
func (t *tree) expire(now time.Time, quiet bool) {
	for wd, l := range t.limbo {
		age := now.Sub(l.since)
		if age < limboTime || t.epoch-l.epoch < 2 || !quiet && age < limboMax {
			continue
		}
		delete(t.limbo, wd)
		delete(t.cookies, l.cookie)
		if n := t.lookup(wd); n != none {
			t.at(n).flags |= flagDoomed
			t.doomed = append(t.doomed, wd)
		}
	}
}

// bury takes the next doomed directory out of the table and returns its wd; what is
// below it is doomed next. A walk may have found the directory in the meantime: then
// found is true, and its watch stays. more is false when nothing is doomed.
func (t *tree) bury() (wd int32, found, more bool) {
	last := len(t.doomed) - 1
	if last < 0 {
		t.doomed = nil
		return 0, false, false
	}
	wd = t.doomed[last]
	t.doomed = t.doomed[:last]
	n := t.lookup(wd)
	if n == none || t.at(n).flags&flagDoomed == 0 {
		return wd, true, true
	}
	for c := t.at(n).child; c != none; c = t.at(n).child {
		t.detach(c)
		t.at(c).flags |= flagDoomed
		t.doomed = append(t.doomed, t.at(c).wd)
	}
	t.remove(n)
	return wd, false, true
}

// listed notes that repair gen need not list a node and everything below it.
func (t *tree) listed(top int32, gen uint16) {
	for todo := []int32{top}; len(todo) > 0; {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if n == none {
			continue
		}
		t.at(n).seen = gen
		for c := t.at(n).child; c != none; c = t.at(c).next {
			todo = append(todo, c)
		}
	}
}

// unlisted returns the topmost directories that repair gen has not listed, and
// whether it has listed every directory there is. What is below an unlisted one is
// left to the next call, and so is what has no place now.
func (t *tree) unlisted(gen uint16) (missed []jobKey, whole bool) {
	whole = true
	for n := range int32(t.size) {
		e := t.at(n)
		if e.flags&flagUsed == 0 || n == t.root || e.seen == gen {
			continue
		}
		whole = false
		p := e.parent
		if p != none && (p == t.root || t.at(p).seen == gen) && t.attached(p) {
			missed = append(missed, jobKey{t.at(p).wd, string(t.nameOf(n))})
		}
	}
	return missed, whole
}
