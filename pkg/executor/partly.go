package executor

import (
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sersync/sersync/pkg/beneath"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/rsync"
)

// partlyDone settles what arrived and gives back what did not.
func (l *Lane) partlyDone(o outcome, now time.Time) {
	l.succeeded(o, now)
	if o.kind == kindSurvey {
		l.surveyedInPart(o, now)
		return
	}
	bad := l.assign(o)
	if bad == nil {
		l.unclear(o, now)
		return
	}
	for i, w := range o.works {
		switch errs := bad[i]; {
		case len(errs) > 0:
			l.failedWork(w, o, errs, now)
		case len(o.withheld) > 0 && o.kind == kindDelete:
			l.failedWork(w, o, o.withheld, now)
		case len(o.withheld) > 0 && w.deletesInside() && !w.held:
			l.askInside(w)
		default:
			l.done(w, o, now)
		}
	}
}

// withheld are the complaints for which rsync has left out the deletions of a
// run, all of them: what cannot be read here might be there.
func withheld(run rsync.Run, r rsync.Result) (errs []rsync.PathError) {
	if !run.Compares() {
		return nil
	}
	for _, e := range slices.Concat(r.Failed, r.Races, r.Dangling) {
		if !e.Remote {
			errs = append(errs, e)
		}
	}
	return errs
}

// askInside asks what only the target has below a directory, whose deletions
// were withheld, and sends it again without any.
func (l *Lane) askInside(w work) {
	w.asked = true
	l.queue[kindSurvey] = append(l.queue[kindSurvey], w)
}

// assign maps the complaints to the works; nil when one cannot be mapped.
func (l *Lane) assign(o outcome) map[int][]rsync.PathError {
	if o.result.Unclear {
		return nil
	}
	index := make(map[string]int, len(o.works))
	for i, w := range o.works {
		for _, e := range w.entries {
			index[e] = i
		}
		index[w.Path] = i
	}
	bad := map[int][]rsync.PathError{}
	for _, e := range slices.Concat(o.result.Failed, o.result.Races) {
		path, owners := claimed(o.works, index, e)
		if len(owners) == 0 {
			return nil
		}
		e.Path = path
		for _, i := range owners {
			bad[i] = append(bad[i], e)
		}
	}
	return bad
}

// claimed finds the works that a complaint belongs to, and the path it is about.
// Where its name begins with something unknown, a longer and longer beginning is
// left out.
func claimed(works []work, index map[string]int, e rsync.PathError) (path string, owned []int) {
	for rest, ok := e.Path, true; ok; _, rest, ok = strings.Cut(rest, "/") {
		if owned := owners(works, index, rest); len(owned) > 0 || !e.Elsewhere {
			return rest, owned
		}
	}
	return e.Path, nil
}

// owners finds the works that a path belongs to: the work of that name, or the
// tree around it, or what lies below it when a parent directory could not be
// made.
func owners(works []work, index map[string]int, path string) []int {
	if i, ok := index[path]; ok {
		return []int{i}
	}
	for p := path; p != ""; {
		p = parentOf(p)
		if i, ok := index[p]; ok && encloses(works[i]) && (p != "" || len(works) == 1) {
			return []int{i}
		}
	}
	var below []int
	for i, w := range works {
		if strings.HasPrefix(w.Path, path+"/") {
			below = append(below, i)
		}
	}
	return below
}

// encloses tells whether a work brings or removes all that is below its path.
func encloses(w work) bool {
	return w.Flags&filterqueue.Tree != 0 || w.found.State == beneath.Absent
}

// failedWork gives one path back, to be looked at again at once when it only
// changed here meanwhile, else after a wait.
func (l *Lane) failedWork(w work, o outcome, errs []rsync.PathError, now time.Time) {
	race := !slices.ContainsFunc(errs, func(e rsync.PathError) bool { return !e.Race() })
	if race && w.Attempt < 3 {
		it := w.item
		it.Attempt++
		l.dirty.Return(it, time.Time{})
		return
	}
	if race && l.opt.Target.Params.FollowLinks && l.stillThere(w.Path).Symlink() {
		l.done(w, o, now) // it leads nowhere: there is nothing that -L could send
		return
	}
	if w.tree(o.kind) && l.narrow(w, o, errs, now) {
		return
	}
	l.fail(w.item, now, failure{
		reason: errs[0].Reason(), detail: errs[0].Text, remedy: o.result.Remedy, wait: o.result.WaitStatus,
		lasting: errs[0].Errno == syscall.ENAMETOOLONG,
	})
}

// narrow replaces a tree that failed in a few places by these places, so that
// the rest is not sent over and over. What the brake holds stays as it is: its
// places tell nothing of the deletions beside them.
func (l *Lane) narrow(w work, o outcome, errs []rsync.PathError, now time.Time) bool {
	if w.held {
		return false
	}
	flags := make(map[string]filterqueue.Flags, len(errs))
	for _, e := range errs {
		f := l.stillThere(e.Path)
		if e.Path == w.Path || f.State != beneath.Present || w.Path != "" && !strings.HasPrefix(e.Path, w.Path+"/") {
			return false
		}
		flags[e.Path] = filterqueue.Content
		if f.Dir() {
			flags[e.Path] |= filterqueue.Tree | w.Flags&filterqueue.Gone
		}
	}
	if len(o.withheld) > 0 && w.deletesInside() {
		l.askInside(w)
		return true
	}
	for path, f := range flags {
		l.dirty.Mark(path, f, now)
	}
	l.owe(w.Since)
	l.touch(w, o.fulls, now)
	l.dirty.Done(w.item)
	l.settled(w, true)
	return true
}

// unclear handles complaints that name no path of the batch: the batch is
// split until the one that fails is alone.
func (l *Lane) unclear(o outcome, now time.Time) {
	if len(o.works) == 1 {
		f := failureOf(o)
		f.lasting = o.kind == kindTree && o.result.Class == rsync.Partly
		l.fail(o.works[0].item, now, f)
		return
	}
	l.batch = max(1, min(l.batch, len(o.works))/4)
	l.giveBack(o.works, 1)
}

// noSpace splits a run that the target's full disk has aborted, so that what
// is small still arrives.
func (l *Lane) noSpace(o outcome, now time.Time) {
	l.recordFailure(o, now)
	l.unclear(o, now)
}
