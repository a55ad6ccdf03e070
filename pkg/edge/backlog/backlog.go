package backlog

import "github.com/sersync/sersync/pkg/change"

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

// Removes tells whether a removal waits.
func (b *Backlog) Removes() bool { return b.wipes > 0 }

// Applies tells whether Local may return an item.
func (b *Backlog) Applies() bool { return len(b.local.slots) > 0 }

// Comparing tells whether the whole tree is to be compared, or is being compared.
func (b *Backlog) Comparing() bool {
	for _, i := range []*Item{b.waiting[""], b.flying[""]} {
		if i != nil && i.Entry.State == change.Tree {
			return true
		}
	}
	return false
}

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
