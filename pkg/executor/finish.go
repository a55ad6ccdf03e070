package executor

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor/carry"
	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/health"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// settler decides what becomes of the paths of ordinary runs. It belongs to the loop.
type settler struct {
	*desk
	sweeper *sweeper
	surveys *surveys
	remote  *remote
}

// finish takes the outcome of one flight into the lane's state.
func (l *loop) finish(o outcome.Outcome) {
	now := time.Now()
	l.busy[o.Kind]--
	if o.Result.Class > transport.Again && (o.Run.Linked || o.Run.Similar) {
		for i := range o.Works {
			o.Works[i].From = "" // linking from the old place may be what has ended the run
		}
	}
	o.Again = l.remote.learn(&o)
	l.sweeper.noteLeftovers(o, now)
	l.settler.noteHangs(o, now)
	l.settler.noteUnwanted(o)
	l.settler.noteStrays(o)
	l.settler.markLinked(o, now)
	if o.Kind == plan.KindBig {
		l.turns.end(o.Works)
	}
	if o.Kind <= plan.KindBig && o.BWLimit == 0 && o.Err == nil && o.Result.Class <= transport.Again {
		l.speed.learn(o.Files, o.Sent, o.Ended.Sub(o.Began))
	}
	defer l.failures.report(now)
	defer l.answerComparisons(l.remote.failed)
	if o.Kind == plan.KindFull {
		l.fulls.fullEnded(o, now)
		return
	}
	if o.Err != nil {
		l.settler.notRun(o, now)
		return
	}
	if len(o.Works) > handful {
		l.quiet.begin(now, l.marks.Load(), o.Ended.Sub(o.Began))
	} else {
		l.quiet.hold = 0
	}
	if o.Hunt != nil {
		l.settler.hunted(o, now)
	} else {
		l.settler.conclude(o, now)
	}
	for _, w := range o.Works {
		if w.From != "" {
			l.dirty.Moves().Hasten(w.From)
		}
	}
}

// answerComparisons tells those who wait for a comparison that the remote is in trouble, if more
// runs have failed because of it than before.
func (l *loop) answerComparisons(failed uint64) {
	if _, why := l.health(); l.remote.failed > failed {
		l.fulls.endComparisons(troubleError(why))
	}
}

// conclude settles what a run was for.
func (s *settler) conclude(o outcome.Outcome, now time.Time) {
	if s.markApart(o, now); len(o.Unlisted) > 0 && len(o.Works) == 0 {
		return // nothing was left to be run
	}
	if o.Kind != plan.KindSurvey {
		s.audit(o) // also for single files, which may have replaced something else
	}
	if (o.Kind == plan.KindTree || o.Kind == plan.KindSend) && s.opt.MayDelete {
		s.noteLitter(o, now)
	}
	if o.Result.Class <= transport.Again {
		s.markLeftOut(o, now)
	}
	s.markWaiting(o, now)
	switch o.Result.Class {
	case transport.Done:
		s.allDone(o, now)
	case transport.Again, transport.Partly:
		s.partlyDone(o, now)
	case transport.Refused:
		s.refused(o, now)
	case transport.NoSpace:
		s.noSpace(o, now)
	case transport.Stopped:
		s.giveBack(o.Works, 0)
	default:
		s.inTheWay(o, now)
	}
	for _, path := range o.Newer {
		s.differs.add(status.Newer, path)
	}
	if o.Result.Class != transport.Stopped {
		s.recorder.Run(now, o.Result.Class <= transport.Again)
	}
}

// inTheWay handles a run that ended early, because of trouble of the remote or because of one path.
func (s *settler) inTheWay(o outcome.Outcome, now time.Time) {
	if s.alone(o) {
		s.culprit(o.Works[0], o, o.Unfolded, now)
		if all := s.dirty.Stats(); s.down() && all.Pending+all.InFlight == 1 {
			s.remote.succeeded(o, now) // this shows that the remote serves, which nothing else may show
		}
		return
	}
	if o.MayHunt && o.Result.Broken && len(o.Works) == 1 && o.Works[0].Tree(o.Kind) && s.unfoldTree(o.Works[0], o.Unfolded, now) {
		o.Works = nil // the tree is replaced by its entries, which will tell more
	}
	s.giveBack(o.Works, 1)
	s.recordFailure(o, now)
	s.remote.enterTrouble(o, now)
}

