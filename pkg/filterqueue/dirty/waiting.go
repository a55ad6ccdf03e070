package dirty

import "time"

// Waiting is one mark, as --pending and --where show it.
type Waiting struct {
	Item
	InFlight bool      // a run works on it
	Due      time.Time // it is not taken before; zero: as soon as a run starts
}

// Waiting returns the mark with which path waits: its own, or else that of the nearest tree above
// it. below counts the marks strictly below path.
func (d *Set) Waiting(path string) (w Waiting, below int, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.root
	for end := 0; ; {
		if m := n.heldBy(end == len(path)); m != nil {
			w, ok = d.waitingLocked(m), true
		}
		if end == len(path) {
			return w, int(n.pendBelow + n.flyBelow), ok
		}
		start := end
		if start > 0 {
			start++
		}
		end = componentEnd(path, start)
		if n = n.child(path[start:end]); n == nil {
			return w, 0, ok
		}
	}
}

// heldBy is the mark of n that a path waits with: any for itself, a tree's for
// what is below it. What is in flight comes first.
func (n *node) heldBy(itself bool) *mark {
	for _, m := range []*mark{n.fly, n.pend} {
		if m != nil && (itself || m.flags&Tree != 0) {
			return m
		}
	}
	return nil
}

// List returns at most limit marks that are pending or in flight, oldest first.
func (d *Set) List(limit int) []Waiting {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []Waiting
	for m := d.age.anext; m != &d.age && len(list) < limit; m = m.anext {
		list = append(list, d.waitingLocked(m))
	}
	return list
}

func (d *Set) waitingLocked(m *mark) Waiting {
	w := Waiting{Item: m.item(), InFlight: m.where == taken}
	if m.notBefore != 0 && m.where == delayedUntil {
		w.Due = d.base.Add(time.Duration(m.notBefore))
	}
	return w
}
