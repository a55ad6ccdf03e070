package backlog

import (
	"slices"
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/change"
)

// Limits bound a Backlog; zero fields take the defaults.
type Limits struct {
	Paths   int   // beyond them the tree is compared as a whole; default 100,000
	Content int64 // bytes of content that waits; what is beyond is fetched; default 32 MiB
}

// Backlog is the set. It belongs to one goroutine.
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

// Len is how many paths are not as the stream says, those in flight included.
func (b *Backlog) Len() int { return len(b.waiting) + len(b.flying) }

// Flying is how many of them are in flight.
func (b *Backlog) Flying() int { return len(b.flying) }

// Full says that no further message should be taken: what waits are removals, which
// cannot be merged.
func (b *Backlog) Full() bool { return b.wipes >= b.limits.Paths }

// Put takes an entry of the message at a mark.
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
		i.Entry = old.Entry // a comparison brings the directory itself, too
		i.Wipe = old.Wipe
	case e.State == change.Dir && old.removes():
		i.Wipe = true
	case e.State == change.Tree:
		i.Entry.Exact = e.Exact || old.Entry.Exact
		i.Wipe = old.removes()
	}
	b.add(i)
}

// Restore takes an item that was remembered over a restart.
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

// dropBelow forgets what waits below a path that decides about all of it; removals
// stay when it is only compared. It returns the oldest mark among what was dropped.
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

// collapse makes one comparison of the whole tree of all that waits, removals aside.
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

// remove takes an item out of the set of what waits.
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

// Local takes the next item that is applied. The caller gives it back with Return if
// that fails.
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

// Fetch takes what one run is to fetch: a tree alone, or up to limit files. Items that
// have failed more than once come one by one. Each is given back with Landed or Failed.
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
		// It flies at once: no path above or below comes into the same run.
		b.remove(i)
		b.flying[i.Path()] = i
		count(b.flyingBelow, i.Path(), 1)
		return false, alone || len(batch) == limit
	})
	return batch
}

// Landed says that an item that was in flight is as it is to be.
func (b *Backlog) Landed(i *Item) {
	b.land(i)
	b.unblock()
}

// Failed says that an item in flight is tried again, not before a time. A later entry
// for its path takes its place.
func (b *Backlog) Failed(i *Item, notBefore time.Time) {
	b.land(i)
	b.Return(i, notBefore)
	b.unblock()
}

func (b *Backlog) land(i *Item) {
	delete(b.flying, i.Path())
	count(b.flyingBelow, i.Path(), -1)
}

// Return takes back an item that has failed. What was said later counts, for its path
// and for those above.
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
	i.stamp++ // not before its time
	i.due = notBefore
	b.delayed = append(b.delayed, i)
}

// unblock lets everything that had to wait for another item be tried again.
func (b *Backlog) unblock() {
	for _, i := range b.blocked {
		if b.waiting[i.Path()] == i {
			b.enqueue(i)
		}
	}
	clear(b.blocked)
	b.blocked = b.blocked[:0]
}

// Wake makes what has failed ready when its time has come, and tells when the next
// one is due; zero: none is.
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

// Oldest is the mark of the oldest message that is not carried out; ok is false when
// all are.
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

// Remember is what has to be known after a restart, in the order in which Restore is to
// be called, and without content.
// Where that is more than limit items, one comparison of the tree stands for all but
// the removals.
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
	// What is above comes first, and of one path what was in flight.
	slices.SortStableFunc(all, func(a, b Item) int { return strings.Compare(a.Entry.Path, b.Entry.Path) })
	return all
}

// up calls do for the path and every directory above it, the root "" last, until it
// says false.
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

// Removes tells whether something waits that is removed.
func (b *Backlog) Removes() bool { return b.wipes > 0 }

// Applies tells whether Local may have something.
func (b *Backlog) Applies() bool { return len(b.local.slots) > 0 }

// Decides tells whether something waits, or is in flight, that decides about a path.
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
