package outcome

import (
	"context"
	"math/bits"
	"math/rand/v2"

	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

// One path can break every run that it is in, because its name or its content makes the receiver
// crash, or rsync on this host. If the lane only backed off and tried the same batch again,
// everything else would be held back for ever. So when a batch breaks off a second time although
// the remote answers, the flight halves it until the culprits are alone. From then on each culprit
// goes in a run of its own, and waits after a failure as other paths do.
//
// A remote where every run breaks must not be flooded with halves: if no run has succeeded, a hunt
// ends once it has halved down to a single path, and the next hunt waits until the number of breaks
// has doubled. Culprits next to each other could make every step of that first descent break; so
// chance decides which half comes first, and the next hunt descends in another way.

// huntRuns bounds the runs of one hunt. What it has not tried is hunted
// after the next break.
const huntRuns = 200

// Hunt halves the works of a flight. It belongs to the flight's goroutine
// until it is part of an outcome.
type Hunt struct {
	Done     []Outcome // of runs that did not break
	Culprits []plan.Work
	Unfolded map[string]map[string]dirty.Flags // entries of the culprits that are trees, as in sights
	Left     []plan.Work                       // not tried
	Runs     int
	broken   int
	patience int // how many runs may break before the first success
	over     bool
	fly      func(Flight) Outcome
}

func (h *Hunt) halve(ctx context.Context, f Flight) {
	middle := len(f.Works) / 2
	halves := [][]plan.Work{f.Works[:middle], f.Works[middle:]}
	rand.Shuffle(len(halves), func(i, j int) { halves[i], halves[j] = halves[j], halves[i] })
	for _, works := range halves {
		h.over = h.over || h.Runs >= huntRuns || len(h.Done) == 0 && h.broken > h.patience || ctx.Err() != nil
		if h.over {
			h.Left = append(h.Left, works...)
			continue
		}
		half := f
		half.Works = works
		o := h.fly(half)
		h.Runs++
		broken := o.Err == nil && o.Result.Broken
		if broken {
			h.broken++
		}
		switch {
		case broken && len(works) > 1:
			h.halve(ctx, half)
		case broken:
			h.Culprits = append(h.Culprits, works...)
			Keep(&h.Unfolded, works[0].Path, o.Unfolded[works[0].Path])
		case o.Err == nil && o.Result.Class <= transport.Again:
			h.Done = append(h.Done, o)
		default:
			h.over = true // this failure has another cause
			h.Left = append(h.Left, works...)
		}
	}
}

// HuntIn halves a flight that broke until its culprits are found; fly carries a part of the flight.
// It returns nil when it has only found that every run breaks.
func HuntIn(ctx context.Context, f Flight, fly func(Flight) Outcome) *Hunt {
	h := &Hunt{patience: bits.Len(uint(len(f.Works))) + 1, fly: fly}
	h.halve(ctx, f)
	if len(h.Done) == 0 {
		return nil
	}
	return h
}
