package announce

import (
	"maps"
	"slices"
	"time"

	"github.com/sersync/sersync/pkg/filterqueue"
)

// Held is a notice that waits, as one gate hands it to the next.
type Held struct {
	Notice filterqueue.Notice
	At     time.Time // when it came; only a look after it settles it
	Lanes  []string  // those that have not settled it
}

// Inherit takes the notices that another gate was holding back. They go on waiting for the lanes
// that had not settled them yet; the other lanes have nothing left to bring over, and would never
// settle them again. They do not wait for a lane that only one of the two gates knows. A notice
// that has come to this gate meanwhile is newer and stays.
func (g *Gate) Inherit(held []Held) {
	g.order.Lock()
	defer g.order.Unlock()
	for _, h := range held {
		through, dropped := g.inherit(h)
		g.report(h.Notice, dropped)
		g.deliver(through)
	}
}

func (g *Gate) inherit(h Held) (through []filterqueue.Notice, dropped uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting.find(h.Notice.Path) != nil {
		return nil, 0
	}
	h.Lanes = slices.DeleteFunc(h.Lanes, func(id string) bool { return !slices.Contains(g.opt.Lanes, id) })
	return g.waitLocked(h)
}

// Take empties the gate and returns what it was holding back.
func (g *Gate) Take() []Held {
	g.mu.Lock()
	defer g.mu.Unlock()
	entries := g.waiting.within("")
	g.waiting = tree{}
	out := make([]Held, len(entries))
	for i, e := range entries {
		out[i] = Held{Notice: e.notice, At: e.at, Lanes: slices.Collect(maps.Keys(e.lanes))}
	}
	return out
}
