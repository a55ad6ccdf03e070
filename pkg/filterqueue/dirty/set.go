// Package dirty is the dirty set of a lane: which paths are waiting for a run and
// which are in flight.
//
// Events are turned into state at once: a path is dirty until a run that started
// later has succeeded for it, so order and number of events do not matter. The
// package does no I/O, starts no goroutine and reads no clock: time is passed in.
package dirty

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"
)

// Flags say what is known about a dirty path beyond "look at it".
type Flags uint8

// The flags of a mark; they accumulate until a run has succeeded; but of Content and Arrival only
// the later one counts (see with).
const (
	Tree    Flags = 1 << iota // everything below, recursively
	Content                   // a content or replacement event: lifts -u for this path
	Gone                      // a deletion or a move away was seen on this host: a run for the tree may delete in it
	Extras                    // entries may have been deleted here without an event: ask the target what only it has
	Arrival                   // another host's rsync has put the file here: no change of this host
	Unsure                    // a scan has found it: contents may differ whatever size and time say
)

// with adds the flags of a later mark. When a file was written here after another host had put it
// here, the change is this host's, and the other way round; a tree may have files of both kinds.
func (f Flags) with(later Flags) Flags {
	if (f|later)&Tree == 0 {
		switch {
		case later&Content != 0:
			f &^= Arrival
		case later&Arrival != 0:
			f &^= Content
		}
	}
	return f | later
}

// Item is one dirty path handed to a run.
type Item struct {
	Path    string    // relative to the watch root; "" is the root itself
	Flags   Flags     // what is known about it
	Since   time.Time // first mark that no successful run has covered
	Last    time.Time // latest mark
	Attempt int       // failed attempts so far
	Looked  bool      // found absent once; the second look is due
	// From is where the path stood before on this host, if the remote still has it there unchanged;
	// empty: unknown. It only helps to save bytes.
	From string
}

// Stats is a snapshot of a dirty set.
type Stats struct {
	Pending   int       // paths waiting for a run, delayed ones included
	InFlight  int       // paths that a run works on
	Delayed   int       // failing paths: those with Attempt > 0, in flight or not
	Oldest    time.Time // first mark of the oldest path that is pending or in flight; zero if none
	Collapsed uint64    // how often a directory has taken the place of its many dirty entries
}

// The bounds of the dirty set. They keep a remote that is down for a week from
// costing more memory than the tree's shape.
const (
	// defaultFanOut is how many dirty entries one directory may have. A list
	// of 4096 names costs rsync about as much as comparing the directory.
	defaultFanOut = 4096
	// defaultSpare is how many pending paths (some 3 MB) are never collapsed.
	defaultSpare = 20_000
	// defaultCeiling is the number of pending paths from which on the fan-out shrinks, 64-fold for
	// each doubling, so that no shape of tree makes the set grow without end.
	defaultCeiling = 2_000_000
	// defaultHashes is some 16 MB.
	defaultHashes = 1_000_000
	// scanLimit bounds how many blocked paths one Take sets aside, and so how long Mark may have to
	// wait for the lock.
	scanLimit = 65_536
	// clockSlack is how far a caller's "now" may lie behind another caller's
	// without being taken for a clock that was set back.
	clockSlack = time.Second
)

// Limits are the bounds of a dirty set; zero fields take the defaults.
type Limits struct {
	FanOut  int // dirty entries of one directory before it is collapsed
	Spare   int // pending paths below which nothing is collapsed
	Ceiling int // pending paths above which the fan-out shrinks
	Hashes  int // deletions that are known by a hash alone; more are forgotten
}

