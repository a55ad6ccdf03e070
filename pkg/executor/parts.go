package executor

import (
	"maps"

	"github.com/sersync/sersync/pkg/rsync"
)

// part is a share of a flight's works that needs a run of its own.
type part struct {
	works []work
	fly   func(flight) outcome
}

// inParts brings a flight over in several runs and tells what became of all its
// works. A run that fails as a whole ends it: everything is given back then.
func inParts(f flight, parts ...part) outcome {
	var all *outcome
	for _, p := range parts {
		if len(p.works) == 0 {
			continue
		}
		share := f
		share.works = p.works
		o := p.fly(share)
		if all == nil {
			all = &o
		} else {
			all.join(o)
		}
		if all.err != nil || all.result.Class > rsync.Again {
			break
		}
	}
	all.works = f.works
	return *all
}

// join adds a later run of the same flight: what either of them could not bring
// over has not arrived.
func (o *outcome) join(later outcome) {
	maps.Copy(o.changed, later.changed)
	o.files, o.sent, o.paths, o.ended = o.files+later.files, o.sent+later.sent, o.paths+later.paths, later.ended
	o.run, o.argv, o.err = later.run, later.argv, later.err
	o.warm, o.lostSession = o.warm || later.warm, o.lostSession || later.lostSession
	o.withheld = append(o.withheld, later.withheld...)
	a, b := o.result, later.result
	if later.err != nil || b.Class > rsync.Again {
		o.result = b
		return
	}
	// Of two that did part of their work the one with more to say speaks.
	if b.Class == rsync.Partly || a.Class == rsync.Done {
		o.result = b
	}
	o.result.Failed = append(append([]rsync.PathError{}, a.Failed...), b.Failed...)
	o.result.Races = append(append([]rsync.PathError{}, a.Races...), b.Races...)
	o.result.Unclear = a.Unclear || b.Unclear
	if b.Missing == rsync.MissingNothing {
		o.result.Missing = a.Missing
	}
}

func split(works []work, yes func(work) bool) (a, b []work) {
	for _, w := range works {
		if yes(w) {
			a = append(a, w)
		} else {
			b = append(b, w)
		}
	}
	return a, b
}
