package dirty

import (
	"slices"
	"time"
)

// stampLocked turns a caller's now into the age of a mark. Ages never fall along the ring of age:
// callers read their clock before they take the lock, so small steps back are evened out; when the
// clock was really set back, no mark that exists is younger than now.
func (d *Set) stampLocked(now time.Time) int64 {
	t := now.UnixNano()
	if t < d.last-int64(clockSlack) {
		for m := d.age.anext; m != &d.age; m = m.anext {
			m.since = min(m.since, t)
		}
		d.last = t
	}
	d.last = max(d.last, t)
	return d.last
}

// markLocked does the work of Mark and returns the mark that carries path now.
func (d *Set) markLocked(path string, f Flags, stamp int64) *mark {
	n := d.root
	for end := 0; end < len(path); {
		if n.pend.absorbs() {
			return d.touchLocked(n.pend, d.gone.takeOver(n.pend, path, f), stamp)
		}
		start := end
		if start > 0 {
			start++
		}
		end = componentEnd(path, start)
		k := n.child(path[start:end])
		if k == nil {
			k = &node{parent: n, path: path[:end]}
			n.add(k)
		}
		n = k
	}
	if f&(Tree|Gone) == Tree {
		d.origins.forget(path) // another directory
	}
	if n.pend != nil {
		return d.touchLocked(n.pend, f, stamp)
	}
	if f&Gone != 0 && n.clean() {
		f |= wasClean
	}
	if n.fly != nil {
		// What the run in flight has seen at the path may have been replaced.
		f |= n.fly.flags & (Tree | Gone)
	}
	m := &mark{node: n, since: stamp, last: stamp, flags: f}
	m.ageBefore(&d.age)
	d.addPendingLocked(n, m)
	d.enqueueLocked(m, false)
	return d.collapseLocked(n)
}

// touchLocked adds the flags of a fresh event to a pending mark. A path that
// was found absent, or was put off without having failed, is ready at once.
func (d *Set) touchLocked(m *mark, f Flags, stamp int64) *mark {
	grown := f&^m.flags&Tree != 0
	m.flags, m.last = m.flags.with(f)&^wasClean, max(m.last, stamp)
	if m.attempt == 0 {
		m.flags &^= seenAbsent
		if m.where == delayedUntil {
			d.delayed.remove(m)
			m.notBefore = 0
			d.enqueueLocked(m, false)
			return m
		}
	}
	if grown {
		d.absorbBelowLocked(m)
	}
	return m
}

// enqueueLocked puts a pending mark that is in no ring into the right one: behind its own flight,
// among the delayed, or at the end (or front) of the queue.
func (d *Set) enqueueLocked(m *mark, front bool) {
	switch {
	case m.notBefore != 0:
		m.where = delayedUntil
		d.delayed.push(m)
	case m.node.fly != nil:
		m.where = behindSelf
	default:
		m.where = inQueue
		at := &d.queue
		if front {
			at = d.queue.qnext
		}
		m.queueBefore(at)
		d.signal()
	}
	d.absorbBelowLocked(m)
}

// parkLocked puts a blocked mark into the ring of the mark that blocks it.
func (d *Set) parkLocked(n *node, m *mark) bool {
	if n.flyBelow > 0 {
		m.where = behindBelow
		return true
	}
	if a := n.flyingAncestor(); a != nil {
		m.where = behindOther
		m.queueBefore(a.fly)
		return true
	}
	return false
}

// sinceBase is a time as notBefore keeps it, never 0.
func (d *Set) sinceBase(t time.Time) int64 {
	if since := int64(t.Sub(d.base)); since != 0 {
		return since
	}
	return 1
}

// wakeLocked queues the delayed marks that are due.
func (d *Set) wakeLocked(now int64) {
	for len(d.delayed) > 0 && d.delayed[0].notBefore <= now {
		m := d.delayed[0]
		d.delayed.remove(m)
		m.notBefore = 0
		d.enqueueLocked(m, false)
	}
}

// landLocked ends the flight of n and releases all that waited for it. The
// mark is returned, in no ring but that of age.
func (d *Set) landLocked(n *node) *mark {
	m := n.fly
	n.fly = nil
	d.releaseLocked(m)
	m.where = nowhere
	if n.pend != nil && n.pend.where == behindSelf {
		d.enqueueLocked(n.pend, true)
	}
	d.countLocked(n, 0, -1)
	for a := n.parent; a != nil; a = a.parent {
		if a.flyBelow == 0 && a.pend != nil && a.pend.where == behindBelow {
			d.enqueueLocked(a.pend, true)
		}
	}
	d.signal()
	return m
}

// releaseLocked moves the marks that m has blocked to the front of the queue: they have waited
// longest.
func (d *Set) releaseLocked(m *mark) {
	for w := m.qnext; w != m; w = w.qnext {
		w.where = inQueue
	}
	if m.qnext != m {
		first, last, head := m.qnext, m.qprev, d.queue.qnext
		first.qprev, last.qnext = &d.queue, head
		d.queue.qnext, head.qprev = first, last
	}
	m.qprev, m.qnext = nil, nil
}

