package executor

import (
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport"
)

// partlyDone settles what arrived and gives back what did not.
func (s *settler) partlyDone(o outcome.Outcome, now time.Time) {
	s.remote.succeeded(o, now)
	if o.Kind == plan.KindSurvey {
		s.surveys.surveyedInPart(o, now)
		return
	}
	bad := o.Assign()
	if bad == nil {
		s.unclear(o, now)
		return
	}
	for i, w := range o.Works {
		switch errs := bad[i]; {
		case len(errs) > 0:
			s.failedWork(w, o, errs, now)
		case len(o.Withheld) > 0 && o.Kind == plan.KindDelete:
			s.failedWork(w, o, o.Withheld, now)
		case len(o.Withheld) > 0 && w.DeletesInside() && w.Way != plan.Braked:
			s.surveys.askInside(w)
		default:
			s.done(w, o, now)
		}
	}
}

// askInside asks what only the target has below a directory, whose deletions
// were withheld, and sends it again without any.
func (s *surveys) askInside(w plan.Work) {
	w.Way = plan.Named
	s.queue[plan.KindSurvey] = append(s.queue[plan.KindSurvey], w)
}

// failedWork gives one path back, to be looked at again at once when it only
// changed here meanwhile, else after a wait.
func (s *settler) failedWork(w plan.Work, o outcome.Outcome, errs []transport.PathError, now time.Time) {
	race := !slices.ContainsFunc(errs, func(e transport.PathError) bool { return !e.Race() })
	if slices.ContainsFunc(errs, transport.PathError.Hung) && w.Tree(o.Kind) && s.narrow(w, o, errs, now) {
		return // another run of all of it would wait again
	}
	if race && w.Attempt < 3 {
		it := w.Item
		it.Attempt++
		s.dirty.Return(it, time.Time{})
		return
	}
	if race && s.terms.FollowLinks && o.Seen[w.Path].Symlink() {
		s.done(w, o, now) // it leads nowhere: there is nothing that -L could send
		return
	}
	if keepsInside(w, o, errs) {
		s.leftInside(w, o, now)
		return
	}
	if w.Tree(o.Kind) && s.narrow(w, o, errs, now) {
		return
	}
	s.fail(w.Item, now, plan.Failure{
		Reason: errs[0].Reason(), Detail: errs[0].Text, Remedy: o.Result.Remedy, Wait: o.Result.WaitStatus,
		Lasting: errs[0].Errno == syscall.ENAMETOOLONG,
	})
}

// narrow replaces a tree that failed in a few places by these places, so that
// the rest is not sent over and over. What the brake holds stays as it is: its
// places tell nothing of the deletions beside them.
func (s *settler) narrow(w plan.Work, o outcome.Outcome, errs []transport.PathError, now time.Time) bool {
	if w.Way == plan.Braked {
		return false
	}
	flags := make(map[string]dirty.Flags, len(errs))
	for _, e := range errs {
		f := o.Seen[e.Path]
		if e.Path == w.Path || f.State != fstree.Present || w.Path != "" && !strings.HasPrefix(e.Path, w.Path+"/") {
			return false
		}
		flags[e.Path] = disk.FlagsOfEntry(w.Flags)
		if f.Dir() {
			flags[e.Path] = dirty.Tree | w.Flags&(dirty.Content|dirty.Gone|dirty.Arrival|dirty.Unsure)
		}
	}
	if len(o.Withheld) > 0 && w.DeletesInside() {
		s.surveys.askInside(w)
		return true
	}
	for path, f := range flags {
		s.dirty.Mark(path, f, now)
	}
	s.owe(w.Since)
	s.touch(w, o.Fulls, now)
	s.dirty.Done(w.Item)
	s.settled(w, true)
	return true
}

// unclear handles complaints that name no path of the batch: the batch is
// split until the one that fails is alone.
func (s *settler) unclear(o outcome.Outcome, now time.Time) {
	if len(o.Works) == 1 {
		f := outcome.FailureOf(o)
		f.Lasting = o.Kind == plan.KindTree && o.Result.Class == transport.Partly
		s.fail(o.Works[0].Item, now, f)
		return
	}
	s.batch = max(1, min(s.batch, len(o.Works))/4)
	s.giveBack(o.Works, 1)
}

// noSpace splits a run that the target's full disk has aborted, so that what
// is small still arrives. What does not fit by itself leaves no part there: it
// would take the room from all others.
func (s *settler) noSpace(o outcome.Outcome, now time.Time) {
	s.recordFailure(o, now)
	if len(o.Works) != 1 {
		s.unclear(o, now)
		return
	}
	w := o.Works[0]
	if w.Tree(o.Kind) && s.unfoldTree(w, o.Unfolded, now) {
		return
	}
	if o.Run.Resume {
		s.sweeper.noteTight(w.Path, now)
	}
	f := outcome.FailureOf(o)
	f.Cost = o.Ended.Sub(o.Began)
	s.fail(w.Item, now, f)
}
