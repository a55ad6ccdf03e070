package executor

import (
	"time"

	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/transport"
)

// partlyDone settles the works that have arrived and gives back the others.
func (s *settler) partlyDone(o outcome.Outcome, now time.Time) {
	s.remote.succeeded(o, now)
	if o.Kind == plan.KindSurvey {
		s.surveys.surveyedInPart(o, now)
		return
	}
	verdicts := o.Verdicts(s.terms.FollowLinks)
	if verdicts == nil {
		s.unclear(o, now)
		return
	}
	for i, w := range o.Works {
		s.apply(verdicts[i], w, o, now)
	}
}

// apply carries out the verdict on a work.
func (s *settler) apply(v outcome.Verdict, w plan.Work, o outcome.Outcome, now time.Time) {
	switch v.Fate {
	case outcome.Arrived:
		s.done(w, o, now)
	case outcome.AtOnce:
		it := w.Item
		it.Attempt++
		s.dirty.Return(it, time.Time{})
	case outcome.AskInside:
		s.surveys.askInside(w)
	case outcome.Narrowed:
		for path, f := range v.Places {
			s.dirty.Mark(path, f, now)
		}
		s.owe(w.Since)
		s.touch(w, o.Fulls, now)
		s.dirty.Done(w.Item)
		s.settled(w, true)
	case outcome.Failed:
		s.fail(w.Item, now, v.Failure)
	}
}

// askInside surveys a directory whose deletions were withheld, and has it sent again without
// deletions.
func (s *surveys) askInside(w plan.Work) {
	w.Way = plan.Named
	s.queue[plan.KindSurvey] = append(s.queue[plan.KindSurvey], w)
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

// noSpace splits a run that the target's full disk has aborted, so that what is small still
// arrives. A file that does not fit by itself leaves no part there, which would take the room of
// all others.
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