// Set is the dirty set of one lane: which paths are waiting for a run and
// which are in flight. It is safe for concurrent use.
//
// A pending tree absorbs what is pending below it. No two Takes hand out the
// same path, or a path and its ancestor, until the first is given back by
// Done, Return or Drop; within one Take a flat directory may come together
// with entries of it, parents first. A flat directory waits until nothing
// below it is in flight and does not hold up its entries meanwhile, so that a
// huge file in flight never delays small ones beside it. Every operation costs
// the path's depth, amortised.
type Set struct {
	opt   Limits
	ready chan struct{} // capacity 1: "something may be takeable"; never closed
	// base is the time from which delays are counted, by the monotonic clock: setting the clock
	// back makes no delay longer.
	base time.Time

	mu        sync.Mutex
	root      *node
	queue     mark               // ring of takeable marks, first marked first
	age       mark               // ring of all marks in flight or pending, oldest first
	delayed   delayHeap          // marks that wait for their notBefore
	failing   map[*mark]struct{} // marks with Attempt > 0
	gone      deletions          // seen inside of trees, which wait for them
	origins   origins            // of what was moved
	pending   int
	inFlight  int
	collapsed uint64
	last      int64 // latest "now" seen, unix ns
}

// New returns an empty set. now is the caller's clock, from which delays are
// counted.
func New(now time.Time, opt Limits) *Set {
	if opt.FanOut <= 0 {
		opt.FanOut = defaultFanOut
	}
	if opt.Spare <= 0 {
		opt.Spare = defaultSpare
	}
	if opt.Ceiling <= 0 {
		opt.Ceiling = defaultCeiling
	}
	if opt.Hashes <= 0 {
		opt.Hashes = defaultHashes
	}
	d := &Set{
		opt:     opt,
		ready:   make(chan struct{}, 1),
		base:    now,
		root:    &node{},
		failing: make(map[*mark]struct{}),
		gone:    newDeletions(opt.Spare, opt.Hashes),
		origins: origins{from: map[string]string{}, to: map[string]string{}},
	}
	d.queue.initQueue()
	d.age.initAge()
	return d
}

// FanOut is how many dirty entries one directory of a set may have.
func FanOut(d *Set) int { return d.opt.FanOut }

// Ready returns a one-slot signal: after a receive, Take may have something.
func (d *Set) Ready() <-chan struct{} { return d.ready }

func (d *Set) signal() {
	select {
	case d.ready <- struct{}{}:
	default:
	}
}

// Mark makes path dirty, or adds f to the flags of a dirty path. The set keeps path; lanes may
// share the string.
func (d *Set) Mark(path string, f Flags, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.markLocked(path, f, d.stampLocked(now))
}

// Take moves at most limit paths that are ready and not blocked to "in
// flight" and returns them, oldest first, parents before their entries. The
// caller gives each back by exactly one of Done, Return and Drop.
func (d *Set) Take(now time.Time, limit int) []Item {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wakeLocked(d.sinceBase(now))
	var took []*node
	scanned := 0
	for m := d.queue.qnext; m != &d.queue && len(took) < limit; scanned++ {
		if scanned == scanLimit+limit {
			d.signal() // the rest in another call
			break
		}
		next := m.qnext
		m.unqueue()
		if n := m.node; !d.parkLocked(n, m) {
			m.where = taken
			took = append(took, n)
		}
		m = next
	}
	// Only now are they in flight, so that within one Take no path blocks another.
	for _, n := range took {
		n.fly, n.pend = n.pend, nil
		d.gone.compare(n.fly)
		n.fly.heapIndex = fresh
		n.fly.initQueue() // from now on the ring of those that wait for it
		d.countLocked(n, -1, +1)
	}
	if d.queue.qnext != &d.queue && len(took) > 0 {
		d.signal()
	}
	items := parentsFirst(took)
	for i := range items {
		items[i].From = d.origins.of(d.root, &items[i])
	}
	return items
}

// Done reports success: everything that was marked before the Take is on the remote, except
// deletions inside a tree that was not deleted itself. Those become pending now, as does what was
// marked after the Take.
func (d *Set) Done(it Item) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.root.find(it.Path)
	if n == nil || n.fly == nil {
		return
	}
	m := d.landLocked(n)
	d.origins.forget(it.Path)
	d.remarkLocked(m)
	d.forgetLocked(m)
	d.prune(n)
}

