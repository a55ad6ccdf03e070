package executor

import (
	"slices"
	"time"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/health"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport"
)

// surveyed turns the answers of a survey into deletions, where these are allowed, and has the
// surveyed directories sent.
func (s *surveys) surveyed(o outcome.Outcome, now time.Time) {
	if o.Gone {
		s.giveBack(o.Works, 0) // no candidate could be looked up
		return
	}
	progress, ready := false, o.Works[:0:0]
	for _, w := range o.Works {
		delete(s.unanswered, w.Path)
		marked, losing := s.surveyedWork(w, o, now)
		progress = marked || progress
		if !losing {
			ready = append(ready, w)
		}
	}
	for _, w := range ready {
		absent := w.Found.State == fstree.Absent
		switch {
		case o.Cut && progress && absent:
			s.dirty.Mark(w.Path, w.Flags, now) // for the rest
		case o.Cut && progress: // surveyed again once these are deleted
			s.dirty.Return(w.Item, now.Add(restLater))
		case !absent:
			s.sendSurveyed(w)
		}
	}
}

// restLater is when to ask for the rest of an answer that was too long.
const restLater = 2 * time.Second

// surveyedWork has the entries deleted that the survey of one work has found: as dirty paths of
// their own (marked), or by a run before the work itself is sent (losing).
func (s *surveys) surveyedWork(w plan.Work, o outcome.Outcome, now time.Time) (marked, losing bool) {
	if w.Found.State == fstree.Absent {
		return s.surveyedGone(w, o, now), false
	}
	may := s.mayDelete().but(o.Foreign)
	if w.Flags&dirty.Gone != 0 {
		may = permission{all: true}
	}
	may.deleted, may.temp = s.dirty.Deleted(w.Path), s.opt.Temp
	why := audit.CauseCatchUp
	if w.Flags&dirty.Extras == 0 {
		why = audit.CauseEvent
	}
	extras := below(o.Extras, w.Path)
	found := s.sift(extras, may, nil, why, now)
	if !o.Cut {
		s.leftIn(w.Path, w.Flags&dirty.Tree != 0, o, extras, found.left, now)
	}
	// These directories were made after the directory was found changed. An earlier one of the same
	// name may have been deleted unseen: the target still has its content, and the events of the
	// new one say nothing about that.
	for _, dir := range o.Remade[w.Path] {
		s.dirty.Mark(dir, dirty.Tree|dirty.Extras, now)
	}
	s.owe(w.Since)
	if len(found.gone) > manyGone {
		s.lose(w, found.gone, o.Cut, why)
		return found.marked, true
	}
	s.markGone(found.gone, why, now)
	return found.marked || len(found.gone) > 0, false
}

// sendSurveyed has a directory sent, and for a tree also its content.
func (s *surveys) sendSurveyed(w plan.Work) {
	w.Flags &^= dirty.Extras
	kind := plan.KindSend
	if w.Flags&dirty.Tree != 0 {
		kind = plan.KindTree
	}
	s.queue[kind] = append(s.queue[kind], w)
}

// surveyedInPart handles a survey that was not answered completely. Entries that could not be read
// here will fail again when they are sent. But where nothing says what is missing, the survey is
// repeated a few times.
func (s *surveys) surveyedInPart(o outcome.Outcome, now time.Time) {
	if !o.Result.Unclear {
		o.Works = s.unlistedThere(o, now)
		s.surveyed(o, now)
		return
	}
	again, enough := outcome.Split(o.Works, func(w plan.Work) bool {
		s.unanswered[w.Path]++
		return s.unanswered[w.Path] < outcome.UnansweredMost
	})
	for _, w := range again {
		s.fail(w.Item, now, outcome.FailureOf(o))
	}
	o.Works = enough
	s.surveyed(o, now)
}

// unlistedThere gives back the works that the target could not list, and returns the others. A
// directory inside a tree that the target could not list is surveyed by itself.
func (s *surveys) unlistedThere(o outcome.Outcome, now time.Time) (answered []plan.Work) {
	bad := o.Assign()
	for i, w := range o.Works {
		unheard := slices.DeleteFunc(bad[i], func(e transport.PathError) bool { return !e.Remote })
		present := w.Found.State == fstree.Present
		if len(unheard) > 0 && (!present || w.Flags&dirty.Tree == 0) {
			s.fail(w.Item, now, plan.Failure{Reason: unheard[0].Reason(), Detail: unheard[0].Text, Remedy: o.Result.Remedy, Wait: o.Result.WaitStatus})
			continue
		}
		for _, e := range unheard {
			s.dirty.MarkDeleted(e.Path, w.Flags&dirty.Gone, s.dirty.Deleted(w.Path), now)
		}
		answered = append(answered, w)
	}
	return answered
}

// surveyedGone marks those entries of a directory that is gone here which the filter does not
// exclude, and tells whether any of them may be deleted now.
func (s *surveys) surveyedGone(w plan.Work, o outcome.Outcome, now time.Time) bool {
	extras := below(o.Extras, w.Path)
	kept := map[string]bool{} // directories that hold something excluded
	var spares func(path string, dir bool) bool
	if _, found := s.causes[w.Path]; found { // by a survey: nobody has seen it deleted
		spares = s.mayDelete().but(o.Foreign).spares
	}
	var names []string
	for _, c := range extras {
		// The part of a large file that an interrupted run has left is deleted with its directory,
		// for nothing can be on its way there.
		if (s.disk.Excludes(c.Path, c.Dir) || spares != nil && spares(c.Path, c.Dir)) && !disk.Partial(c.Path) && !s.strays[c.Path] {
			for p := c.Path; p != ""; p = disk.ParentOf(p) {
				kept[p] = true
			}
		}
	}
	for _, c := range extras {
		if !kept[c.Path] {
			names = append(names, c.Path)
		}
	}
	if len(names) == 0 {
		s.clean(w)
		return false
	}
	if s.opt.Held(w.Path, true) != "" {
		s.dirty.Return(w.Item, now.Add(health.Wait(20)))
		return false
	}
	w.Entries = names
	s.queue[plan.KindDelete] = append(s.queue[plan.KindDelete], w)
	return true
}
