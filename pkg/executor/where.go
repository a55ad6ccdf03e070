package executor

import (
	"context"
	"time"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/shellwords"
	"github.com/sersync/sersync/pkg/status"
)

// Where tells what the lane knows of one path, and asks the remote what it has there, without
// changing anything. A remote that is in trouble is not asked. It takes no slot: a person who looks
// for a file need not wait until other files are sent.
func (l *Lane) Where(ctx context.Context, path string) status.Place {
	began := time.Now()
	p := status.Place{Lane: l.opt.ID, Root: l.opt.Dir, Remote: l.terms.Remote, Path: path, Verdict: status.Unasked}
	found := l.disk.Look(path)
	if found.State == fstree.Present {
		p.Here = copyHere(found)
	}
	if found.State == fstree.Obstructed {
		p.Excluded = &status.Exclusion{By: status.ByLink, Text: found.At}
	}
	if w, below, waits := l.dirty.Waiting(path); waits || below > 0 {
		p.Below = below
		if waits {
			wait := l.wait(w)
			p.Waiting = &wait
		}
	}
	if w, held := l.hours.fullSync(began); held && p.Waiting == nil {
		p.Waiting = &w
	}
	l.askRemote(ctx, &p, found)
	p.Took = status.Seconds(time.Since(began))
	return p
}

// askRemote has the remote asked by a goroutine of the lane.
func (l *Lane) askRemote(ctx context.Context, p *status.Place, found fstree.Found) {
	l.mu.Lock()
	down, why, caps := l.state.health.Down(), l.state.why, l.state.caps
	l.mu.Unlock()
	switch {
	case down:
	case l.terms.Unasked != "":
		why = plan.Failure{Reason: l.terms.Unasked, Remedy: l.terms.UnaskedRemedy}
	case l.opt.Gone():
		why = plan.Failure{Reason: "the watched directory is gone", Remedy: "bring it back; nothing is deleted on the targets meanwhile"}
	case found.State == fstree.Unknown:
		why = plan.Failure{Reason: "cannot be looked at here", Remedy: "let the user that runs sersync read it, or exclude it"}
		if found.Err != nil {
			why.Detail = found.Err.Error()
		}
	default:
		// An excluded path is compared by size and time alone, for rsync would skip it silently.
		wanted := !l.planner.Unwanted(plan.Work{Item: plan.Item{Path: p.Path}, Found: found})
		why = plan.Failure{Reason: "the lane has been stopped"}
		_ = Beside(ctx, l, func(ctx context.Context) { why = l.carrier.CompareOne(ctx, caps, p, found, wanted) })
		if p.Verdict == status.Unasked && ctx.Err() != nil {
			why = plan.Failure{Reason: "the remote does not answer"}
		}
	}
	p.Reason, p.Detail, p.Remedy = why.Reason, why.Detail, why.Remedy
}

// copyHere describes what is here.
func copyHere(found fstree.Found) *status.Copy {
	c := &status.Copy{Kind: "other", Size: found.Stat.Size, Modified: disk.Stamp(found.Stat.Mtim)}
	switch {
	case found.Regular():
		c.Kind = "file"
	case found.Dir():
		c.Kind = "directory"
	case found.Symlink():
		c.Kind = "link"
	}
	return c
}

// Pending is at most limit of the changes that wait, oldest first, and how many
// there are.
func (l *Lane) Pending(limit int) (waits []status.Wait, total int) {
	for _, w := range l.dirty.List(limit) {
		waits = append(waits, l.wait(w))
	}
	s := l.dirty.Stats()
	total = s.Pending + s.InFlight
	if w, held := l.hours.fullSync(time.Now()); held {
		waits, total = append(waits, w), total+1
	}
	return waits, total
}

// maxShownFailing bounds the failing paths that are grouped by their causes.
const maxShownFailing = 1000

// Causes are the causes why paths of the lane fail, or have failed lately.
func (l *Lane) Causes() []status.Cause {
	var failing []status.Wait
	for _, it := range l.dirty.Failing(maxShownFailing) {
		failing = append(failing, l.wait(dirty.Waiting{Item: it}))
	}
	return status.Causes(failing, l.recorder.Failures())
}

// wait describes a dirty path for an operator.
func (l *Lane) wait(w dirty.Waiting) status.Wait {
	out := status.Wait{
		Path: w.Path, Tree: w.Flags&dirty.Tree != 0, Deletion: w.Flags&dirty.Gone != 0 && w.Flags&dirty.Content == 0,
		Since: w.Since, InFlight: w.InFlight, Attempt: w.Attempt, NextTry: w.Due, LaneID: l.opt.ID, Root: l.opt.Dir,
	}
	l.hours.explain(&out)
	if w.Attempt > 0 {
		_, down := l.health()
		f := l.failures.why(w.Path, down)
		out.Reason, out.Detail, out.Remedy = f.Reason, f.Detail, f.Remedy
		e := l.failures.entry(w.Item, f)
		out.Command = shellwords.CommandIn(e.Dir, e.Argv)
	}
	return out
}
