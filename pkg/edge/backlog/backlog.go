package backlog

import (
	"slices"
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/change"
)

// Limits bound a Backlog; zero fields take the defaults.
type Limits struct {
	Paths   int   // most paths that are kept; with more the tree is compared as a whole; default 100,000
	Content int64 // most bytes of content that are kept; files beyond that are fetched; default 32 MiB
}

// Backlog is what an edge has not applied yet. It belongs to one goroutine.
type Backlog struct {
	limits  Limits
	waiting map[string]*Item // not in flight
	flying  map[string]*Item
	// How many paths of each set are below a directory.
	waitingBelow, flyingBelow, wipesBelow map[string]int

	local, fetch queue
	blocked      []*Item // until something that is in flight, or above, has been done
	delayed      []*Item // until their time
	content      int64
	wipes        int
}

// New returns an empty Backlog.
func New(limits Limits) *Backlog {
	if limits.Paths == 0 {
		limits.Paths = 100_000
	}
	if limits.Content == 0 {
		limits.Content = 32 << 20
	}
	return &Backlog{
		limits: limits, waiting: map[string]*Item{}, flying: map[string]*Item{},
		waitingBelow: map[string]int{}, flyingBelow: map[string]int{}, wipesBelow: map[string]int{},
	}
}

// Len is how many paths have not the state of the stream yet, those in flight included.
func (b *Backlog) Len() int { return len(b.waiting) + len(b.flying) }

// Flying is how many of them are in flight.
func (b *Backlog) Flying() int { return len(b.flying) }

// Full says that no further message should be taken: the waiting items are removals, which cannot
// be replaced by a comparison.
func (b *Backlog) Full() bool { return b.wipes >= b.limits.Paths }

// Put adds an entry of the message that has the mark.
func (b *Backlog) Put(e change.Entry, m Mark) {
	if len(b.waiting) >= b.limits.Paths && b.waiting[e.Path] == nil && e.State != change.Gone {
		b.collapse(m)
	}
	if b.absorbed(e, m) {
		return
	}
	since := m
	if e.State != change.Dir {
		since = b.dropBelow(e.Path, e.State == change.Tree, since)
	}
	if e.Content != nil && b.content+int64(len(e.Content)) > b.limits.Content {
		e.Content, e.Fetch = nil, true
	}
	old := b.waiting[e.Path]
	if old == nil {
		b.add(&Item{Entry: e, Since: since, Needs: m.Generation})
		return
	}
	b.remove(old)
	i := &Item{Entry: e, Since: earlier(since, old.Since), Needs: m.Generation}
	switch {
	case e.State == change.Dir && old.Entry.State == change.Tree:
		i.Entry = old.Entry // the comparison also brings over the directory itself
		i.Wipe = old.Wipe
	case e.State == change.Dir && old.removes():
		i.Wipe = true
	case e.State == change.Tree:
		i.Entry.Exact = e.Exact || old.Entry.Exact
		i.Wipe = old.removes()
	}
	b.add(i)
}

// Restore adds an item that was remembered over a restart.
func (b *Backlog) Restore(i Item) {
	b.Put(i.Entry, i.Since)
	if w := b.waiting[i.Entry.Path]; w != nil && i.Wipe {
		b.remove(w)
		w.Wipe = true
		b.add(w)
	}
}

