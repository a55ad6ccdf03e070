package outcome

import (
	"slices"
	"strings"
	"syscall"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport"
)

// Fate is what becomes of a work.
type Fate int

// The fates of the works of a run that has done its part of them.
const (
	// Arrived: the remote has what is here.
	Arrived Fate = iota
	// AtOnce: the path changed here meanwhile, and is looked at again without a wait.
	AtOnce
	// AskInside: the tree has arrived, but the run has left out its deletions. A survey finds what
	// has to be deleted.
	AskInside
	// Narrowed: the tree has arrived but for a few places, which stay dirty.
	Narrowed
	// Failed: the path is tried again after a wait.
	Failed
)

// Verdict is the fate of one work, and what belongs to it.
type Verdict struct {
	Fate    Fate
	Places  map[string]dirty.Flags // of a Narrowed one
	Failure plan.Failure           // of a Failed one
}

// quickTries is how often a path that changes under the run is tried without a wait.
const quickTries = 3

// Verdicts are the verdicts on the works of a run that has done part of its work, in their order;
// nil when a complaint belongs to none of the works, so that none of them is known to have arrived.
// followed says that links are followed.
func (o *Outcome) Verdicts(followed bool) []Verdict {
	bad := o.Assign()
	if bad == nil {
		return nil
	}
	verdicts := make([]Verdict, len(o.Works))
	for i, w := range o.Works {
		switch errs := bad[i]; {
		case len(errs) > 0:
			verdicts[i] = o.judge(w, errs, followed)
		case len(o.Withheld) > 0 && o.Kind == plan.KindDelete:
			verdicts[i] = o.judge(w, o.Withheld, followed)
		case len(o.Withheld) > 0 && w.DeletesInside() && w.Way != plan.Braked:
			verdicts[i] = Verdict{Fate: AskInside}
		}
	}
	return verdicts
}

// judge is the verdict on a work about which there are complaints.
func (o *Outcome) judge(w plan.Work, errs []transport.PathError, followed bool) Verdict {
	race := !slices.ContainsFunc(errs, func(e transport.PathError) bool { return !e.Race() })
	narrowed, narrow := o.narrow(w, errs)
	switch {
	case narrow && slices.ContainsFunc(errs, transport.PathError.Hung):
		return narrowed // another run for the whole tree would have to wait again
	case race && w.Attempt < quickTries:
		return Verdict{Fate: AtOnce}
	case race && followed && o.Seen[w.Path].Symlink():
		return Verdict{} // a link that leads nowhere: there is nothing to send
	case o.keepsInside(w, errs) && w.Attempt == 0:
		return Verdict{Fate: AtOnce} // the second try also removes what somebody else has put there meanwhile
	case o.keepsInside(w, errs):
		return Verdict{} // the remote's own configuration excludes what is left
	case narrow:
		return narrowed
	}
	return Verdict{Fate: Failed, Failure: plan.Failure{
		Reason: errs[0].Reason(), Detail: errs[0].Text, Remedy: o.Result.Remedy, Wait: o.Result.WaitStatus,
		Lasting: errs[0].Errno == syscall.ENAMETOOLONG,
	}}
}

// keepsInside tells whether the only complaint about a deletion is that directories are not empty
// after it.
func (o *Outcome) keepsInside(w plan.Work, errs []transport.PathError) bool {
	return o.Kind == plan.KindDelete && w.Flags&dirty.Tree != 0 &&
		!slices.ContainsFunc(errs, func(e transport.PathError) bool { return !e.NotEmpty() })
}

// narrow replaces a tree that failed in a few places by these places, so that the rest is not sent
// over and over. A tree that the brake holds is not replaced, for its places would not cover the
// deletions that are held.
func (o *Outcome) narrow(w plan.Work, errs []transport.PathError) (v Verdict, ok bool) {
	if !w.Tree(o.Kind) || w.Way == plan.Braked {
		return v, false
	}
	v = Verdict{Fate: Narrowed, Places: make(map[string]dirty.Flags, len(errs))}
	for _, e := range errs {
		f := o.Seen[e.Path]
		if e.Path == w.Path || f.State != fstree.Present || w.Path != "" && !strings.HasPrefix(e.Path, w.Path+"/") {
			return Verdict{}, false
		}
		v.Places[e.Path] = disk.FlagsOfEntry(w.Flags)
		if f.Dir() {
			v.Places[e.Path] = dirty.Tree | w.Flags&(dirty.Content|dirty.Gone|dirty.Arrival|dirty.Unsure)
		}
	}
	if len(o.Withheld) > 0 && w.DeletesInside() {
		return Verdict{Fate: AskInside}, true
	}
	return v, true
}