// markApart makes the paths dirty that could not go in a list of names, and gives back the trees
// that could not be listed.
func (d *desk) markApart(o outcome.Outcome, now time.Time) {
	for path, f := range o.Apart {
		d.dirty.Mark(path, f, now)
	}
	for _, t := range o.Unlisted {
		d.unlisted(t.Work.Item, t.Err, now)
	}
}

// notRun gives back the works of a run that could not be started.
func (s *settler) notRun(o outcome.Outcome, now time.Time) {
	s.markApart(o, now)
	if errors.Is(o.Err, context.Canceled) || errors.Is(o.Err, transport.ErrRootGone) {
		s.giveBack(o.Works, 0)
		return
	}
	s.giveBack(o.Works, 1)
	s.recordFailure(o, now)
	s.recorder.Run(now, false)
	s.remote.enterTrouble(o, now)
}

// giveBack makes works dirty again without a delay of their own.
func (d *desk) giveBack(works []plan.Work, failed int) {
	for _, w := range works {
		it := w.Item
		it.Attempt += failed
		d.dirty.Return(it, time.Time{})
	}
}

// allDone settles a flight that succeeded.
func (s *settler) allDone(o outcome.Outcome, now time.Time) {
	if o.Kind == plan.KindSurvey {
		s.remote.succeeded(o, now)
		s.surveys.surveyed(o, now)
		return
	}
	for _, w := range o.Works {
		s.done(w, o, now)
	}
	s.grow()
	s.remote.succeeded(o, now)
}

// done settles one path.
func (s *settler) done(w plan.Work, o outcome.Outcome, now time.Time) {
	if w.Gone != nil {
		s.surveys.hasLost(w, now)
		return
	}
	if o.Kind == plan.KindDelete && w.Way != plan.Hiding {
		if o.Seen[w.Path].State == fstree.Present {
			// The path came back: everything there now is new.
			s.dirty.Drop(w.Item, w.Path, dirty.Tree|dirty.Gone|dirty.Content, now)
			return
		}
	}
	if w.Way == plan.Braked {
		s.dirty.Return(w.Item, s.heldUntil(w.Path, now))
		return
	}
	delete(s.culprits, w.Path)
	s.mu.Lock()
	delete(s.state.failStatus, w.Path)
	s.mu.Unlock()
	if until, ok := o.Waits[w.Path]; ok {
		w.Attempt = 0 // it no longer fails, so the next event need not wait
		s.dirty.Return(w.Item, until)
		return
	}
	s.touch(w, o.Fulls, now)
	s.dirty.Done(w.Item)
	delete(s.tight, w.Path)
	s.settled(w, true)
	s.settleKnown(w, o)
	if w.Flags&dirty.Tree != 0 {
		s.surveys.arrived(w.Path, o)
	}
	op := status.Sent
	if o.Kind == plan.KindDelete {
		op = status.Deleted
	}
	if op == status.Deleted {
		s.strays.lost(w)
		s.excludedThere.remove(w.Path)
		s.showUnwanted()
	}
	if op == status.Deleted && disk.Partial(w.Path) || s.excludedThere.has(w.Path) {
		return // nothing that was here before, and nothing that has come to the remote
	}
	if op == status.Sent && o.Judged[w.Path] && !o.WasSent(w.Path) {
		return // the remote was only asked about the file
	}
	s.recorder.Transfer(status.Transfer{
		Time: now, Path: w.Path, Operation: op, Bytes: o.Changed[w.Path].Size, Duration: status.Seconds(now.Sub(w.Since)),
	})
}

// heldUntil is when to try again a deletion that the brake holds: at once if the brake has been
// released meanwhile, and otherwise after a long time, in case nobody reports the release.
func (d *desk) heldUntil(path string, now time.Time) time.Time {
	if d.opt.Held(path, true) == "" {
		return time.Time{}
	}
	return now.Add(health.Wait(20))
}

// touch remembers a path that was brought over beside a full sync. fulls is how many full syncs had
// ended when that run began: one that has ended since then may have overwritten the path, too.
func (d *desk) touch(w plan.Work, fulls uint64, now time.Time) {
	if d.full.Running {
		d.full.Touched.Mark(w.Path, w.Flags|flagsFor(w), now)
		return
	}
	if fulls != d.full.Ends {
		d.dirty.Mark(w.Path, w.Flags|flagsFor(w), now)
		d.owe(w.Since)
	}
}

// flagsFor are the flags with which a work is marked again; a deletion stays a deletion.
func flagsFor(w plan.Work) dirty.Flags {
	if w.Found.State == fstree.Absent {
		return dirty.Gone
	}
	return 0
}