// absorbed tells whether a comparison that waits above the path covers an entry.
func (b *Backlog) absorbed(e change.Entry, m Mark) bool {
	covered := false
	up(e.Path, func(dir string) bool {
		w := b.waiting[dir]
		if w == nil || w.Entry.State != change.Tree || dir == e.Path {
			return true
		}
		w.Needs = max(w.Needs, m.Generation)
		switch e.State {
		case change.Gone:
		case change.Tree:
			w.Entry.Exact = w.Entry.Exact || e.Exact
			covered = true
		default:
			covered = e.Fetch || b.inFlight(e.Path)
		}
		return true
	})
	return covered && b.waiting[e.Path] == nil && b.waitingBelow[e.Path] == 0
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

// dropBelow drops the items that wait below a path whose own item decides about all of them. With
// keepWipes removals stay, because a comparison alone does not remove. It returns the oldest of
// oldest and the marks of the dropped items.
func (b *Backlog) dropBelow(path string, keepWipes bool, oldest Mark) Mark {
	if b.waitingBelow[path] == 0 {
		return oldest
	}
	for at, i := range b.waiting {
		if !isBelow(at, path) || keepWipes && i.wipes() {
			continue
		}
		oldest = earlier(oldest, i.Since)
		b.remove(i)
	}
	return oldest
}

// collapse replaces all waiting items except removals by one comparison of the whole tree.
func (b *Backlog) collapse(m Mark) {
	root := &Item{Entry: change.Entry{State: change.Tree}, Since: m, Needs: m.Generation}
	for _, i := range b.waiting {
		if i.wipes() {
			continue
		}
		root.Since = earlier(root.Since, i.Since)
		root.Needs = max(root.Needs, i.Needs)
		root.Entry.Exact = root.Entry.Exact || i.Entry.Exact
		b.remove(i)
	}
	if old := b.waiting[""]; old != nil {
		b.remove(old)
		root.Wipe = old.Wipe
	}
	b.add(root)
}

func (b *Backlog) add(i *Item) {
	b.waiting[i.Path()] = i
	count(b.waitingBelow, i.Path(), 1)
	b.content += int64(len(i.Entry.Content))
	if i.wipes() {
		b.wipes++
		count(b.wipesBelow, i.Path(), 1)
	}
	b.enqueue(i)
}

// remove takes an item out of the waiting ones.
func (b *Backlog) remove(i *Item) {
	delete(b.waiting, i.Path())
	count(b.waitingBelow, i.Path(), -1)
	b.content -= int64(len(i.Entry.Content))
	if i.wipes() {
		b.wipes--
		count(b.wipesBelow, i.Path(), -1)
	}
	i.stamp++
}

func (b *Backlog) enqueue(i *Item) {
	if i.Fetched() && !i.Wipe {
		b.fetch.push(i)
	} else {
		b.local.push(i)
	}
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

// Oldest is the mark of the oldest message that is not applied completely; ok is false when all
// are.
func (b *Backlog) Oldest() (m Mark, ok bool) {
	for _, set := range []map[string]*Item{b.waiting, b.flying} {
		for _, i := range set {
			if !ok {
				m, ok = i.Since, true
			}
			m = earlier(m, i.Since)
		}
	}
	return m, ok
}

// Failing is how many paths have failed and wait to be tried again.
func (b *Backlog) Failing() (n int) {
	for _, i := range b.delayed {
		if b.waiting[i.Path()] == i {
			n++
		}
	}
	return n
}

// Remember returns the items to be kept over a restart, in the order in which Restore is to be
// called, and without content. With more than limit items, one comparison of the tree stands for
// all but the removals.
func (b *Backlog) Remember(limit int) []Item {
	var all []Item
	root := Item{Entry: change.Entry{State: change.Tree}}
	few := b.Len() <= limit
	for _, set := range []map[string]*Item{b.flying, b.waiting} {
		for _, i := range set {
			m := Item{Entry: i.Entry, Wipe: i.Wipe, Since: i.Since, Needs: i.Needs}
			if m.Entry.Content != nil || m.Entry.State == change.File {
				m.Entry.Content, m.Entry.Fetch = nil, true
			}
			if few || i.wipes() {
				all = append(all, m)
				continue
			}
			if root.Since == (Mark{}) {
				root.Since = i.Since
			}
			root.Since = earlier(root.Since, i.Since)
			root.Needs = max(root.Needs, i.Needs)
			root.Entry.Exact = root.Entry.Exact || i.Entry.Exact
		}
	}
	if !few && root.Since != (Mark{}) {
		all = append(all, root)
	}
	// Directories come before what is below them, and of one path the item in flight comes first.
	slices.SortStableFunc(all, func(a, b Item) int { return strings.Compare(a.Entry.Path, b.Entry.Path) })
	return all
}

// up calls do for the path and every directory above it, the root "" last, until do returns false.
func up(path string, do func(string) bool) {
	for do(path) && path != "" {
		path = path[:max(0, strings.LastIndexByte(path, '/'))]
	}
}

// count adds n to every directory above the path.
func count(below map[string]int, path string, n int) {
	for path != "" {
		path = path[:max(0, strings.LastIndexByte(path, '/'))]
		if below[path] += n; below[path] == 0 {
			delete(below, path)
		}
	}
}

func isBelow(path, dir string) bool {
	return dir == "" && path != "" || len(path) > len(dir) && path[len(dir)] == '/' && path[:len(dir)] == dir
}

func earlier(a, b Mark) Mark {
	if b.Sequence < a.Sequence {
		return b
	}
	return a
}

// Removes tells whether a removal waits.
func (b *Backlog) Removes() bool { return b.wipes > 0 }

// Applies tells whether Local may return an item.
func (b *Backlog) Applies() bool { return len(b.local.slots) > 0 }

// Decides tells whether an item that waits or is in flight decides about a path.
func (b *Backlog) Decides(path string) bool {
	found := b.inFlight(path)
	up(path, func(dir string) bool {
		w := b.waiting[dir]
		found = found || w != nil && (dir == path || w.removes())
		return !found
	})
	return found
}

// Comparing tells whether the whole tree is to be compared, or is being compared.
func (b *Backlog) Comparing() bool {
	for _, i := range []*Item{b.waiting[""], b.flying[""]} {
		if i != nil && i.Entry.State == change.Tree {
			return true
		}
	}
	return false
}