// forgetLocked removes a mark that is in no queue from all counters and rings.
func (d *Set) forgetLocked(m *mark) {
	m.unage()
	delete(d.failing, m)
}

func (d *Set) addPendingLocked(n *node, m *mark) {
	n.pend = m
	m.node = n
	if m.attempt > 0 {
		d.failing[m] = struct{}{}
	} else {
		delete(d.failing, m)
	}
	d.countLocked(n, +1, 0)
}

// dropPendingLocked removes the pending mark of n for good.
func (d *Set) dropPendingLocked(n *node) {
	m := n.pend
	switch m.where {
	case inQueue, behindOther:
		m.unqueue()
	case delayedUntil:
		d.delayed.remove(m)
	case nowhere, behindSelf, behindBelow, taken: // in no list
	}
	n.pend = nil
	d.forgetLocked(m)
	d.countLocked(n, -1, 0)
}

// countLocked keeps the counters of n's ancestors and of the set. n.pend has already been changed.
func (d *Set) countLocked(n *node, pend, fly int32) {
	d.pending += int(pend)
	d.inFlight += int(fly)
	was := n.pendBelow > 0 || (n.pend != nil) != (pend != 0) // before this change
	is := n.pendBelow > 0 || n.pend != nil
	for a := n.parent; a != nil; a = a.parent {
		wasAbove := a.pendBelow > 0 || a.pend != nil
		switch {
		case is && !was:
			a.dirtyKids++
		case was && !is:
			a.dirtyKids--
		}
		a.pendBelow += pend
		a.flyBelow += fly
		was, is = wasAbove, a.pendBelow > 0 || a.pend != nil
	}
}

// prune removes nodes that carry nothing any more, from n upwards. n may
// have been removed before.
func (d *Set) prune(n *node) {
	for n.parent != nil && n.pend == nil && n.fly == nil && n.children == nil {
		if n.parent.child(n.name()) != n {
			return
		}
		n.parent.remove(n)
		n = n.parent
	}
}

// absorbLocked lets a pending tree take over a mark that is in no queue.
func (d *Set) absorbLocked(tree, m *mark) {
	f := d.gone.takeOver(tree, m.node.path, m.flags)
	d.gone.bequeath(m, tree)
	tree.inheritAge(m)
	d.forgetLocked(m)
	d.touchLocked(tree, f, m.last)
}

// absorbBelowLocked lets m, if it is such a tree, take over what is pending
// below it.
func (d *Set) absorbBelowLocked(m *mark) {
	n := m.node
	if !m.absorbs() || n.pendBelow == 0 {
		return
	}
	below := make([]*mark, 0, n.pendBelow)
	n.collect(&below)
	for _, b := range below {
		m.flags |= d.gone.takeOver(m, b.node.path, b.flags)
		d.gone.bequeath(b, m)
		m.inheritAge(b)
		k := b.node
		d.dropPendingLocked(k)
		d.prune(k)
	}
}

// collect appends the pending marks strictly below n.
func (n *node) collect(to *[]*mark) {
	n.each(func(k *node) {
		if k.pend != nil {
			*to = append(*to, k.pend)
		}
		if k.pendBelow > 0 {
			k.collect(to)
		}
	})
}

// collapseLocked makes a directory dirty as a whole when the path n below it,
// just marked, is one too many. It returns the mark that carries n's path.
func (d *Set) collapseLocked(n *node) *mark {
	carrier := n.pend
	if d.pending <= d.opt.Spare {
		return carrier
	}
	limit := int32(d.opt.FanOut)
	for p := d.pending; p > d.opt.Ceiling && limit > 1; p /= 2 {
		limit /= 64
	}
	limit = max(limit, 1)
	for a := n.parent; a != nil; a = a.parent {
		if a.dirtyKids <= limit {
			continue
		}
		d.collapsed++
		return d.treeLocked(a)
	}
	return carrier
}

// treeLocked makes a directory dirty with all below it.
func (d *Set) treeLocked(n *node) *mark {
	const f = Tree | Extras
	if n.pend != nil {
		// The failure that delays the directory is not one of its entries: those are due.
		n.pend.attempt = 0
		delete(d.failing, n.pend)
		return d.touchLocked(n.pend, f, d.last)
	}
	m := &mark{node: n, since: d.last, last: d.last, flags: f}
	if n.fly != nil {
		m.flags |= n.fly.flags & Gone
	}
	m.ageBefore(&d.age)
	d.addPendingLocked(n, m)
	d.enqueueLocked(m, false)
	return m
}

// parentsFirst lists nodes in order, each after those of its ancestors that
// are among them.
func parentsFirst(nodes []*node) []Item {
	items := make([]Item, 0, len(nodes))
	var chain []*node
	for _, n := range nodes {
		chain = chain[:0]
		for a := n; a != nil; a = a.parent {
			if a.fly != nil && a.fly.heapIndex == fresh {
				chain = append(chain, a)
			}
		}
		for _, a := range slices.Backward(chain) {
			a.fly.heapIndex = 0
			items = append(items, a.fly.item())
		}
	}
	return items
}