// grow lets batches become large again after failures have split them.
func (s *settler) grow() { s.batch = min(plan.MaxBatch, max(s.batch*4, 1)) }

// refused repeats a flight at once after the remote has refused an option.
func (s *settler) refused(o outcome.Outcome, now time.Time) {
	if o.Again {
		s.giveBack(o.Works, 0)
		return
	}
	s.giveBack(o.Works, 1)
	s.remote.enterTrouble(o, now)
}

// A path whose try takes long waits several times as long, but no longer than costMost.
const (
	costTimes = 5
	costMost  = 10 * time.Minute
)

// fail gives one path back after a wait that grows with its attempts.
func (d *desk) fail(it plan.Item, now time.Time, f plan.Failure) {
	it.Attempt++
	it.From = "" // linking from the old place may be the cause of the failure
	wait := pathWait(it.Attempt, d.dirty.Stats().Delayed)
	if f.Lasting {
		wait = lastingWait(it.Attempt)
	}
	wait = max(wait, min(costTimes*f.Cost, costMost))
	d.dirty.Return(it, now.Add(wait))
	first := d.failures.remember(it, f)
	d.recorder.Failure(status.Failure{Time: now, Path: it.Path, Reason: f.Reason, Detail: f.Detail, Remedy: f.Remedy, Exit: f.Wait >> 8})
	if first {
		d.log.Debug("path failed", zap.String("path", it.Path), zap.String("reason", f.Reason), zap.String("detail", f.Detail),
			zap.String("remedy", f.Remedy), zap.Duration("delay", wait))
	}
	d.failures.paths.Failed(f.Reason, "paths fail, one of them is", zap.String("path", it.Path), zap.String("reason", f.Reason),
		zap.String("detail", f.Detail), zap.String("remedy", f.Remedy), zap.Int("failing", d.dirty.Stats().Delayed))
	// Plugins are told at each failure, for a change after the first one waits anew.
	d.settled(plan.Work{Item: it, Taken: time.Now()}, false)
}

// recordFailure adds a run that failed as a whole to the failures that are shown.
func (d *desk) recordFailure(o outcome.Outcome, now time.Time) {
	for _, w := range o.Works {
		d.mu.Lock()
		if before, known := d.state.failStatus[w.Path]; known || len(d.state.failStatus) < maxFailing {
			f := outcome.FailureOf(o)
			f.Named = before.Named
			d.state.failStatus[w.Path] = f
		}
		d.mu.Unlock()
		d.settled(w, false)
	}
	f := outcome.FailureOf(o)
	d.recorder.Failure(status.Failure{Time: now, Reason: f.Reason, Detail: f.Detail, Remedy: f.Remedy, Exit: o.Result.Exit})
	d.mu.Lock()
	d.state.lastFail = now
	d.mu.Unlock()
}

// markLinked marks files with several names, so that all their names are sent in one run.
func (d *desk) markLinked(o outcome.Outcome, now time.Time) {
	if len(o.Linked) == 0 {
		return
	}
	known := make(map[string]dirty.Flags, len(o.Works))
	for _, w := range o.Works {
		known[w.Path] = w.Flags & (dirty.Content | dirty.Arrival | dirty.Unsure)
	}
	for tree, paths := range o.Linked {
		if tree != "" && len(paths) > dirty.FanOut(d.dirty) {
			// Their marks would become the tree again, and so on for ever.
			d.dirty.Mark(disk.ParentOf(tree), dirty.Tree, now)
			continue
		}
		for _, path := range paths {
			f, ok := known[path]
			if !ok {
				f = known[o.OtherOf[path]]
			}
			d.dirty.Mark(path, f, now)
		}
	}
	for _, w := range o.Works {
		d.owe(w.Since)
	}
	if o.Kind == plan.KindFull {
		d.owe(time.Time{}) // what a full sync has left undone may be of any age
	}
}

// markWaiting marks the files about which the remote has to be asked again, after a run for a tree,
// or a full sync, that could not settle them.
func (d *desk) markWaiting(o outcome.Outcome, now time.Time) {
	own := make(map[string]bool, len(o.Works))
	for _, w := range o.Works {
		own[w.Path] = true
	}
	for path, until := range o.Waits {
		if !own[path] {
			d.dirty.Mark(path, dirty.Unsure, now)
			d.owe(until.Add(-carry.ArrivalSettled))
		}
	}
}