// Return makes an item pending again, with Flags, Attempt and Looked as the caller set them, merged
// with what was marked meanwhile. It is not taken before notBefore; only a fresh event on a path
// that has not failed (Attempt 0) makes it ready at once. If it.From is empty the origin is
// forgotten.
func (d *Set) Return(it Item, notBefore time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.root.find(it.Path)
	if n == nil || n.fly == nil {
		return
	}
	m := d.landLocked(n)
	fresh := n.pend
	if it.From == "" {
		d.origins.forget(it.Path)
	}
	m.flags = it.Flags | m.flags&wasClean
	if it.Looked {
		m.flags |= seenAbsent
	}
	m.attempt = int16(min(max(it.Attempt, 0), math.MaxInt16))
	m.notBefore = 0
	if !notBefore.IsZero() {
		m.notBefore = d.sinceBase(notBefore)
	}
	if fresh != nil {
		m.flags, m.last = m.flags.with(fresh.flags)&^wasClean, fresh.last
		d.gone.bequeath(fresh, m)
		if m.attempt == 0 {
			m.notBefore = 0
			m.flags &^= seenAbsent
		}
		d.dropPendingLocked(n)
	}
	if a := n.absorber(); a != nil {
		d.absorbLocked(a, m)
		d.prune(n)
		return
	}
	d.addPendingLocked(n, m)
	d.enqueueLocked(m, false)
	d.collapseLocked(n)
}

// Drop replaces a path by another one, as Done(it) and Mark(asPath, f) would in one step: a path
// that is gone by its topmost missing ancestor. asPath inherits the age of it.
func (d *Set) Drop(it Item, asPath string, f Flags, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	stamp := d.stampLocked(now)
	n := d.root.find(it.Path)
	if n == nil || n.fly == nil {
		d.markLocked(asPath, f, stamp)
		return
	}
	m := d.landLocked(n)
	d.origins.forget(it.Path)
	heir := d.markLocked(asPath, f, stamp)
	heir.inheritAge(m)
	d.remarkLocked(m)
	d.forgetLocked(m)
	d.prune(n)
}

// Covers tells whether path is pending or in flight, by itself or in a tree.
func (d *Set) Covers(path string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.root
	for end := 0; ; {
		if n.pend.absorbs() || n.fly != nil && n.fly.flags&Tree != 0 {
			return true
		}
		if end == len(path) {
			return n.pend != nil || n.fly != nil
		}
		start := end
		if start > 0 {
			start++
		}
		end = componentEnd(path, start)
		if n = n.child(path[start:end]); n == nil {
			return false
		}
	}
}

// NextReady returns the earliest time at which a delayed path becomes ready,
// and false when none is delayed. It is not before now.
func (d *Set) NextReady(now time.Time) (time.Time, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.delayed) == 0 {
		return time.Time{}, false
	}
	at := d.base.Add(time.Duration(d.delayed[0].notBefore))
	if at.Before(now) {
		return now, true
	}
	return at, true
}

// RetryNow makes all delayed paths ready. It is called when the remote answers again, or the
// interval of the fail log has passed.
func (d *Set) RetryNow() {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := slices.Clone(d.delayed)
	slices.SortFunc(all, func(a, b *mark) int { return cmp.Compare(a.since, b.since) })
	for _, m := range all {
		if m.where != delayedUntil {
			continue // absorbed by one before it
		}
		d.delayed.remove(m)
		m.notBefore = 0
		d.enqueueLocked(m, false)
	}
}

// Stats returns a snapshot in constant time.
func (d *Set) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Stats{Pending: d.pending, InFlight: d.inFlight, Delayed: len(d.failing), Collapsed: d.collapsed}
	if d.age.anext != &d.age {
		s.Oldest = time.Unix(0, d.age.anext.since)
	}
	return s
}

// Oldest returns at most limit items that are pending or in flight, oldest first.
func (d *Set) Oldest(limit int) []Item {
	d.mu.Lock()
	defer d.mu.Unlock()
	var items []Item
	for m := d.age.anext; m != &d.age && len(items) < limit; m = m.anext {
		items = append(items, m.item())
	}
	return items
}

// Failing returns at most limit items with Attempt > 0, oldest first.
func (d *Set) Failing(limit int) []Item {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]*mark, 0, len(d.failing))
	for m := range d.failing {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *mark) int {
		return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.node.path, b.node.path))
	})
	all = all[:min(max(limit, 0), len(all))]
	items := make([]Item, 0, len(all))
	for _, m := range all {
		items = append(items, m.item())
	}
	return items
}
