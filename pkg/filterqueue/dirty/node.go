package dirty

import (
	"strings"
	"time"
)

// node is one path component that is dirty or has dirty paths below it.
// Guarded by Set.mu.
type node struct {
	parent   *node
	path     string    // full path, a prefix of the string it was marked with
	children *children // nil: none
	pend     *mark     // not nil: pending
	fly      *mark     // not nil: in flight

	pendBelow int32 // pending paths strictly below
	flyBelow  int32 // paths in flight strictly below
	dirtyKids int32 // children which are pending or have pending paths below
}

// name is the last component of the node's path.
func (n *node) name() string { return n.path[strings.LastIndexByte(n.path, '/')+1:] }

func (n *node) child(name string) *node {
	if n.children == nil {
		return nil
	}
	return n.children.get(name)
}

func (n *node) add(k *node) {
	if n.children == nil {
		n.children = &children{}
	}
	n.children.add(k)
}

func (n *node) remove(k *node) {
	n.children.remove(k)
	if n.children.count() == 0 {
		n.children = nil
	}
}

// each calls f for every child; f must not add or remove any.
func (n *node) each(f func(*node)) {
	if n.children != nil {
		n.children.each(f)
	}
}

// find returns the node of path, or nil.
func (n *node) find(path string) *node {
	for end := 0; n != nil && end < len(path); {
		start := end
		if start > 0 {
			start++
		}
		end = componentEnd(path, start)
		n = n.child(path[start:end])
	}
	return n
}

// componentEnd returns the end of the component that begins at start.
func componentEnd(path string, start int) int {
	if i := strings.IndexByte(path[start:], '/'); i >= 0 {
		return start + i
	}
	return len(path)
}

// flyingAncestor returns the nearest ancestor in flight, or nil.
func (n *node) flyingAncestor() *node {
	for a := n.parent; a != nil; a = a.parent {
		if a.fly != nil {
			return a
		}
	}
	return nil
}

// absorber returns the pending mark of an ancestor that absorbs n, or nil.
func (n *node) absorber() *mark {
	for a := n.parent; a != nil; a = a.parent {
		if a.pend.absorbs() {
			return a.pend
		}
	}
	return nil
}

// place says where a mark is.
type place uint8

const (
	nowhere      place = iota
	inQueue            // in Set.queue
	delayedUntil       // in Set.delayed
	behindOther        // in the ring of an ancestor in flight
	behindSelf         // its own path is in flight
	behindBelow        // paths below it are in flight
	taken              // in flight; its queue links are the ring of those behind it
)

// Flags of a mark that an item does not have.
const (
	// wasClean: the mark is a deletion, and nothing at the path, above or below it was dirty
	// before, so that the remote has there what was here.
	wasClean Flags = 1 << 6
	// seenAbsent is Item.Looked.
	seenAbsent Flags = 1 << 7
)

// mark is one reason for a path to be dirty: that it is pending or in flight.
// It keeps its place in the order of age when it moves between the two.
type mark struct {
	aprev, anext *mark // ring of age
	qprev, qnext *mark // ring of the queue or of a blocker
	node         *node
	since, last  int64 // unix ns
	notBefore    int64 // ns since Set.base; 0: no delay
	heapIndex    int32 // valid while delayedUntil
	attempt      int16
	flags        Flags // and wasClean, seenAbsent; packed, as there may be millions of marks
	where        place
}

// absorbs reports whether marks below belong to m: if m is a pending tree, unless it is delayed
// after a failure, which must not hold up new changes.
func (m *mark) absorbs() bool {
	return m != nil && m.flags&Tree != 0 && (m.where != delayedUntil || m.attempt == 0)
}

func (m *mark) item() Item {
	return Item{
		Path: m.node.path, Flags: m.flags &^ (wasClean | seenAbsent), Since: time.Unix(0, m.since), Last: time.Unix(0, m.last),
		Attempt: int(m.attempt), Looked: m.flags&seenAbsent != 0,
	}
}

func (m *mark) initQueue() { m.qprev, m.qnext = m, m }
func (m *mark) initAge()   { m.aprev, m.anext = m, m }

// queueBefore links m into a ring in front of at.
func (m *mark) queueBefore(at *mark) {
	m.qprev, m.qnext = at.qprev, at
	at.qprev.qnext = m
	at.qprev = m
}

func (m *mark) unqueue() {
	m.qprev.qnext, m.qnext.qprev = m.qnext, m.qprev
	m.qprev, m.qnext = nil, nil
	m.where = nowhere
}

func (m *mark) ageBefore(at *mark) {
	m.aprev, m.anext = at.aprev, at
	at.aprev.anext = m
	at.aprev = m
}

func (m *mark) unage() {
	m.aprev.anext, m.anext.aprev = m.anext, m.aprev
	m.aprev, m.anext = nil, nil
}

// inheritAge gives m the age of an older mark, whose change m now carries.
func (m *mark) inheritAge(o *mark) {
	if m == o || o.since >= m.since {
		return
	}
	m.unage()
	m.ageBefore(o)
	m.since = o.since
}
