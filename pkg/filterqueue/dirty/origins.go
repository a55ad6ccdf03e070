package dirty

import "time"

// maxOrigins bounds how many moves are remembered. They only save bytes: when more is moved at a
// time the rest is sent.
const maxOrigins = 4096

// origins say where moved paths stood before. That is a hint: the remote's copy at the old place
// can be linked to the new one before it is deleted. The hint is given only while the old place is
// unchanged since the move: nothing there was dirty before, nothing has come there since, and the
// remote has not lost it yet. Guarded by Set.mu.
type origins struct {
	from map[string]string // by the new place
	to   map[string]string // by the old place
	full int               // how often there was no room
}

// forget drops the origin of a path.
func (o *origins) forget(path string) {
	if from, ok := o.from[path]; ok {
		delete(o.from, path)
		delete(o.to, from)
	}
}

// of is where an item stood before, if that can still be used.
func (o *origins) of(root *node, it *Item) string {
	from := o.from[it.Path]
	if from == "" || it.Flags&Gone == 0 && root.hasLeft(from) {
		return from
	}
	o.forget(it.Path)
	return ""
}

// room tells whether one more move can be remembered. From time to time it drops those that can no
// longer be used.
func (o *origins) room(root *node) bool {
	if len(o.from) < maxOrigins {
		return true
	}
	if o.full++; o.full%maxOrigins != 1 {
		return false
	}
	for path, from := range o.from {
		if !root.holds(path) || !root.hasLeft(from) {
			o.forget(path)
		}
	}
	return len(o.from) < maxOrigins
}

// clean tells of a node without a pending mark whether nothing above or below it is dirty either,
// and it is not in flight.
func (n *node) clean() bool {
	if n.fly != nil || n.pendBelow+n.flyBelow > 0 {
		return false
	}
	for a := n.parent; a != nil; a = a.parent {
		if a.pend != nil && a.pend.flags&Tree != 0 || a.fly != nil && a.fly.flags&Tree != 0 {
			return false
		}
	}
	return true
}

// hasLeft tells whether a path below n was deleted here and is still unchanged on the remote.
func (n *node) hasLeft(path string) bool {
	k := n.find(path)
	if k == nil || k.pendBelow+k.flyBelow > 0 {
		return false
	}
	return k.pend != nil && k.fly == nil && k.pend.flags&wasClean != 0 || k.pend == nil && k.fly != nil && k.fly.flags&wasClean != 0
}

// holds tells whether a path below n is pending or in flight.
func (n *node) holds(path string) bool {
	k := n.find(path)
	return k != nil && (k.pend != nil || k.fly != nil)
}

// below tells whether a path lies below another one.
func below(path, dir string) bool {
	return len(path) > len(dir) && path[len(dir)] == '/' && path[:len(dir)] == dir
}

// Moves is the part of a set that knows of moves. Its methods are safe for concurrent use.
type Moves struct{ set *Set }

// Moves returns what the set knows of moves.
func (d *Set) Moves() Moves { return Moves{d} }

// Mark is Set.Mark for a path that has just come from another one, whose deletion was
// marked before.
func (m Moves) Mark(path, from string, f Flags, now time.Time) {
	d := m.set
	d.mu.Lock()
	defer d.mu.Unlock()
	carrier := d.markLocked(path, f, d.stampLocked(now))
	d.origins.forget(path)
	if first, ok := d.origins.from[from]; ok { // moved a second time before it was sent
		if n := d.root.find(from); n != nil && n.pend != nil && n.fly == nil {
			d.origins.forget(from)
			carrier.inheritAge(n.pend) // changes at the old place have moved along
			from = first
		}
	}
	if carrier.node.path != path || path == from || below(path, from) || below(from, path) || !d.root.hasLeft(from) || !d.origins.room(d.root) {
		return
	}
	d.origins.forget(d.origins.to[from])
	d.origins.from[path], d.origins.to[from] = from, path
}

// Useful tells whether a path in flight may make use of the place where it stood before.
func (m Moves) Useful(path, from string) bool {
	m.set.mu.Lock()
	defer m.set.mu.Unlock()
	return m.set.origins.from[path] == from && m.set.root.hasLeft(from)
}

// Await tells whether what was at a path, or with tree below it, was moved to another path that has
// not arrived yet: until then the remote's copy at the old path is needed.
func (m Moves) Await(path string, tree bool) bool {
	d := m.set
	d.mu.Lock()
	defer d.mu.Unlock()
	if to, ok := d.origins.to[path]; ok || !tree {
		return ok && d.root.holds(to)
	}
	for from, to := range d.origins.to {
		if below(from, path) && d.root.holds(to) {
			return true
		}
	}
	return false
}

// Forget drops the origin of a path.
func (m Moves) Forget(path string) {
	m.set.mu.Lock()
	defer m.set.mu.Unlock()
	m.set.origins.forget(path)
}

// Hasten makes the deletion of an old place ready if it was delayed without having failed.
func (m Moves) Hasten(path string) {
	d := m.set
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.root.find(path)
	if n == nil || n.pend == nil || n.pend.where != delayedUntil || n.pend.attempt > 0 {
		return
	}
	d.delayed.remove(n.pend)
	n.pend.notBefore = 0
	d.enqueueLocked(n.pend, false)
}
