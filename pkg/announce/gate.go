// Package announce decides when plugins are told about a path: once every
// remote of its watch root has it, or has failed once, so that one dead node
// does not stop the others' CDN purge (2.5.4 ran its plugin after all remotes
// of an event, failed or not); or, on request, once all remotes really have it.
package announce

import (
	"sync"
	"time"

	"github.com/sersync/sersync/pkg/filterqueue"
)

// Gate holds the notices of one watch root back until its lanes have settled
// them. It is safe for concurrent use and starts nothing.
type Gate struct {
	opt Options

	// order is held from a change of the state until the notices that the change lets through have
	// been handed on, so that notices of one path keep their order. It is locked before mu.
	order sync.Mutex

	mu      sync.Mutex
	waiting tree
	down    map[string]bool // lanes whose remote is in trouble
	dropped uint64
}

// Options configure a Gate.
type Options struct {
	// Lanes are the ids of the lanes that settle each path.
	Lanes []string
	// All waits until every remote has the path; otherwise a failure, or a
	// remote in trouble, counts as settled.
	All bool
	// Deliver hands a notice on, one at a time. It must not block, and may ask
	// the gate but not feed it.
	Deliver func(filterqueue.Notice)
	// Full is told of each notice that is dropped, with the number so far; nil
	// if nobody wants to know.
	Full func(n filterqueue.Notice, dropped uint64)
	// Max bounds the waiting paths; 0 means 100,000. Beyond this number a notice is handed on at
	// once without All; with All it is dropped and counted.
	Max int
}

// entry is a notice that waits.
type entry struct {
	notice filterqueue.Notice
	at     time.Time
	lanes  map[string]bool // not yet settled
}

const defaultMax = 100_000

// New returns an empty gate.
func New(opt Options) *Gate {
	if opt.Max <= 0 {
		opt.Max = defaultMax
	}
	return &Gate{opt: opt, down: map[string]bool{}}
}

// Changed takes a notice before its path is marked dirty.
func (g *Gate) Changed(n filterqueue.Notice, now time.Time) {
	g.order.Lock()
	defer g.order.Unlock()
	through, dropped := g.change(n, now)
	g.report(n, dropped)
	g.deliver(through)
}

// change returns the notices to hand on. If n has to be dropped it returns how many were dropped so
// far.
func (g *Gate) change(n filterqueue.Notice, now time.Time) (through []filterqueue.Notice, dropped uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !n.Marked {
		return []filterqueue.Notice{n}, 0
	}
	return g.waitLocked(Held{Notice: n, At: now, Lanes: g.opt.Lanes})
}

// waitLocked has a notice wait for its lanes. It replaces a notice that waits for the same path: a
// later change has to be settled anew, by lanes that have looked at the path after it.
func (g *Gate) waitLocked(h Held) (through []filterqueue.Notice, dropped uint64) {
	e := g.waiting.find(h.Notice.Path)
	switch {
	case e != nil:
	case g.waiting.size < g.opt.Max:
		e = &entry{}
		g.waiting.put(h.Notice.Path, e)
	case g.opt.All:
		g.dropped++
		return nil, g.dropped
	default:
		return []filterqueue.Notice{h.Notice}, 0
	}
	e.notice, e.at, e.lanes = h.Notice, h.At, map[string]bool{}
	for _, id := range h.Lanes {
		if g.opt.All || !g.down[id] {
			e.lanes[id] = true
		}
	}
	return g.finishLocked(nil, e), 0
}

// report tells Options.Full that a notice was dropped; it does nothing if none was.
func (g *Gate) report(n filterqueue.Notice, dropped uint64) {
	if dropped > 0 && g.opt.Full != nil {
		g.opt.Full(n, dropped)
	}
}

// Settled says that a lane has brought a path to its remote (with tree: everything below it, too),
// or that it has failed once to do so. taken is when the lane looked at the path: a later change is
// not settled by this.
func (g *Gate) Settled(lane, path string, tree, ok bool, taken time.Time) {
	if g.opt.All && !ok {
		return
	}
	g.order.Lock()
	defer g.order.Unlock()
	g.deliver(g.settle(lane, path, tree, taken))
}

func (g *Gate) settle(lane, path string, tree bool, taken time.Time) (through []filterqueue.Notice) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var found []*entry
	if tree {
		found = g.waiting.within(path)
	} else if e := g.waiting.find(path); e != nil {
		found = append(found, e)
	}
	for _, e := range found {
		if !taken.Before(e.at) {
			delete(e.lanes, lane)
			through = g.finishLocked(through, e)
		}
	}
	return through
}

// Down says that a lane's remote is in trouble, or serves again.
func (g *Gate) Down(lane string, down bool) {
	g.order.Lock()
	defer g.order.Unlock()
	g.deliver(g.setDown(lane, down))
}

func (g *Gate) setDown(lane string, down bool) (through []filterqueue.Notice) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !down {
		delete(g.down, lane)
		return nil
	}
	g.down[lane] = true
	if g.opt.All {
		return nil
	}
	for _, e := range g.waiting.within("") {
		delete(e.lanes, lane)
		through = g.finishLocked(through, e)
	}
	return through
}

// Dropped counts the notices that found no room.
func (g *Gate) Dropped() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dropped
}

// Waiting is how many paths are held back.
func (g *Gate) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting.size
}

// finishLocked lets an entry through once no lane is to be waited for.
func (g *Gate) finishLocked(through []filterqueue.Notice, e *entry) []filterqueue.Notice {
	if len(e.lanes) > 0 {
		return through
	}
	g.waiting.remove(e.notice.Path)
	return append(through, e.notice)
}

func (g *Gate) deliver(notices []filterqueue.Notice) {
	for _, n := range notices {
		g.opt.Deliver(n)
	}
}
