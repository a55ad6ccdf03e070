package outcome

import (
	"maps"
	"slices"

	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/transport"
)

// Part is a share of a flight's works that needs a run of its own.
type Part struct {
	Works []plan.Work
	Fly   func(Flight) Outcome
}

// InParts brings a flight over in several runs and tells what became of all its works. A run that
// fails as a whole ends the flight: then everything is given back.
func InParts(f Flight, parts ...Part) Outcome {
	var all *Outcome
	for _, p := range parts {
		if len(p.Works) == 0 {
			continue
		}
		share := f
		share.Works = p.Works
		o := p.Fly(share)
		if all == nil {
			all = &o
		} else {
			all.Join(o)
		}
		if all.Err != nil || all.Result.Class > transport.Again {
			break
		}
	}
	all.Works = f.Works
	return *all
}

// Join adds a later run of the same flight: a path that either of them could not bring over has not
// arrived.
func (o *Outcome) Join(later Outcome) {
	maps.Copy(o.Changed, later.Changed)
	o.Files, o.Sent, o.Ended = o.Files+later.Files, o.Sent+later.Sent, later.Ended
	o.Run, o.Err = later.Run, later.Err
	o.LostSession = o.LostSession || later.LostSession
	o.Withheld = append(o.Withheld, later.Withheld...)
	o.Newer, o.Met = append(o.Newer, later.Newer...), o.Met || later.Met
	for path, until := range later.Waits {
		o.Wait(path, until)
	}
	for path := range later.Judged {
		o.Judge(path)
	}
	o.Left = append(o.Left, later.Left...)
	o.Several = append(o.Several, later.Several...)
	if o.OtherOf == nil {
		o.OtherOf = later.OtherOf
	} else {
		maps.Copy(o.OtherOf, later.OtherOf)
	}
	a, b := o.Result, later.Result
	b.Unwanted, b.Unnamed = append(slices.Clip(a.Unwanted), b.Unwanted...), a.Unnamed+b.Unnamed
	if later.Err != nil || b.Class > transport.Again {
		o.Result = b
		return
	}
	// If both did only part of their work, the result that says more counts.
	if b.Class == transport.Partly || a.Class == transport.Done {
		o.Result = b
	}
	o.Result.Unwanted, o.Result.Unnamed = b.Unwanted, b.Unnamed
	o.Result.Added, o.Result.Spared = a.Added|b.Added, a.Spared|b.Spared
	o.Result.Failed = append(append([]transport.PathError{}, a.Failed...), b.Failed...)
	o.Result.Races = append(append([]transport.PathError{}, a.Races...), b.Races...)
	o.Result.Unclear = a.Unclear || b.Unclear
	o.Result.Vanished = append(append([]string{}, a.Vanished...), b.Vanished...)
	if b.Missing == transport.MissingNothing {
		o.Result.Missing = a.Missing
	}
}

// Split divides works into those for which yes returns true and the others.
func Split(works []plan.Work, yes func(plan.Work) bool) (a, b []plan.Work) {
	for _, w := range works {
		if yes(w) {
			a = append(a, w)
		} else {
			b = append(b, w)
		}
	}
	return a, b
}
