package backlog

import (
	"time"

	"github.com/sersync/sersync/pkg/change"
)

// Local takes out the next item that needs no fetching. If applying it fails the caller gives it
// back with Return.
func (b *Backlog) Local() (*Item, bool) {
	var next *Item
	b.local.each(func(i *Item) (keep, stop bool) {
		if b.clashes(i) {
			i.stamp++
			b.blocked = append(b.blocked, i)
			return false, false
		}
		next = i
		return false, true
	})
	if next == nil {
		return nil, false
	}
	b.remove(next)
	if next.Wipe && next.Entry.State == change.Tree {
		// The removal is applied, and the comparison follows it.
		b.add(&Item{Entry: next.Entry, Since: next.Since, Needs: next.Needs})
		return &Item{Entry: change.Entry{Path: next.Path(), State: change.Gone}, Since: next.Since, Needs: next.Needs}, true
	}
	if next.removes() {
		b.unblock()
	}
	return next, true
}

// Fetch takes out the items that one run is to fetch: a tree alone, or up to limit files. Items
// that have failed more than once come one by one. Each is given back with Landed or Failed.
func (b *Backlog) Fetch(limit int) []*Item {
	var batch []*Item
	b.fetch.each(func(i *Item) (keep, stop bool) {
		if b.clashes(i) {
			i.stamp++
			b.blocked = append(b.blocked, i)
			return false, false
		}
		alone := i.Entry.State == change.Tree || i.Attempt > 1
		if alone && len(batch) > 0 {
			return true, true
		}
		batch = append(batch, i)
		// It is in flight at once, so that no path above or below it gets into the same run.
		b.remove(i)
		b.flying[i.Path()] = i
		count(b.flyingBelow, i.Path(), 1)
		return false, alone || len(batch) == limit
	})
	return batch
}

// clashes tells whether an item has to wait for another one.
func (b *Backlog) clashes(i *Item) bool {
	if b.inFlight(i.Path()) || b.flyingBelow[i.Path()] > 0 {
		return true
	}
	if i.Entry.State == change.Tree && b.wipesBelow[i.Path()] > 0 {
		return true // a removal must not take away what the comparison brings
	}
	found := false
	up(i.Path(), func(dir string) bool {
		w := b.waiting[dir]
		found = w != nil && w != i && w.removes()
		return !found
	})
	return found
}

// inFlight tells whether the path, or one above it, is in flight.
func (b *Backlog) inFlight(path string) bool {
	found := false
	up(path, func(dir string) bool {
		found = b.flying[dir] != nil
		return !found
	})
	return found
}

// Landed says that an item in flight has been brought to its state.
func (b *Backlog) Landed(i *Item) {
	b.land(i)
	b.unblock()
}

// Failed says that an item in flight has failed; it is tried again, but not before a time. If a
// later entry for its path waits, that one takes its place.
func (b *Backlog) Failed(i *Item, notBefore time.Time) {
	b.land(i)
	b.Return(i, notBefore)
	b.unblock()
}

func (b *Backlog) land(i *Item) {
	delete(b.flying, i.Path())
	count(b.flyingBelow, i.Path(), -1)
}

// Return takes back an item of Local that has failed. A later entry for its path, or for one above,
// counts instead.
func (b *Backlog) Return(i *Item, notBefore time.Time) {
	decided := false
	up(i.Path(), func(dir string) bool {
		w := b.waiting[dir]
		if decided = dir != i.Path() && w != nil && w.removes(); decided {
			w.Since = earlier(w.Since, i.Since)
		}
		return !decided
	})
	if decided {
		return
	}
	if later := b.waiting[i.Path()]; later != nil {
		b.remove(later)
		later.Since = earlier(later.Since, i.Since)
		later.Wipe = later.Wipe || i.removes() && later.Entry.State == change.Dir
		b.add(later)
		return
	}
	b.add(i)
	i.stamp++ // its place in the queue is void: it waits for its time
	i.due = notBefore
	b.delayed = append(b.delayed, i)
}

// unblock makes everything ready that had to wait for another item.
func (b *Backlog) unblock() {
	for _, i := range b.blocked {
		if b.waiting[i.Path()] == i {
			b.enqueue(i)
		}
	}
	clear(b.blocked)
	b.blocked = b.blocked[:0]
}

// Wake makes failed items ready whose time has come, and tells when the next one is due; zero: none
// is.
func (b *Backlog) Wake(now time.Time) (next time.Time) {
	kept := b.delayed[:0]
	for _, i := range b.delayed {
		switch {
		case b.waiting[i.Path()] != i:
		case i.due.After(now):
			kept = append(kept, i)
			if next.IsZero() || i.due.Before(next) {
				next = i.due
			}
		default:
			b.enqueue(i)
		}
	}
	clear(b.delayed[len(kept):])
	b.delayed = kept
	return next
}
