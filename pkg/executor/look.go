package executor

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor/carry"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/executor/slots"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport"
)

// take takes dirty paths and has them looked at; slot is for the run of the small files.
func (l *loop) take(ctx context.Context, slot *slots.Lease) {
	now := time.Now()
	if l.blocked() {
		slot.Release()
		return
	}
	l.deletions.begin(now)
	var items []plan.Item
	for _, it := range l.dirty.Take(now, max(l.batch-len(l.queue[plan.KindSend]), 0)) {
		if it.Looked && !l.deletions.open {
			l.dirty.Return(it, l.deletions.next())
			continue
		}
		items = append(items, it)
	}
	if len(items) == 0 { // a report of nothing would have the loop ask again at once
		l.sendQueued(ctx, slot)
		return
	}
	s := carry.Scout{Planner: l.planner, NoDelete: l.state.caps.NoDelete, Big: l.speed.big()}
	l.taking = true
	l.runs.Go(func() {
		ctx, end := l.slots.Bound(ctx)
		defer end()
		found := s.Look(ctx, items)
		found.Slot = slot
		l.lookedAt <- found
	})
}

// sort puts what was looked at into the right queues, and starts the small files at once.
func (l *loop) sort(ctx context.Context, found carry.Looked) {
	now := time.Now()
	l.taking = false
	if l.rootAgain = (time.Time{}); found.Gone {
		l.rootAgain = now.Add(time.Second)
	}
	for _, it := range found.Rest {
		l.dirty.Return(it, time.Time{})
	}
	for _, w := range found.Works {
		if w.Found.State == fstree.Present {
			delete(l.guarded.dirs, w.Path)
		}
		s := l.planner.Plan(w, l.facts(w, now))
		if w.From != "" && s.Work.From == "" {
			l.dirty.Moves().Forget(w.Path)
			l.dirty.Moves().Hasten(w.From)
		}
		l.do(s, now)
	}
	l.deletions.end(now)
	l.sendQueued(ctx, found.Slot)
	if len(found.Works) > 0 {
		l.dispatchQueued(ctx)
	}
}

// sendQueued starts the small files that wait, with a slot for them.
func (l *loop) sendQueued(ctx context.Context, slot *slots.Lease) {
	sends, late := l.apart(l.queue[plan.KindSend])
	sends, rest := l.speed.batch(sends)
	l.queue[plan.KindSend] = slices.Concat(rest, late)
	if len(sends) == 0 {
		slot.Release()
	} else {
		l.launch(ctx, plan.KindSend, sends, slot)
	}
}

func (l *loop) dispatchQueued(ctx context.Context) {
	for k := plan.KindTree; k < plan.KindFull; k++ {
		l.startQueued(ctx, k)
	}
}

// facts are what the plan has to know of the lane about one path.
func (l *loop) facts(w plan.Work, now time.Time) plan.Facts {
	return plan.Facts{
		Now: now, NoDelete: l.state.caps.NoDelete, Peer: l.state.peer, Big: l.speed.big(), Resumes: l.sweeper.resumable,
		Hangs:   func(w plan.Work) bool { return l.hangs.apart(w.Path, w.Found.Stat.Uid, w.Taken) || l.blocksFull(w) },
		Guarded: func(path string) bool { return l.guarded.dirs[path] },
		Spares:  l.sparesIn,
		Large:   l.speed.large,
		Movable: func(w plan.Work) bool { return l.state.caps.Takes(transport.Elsewhere) && l.movable(w) },
		Awaited: l.dirty.Moves().Await,
		Left:    l.hasLeft,
	}
}

// do carries out what was planned.
func (l *loop) do(s plan.Step, now time.Time) {
	w := s.Work
	switch s.Deed {
	case plan.Settle:
		l.clean(w)
	case plan.Enqueue:
		if s.Kind == plan.KindDelete || s.Kind == plan.KindSurvey {
			l.deletions.used = l.deletions.used || w.Found.State == fstree.Absent
		}
		if w.Anew = l.sendsAnew(w.Path); w.Anew {
			w.From = ""
		}
		if w.From != "" && !(w.Found.Regular() && w.Renamed()) {
			l.moving(w)
		}
		if w.Found.Regular() && w.Found.Stat.Nlink > 1 && l.opt.Linked != nil {
			l.opt.Linked(w.Path, &w.Found.Stat, w.Since, w.Flags&dirty.Content != 0)
		}
		l.queue[s.Kind] = append(l.queue[s.Kind], w)
	case plan.Instead:
		l.standIn(s, now)
	case plan.Postpone:
		l.dirty.Return(w.Item, s.Until)
	case plan.LookTwice:
		l.deletions.seen(now)
		l.dirty.Return(w.Item, now.Add(secondLook))
	case plan.KeepDeleted:
		l.log.Debug("deletion held", zap.String("path", w.Path), zap.String("reason", l.opt.Held(w.Path, true)))
		l.dirty.Return(w.Item, s.Until)
	case plan.Failing:
		l.fail(w.Item, now, s.Why)
	}
}

// standIn makes another path dirty instead of one below it.
func (l *loop) standIn(s plan.Step, now time.Time) {
	w := s.Work
	if w.Found.State == fstree.Absent {
		if w.Way == plan.Sparing {
			delete(l.guarded.dirs, w.Path)
			l.guard(s.At, l.guarded.patterns, l.causes[w.Path], now)
		}
		if why, found := l.causes[w.Path]; found {
			delete(l.causes, w.Path)
			l.causes[s.At] = why
		}
	}
	l.dirty.Drop(w.Item, s.At, s.Flags, now)
	if w.Found.State == fstree.Obstructed {
		l.settled(w, true)
	}
}

// sparesIn tells whether a directory that a survey has found, and whose deletion
// nobody has seen, may hold what the last mirror run has left alone.
func (l *loop) sparesIn(path string) bool {
	_, found := l.causes[path]
	return found && (l.mayDelete().spares != nil || l.state.peer)
}

// unlisted gives back a directory whose entries could not be named.
func (d *desk) unlisted(it plan.Item, err error, now time.Time) {
	if errors.Is(err, transport.ErrRootGone) || errors.Is(err, context.Canceled) {
		d.dirty.Return(it, time.Time{})
		return
	}
	d.fail(it, now, plan.Failure{Reason: "cannot be listed here", Detail: err.Error(), Remedy: "let the user that runs sersync read it, or exclude it"})
}

// clean settles a path that needs no run. A running full sync may still bring it over, for it has
// listed what was here when it began.
func (d *desk) clean(w plan.Work) {
	d.touch(w, d.full.Ends, time.Now())
	d.dirty.Done(w.Item)
	d.settled(w, true)
}

func (d *desk) settled(w plan.Work, ok bool) {
	if ok {
		delete(d.guarded.dirs, w.Path)
		d.apart(w)
	}
	if d.opt.Settled != nil {
		d.opt.Settled(w.Path, w.Flags&dirty.Tree != 0, ok, w.Taken)
	}
}
