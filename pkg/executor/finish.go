package executor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/beneath"
	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/rsync"
	"github.com/sersync/sersync/pkg/status"
)

// finish takes the outcome of one flight into the lane's state.
func (l *Lane) finish(o outcome) {
	now := time.Now()
	l.busy[o.kind]--
	if o.result.Class > rsync.Again {
		l.noteLeftovers(o, now)
	}
	if o.kind == kindFull {
		l.fullEnded(o, now)
		return
	}
	if o.err != nil {
		l.notRun(o, now)
		return
	}
	if len(o.works) > handful {
		l.quiet.begin(now, l.marks.Load(), o.ended.Sub(o.began))
	} else {
		l.quiet.hold = 0
	}
	if o.hunt != nil {
		l.hunted(o, now)
	} else {
		l.conclude(o, now)
	}
	l.reportFailing()
}

// conclude settles what a run was for.
func (l *Lane) conclude(o outcome, now time.Time) {
	if o.result.Missing == rsync.MissingList && o.result.Class <= rsync.Again {
		l.learn(o.result)
	}
	if o.kind != kindSurvey {
		l.audit(o) // a single file, too: what it takes the place of is deleted
	}
	if (o.kind == kindTree || o.kind == kindSend) && l.opt.MayDelete {
		l.noteLitter(o, now)
	}
	switch o.result.Class {
	case rsync.Done:
		l.allDone(o, now)
	case rsync.Again, rsync.Partly:
		l.partlyDone(o, now)
	case rsync.Refused:
		l.refused(o, now)
	case rsync.NoSpace:
		l.noSpace(o, now)
	case rsync.Stopped:
		l.giveBack(o.works, 0)
	default:
		l.inTheWay(o, now)
	}
	if o.result.Class != rsync.Stopped {
		l.recorder.Run(now, o.result.Class <= rsync.Again)
	}
}

// inTheWay handles a run that the remote's trouble has ended, or one path.
func (l *Lane) inTheWay(o outcome, now time.Time) {
	if l.alone(o) {
		l.culprit(o.works[0], o, now)
		if s := l.dirty.Stats(); l.inTrouble().attempt > 0 && s.Pending+s.InFlight == 1 {
			l.succeeded(o, now) // the remote serves, and nothing else would show it
		}
		return
	}
	if o.mayHunt && o.result.Broken && len(o.works) == 1 && o.works[0].tree(o.kind) && l.unfoldTree(o.works[0], now) {
		o.works = nil // its entries tell more the next time
	}
	l.giveBack(o.works, 1)
	l.recordFailure(o, now)
	l.enterTrouble(o, now)
}

// notRun gives back the works of a run that could not be started.
func (l *Lane) notRun(o outcome, now time.Time) {
	if errors.Is(o.err, context.Canceled) || errors.Is(o.err, errRootGone) {
		l.giveBack(o.works, 0)
		return
	}
	l.giveBack(o.works, 1)
	l.enterTrouble(o, now)
}

// giveBack makes works dirty again without a delay of their own.
func (l *Lane) giveBack(works []work, failed int) {
	for _, w := range works {
		it := w.item
		it.Attempt += failed
		l.dirty.Return(it, time.Time{})
	}
}

// allDone settles a flight that succeeded.
func (l *Lane) allDone(o outcome, now time.Time) {
	if o.kind == kindSurvey {
		l.succeeded(o, now)
		l.surveyed(o, now)
		return
	}
	for _, w := range o.works {
		l.done(w, o, now)
	}
	l.grow()
	l.succeeded(o, now)
}

// done settles one path.
func (l *Lane) done(w work, o outcome, now time.Time) {
	if o.kind == kindDelete && !w.hidden {
		if f := l.stillThere(w.Path); f.State == beneath.Present {
			// It came back: what stands there now is all new.
			l.dirty.Drop(w.item, w.Path, filterqueue.Tree|filterqueue.Gone|filterqueue.Content, now)
			return
		}
	}
	if o.kind == kindTree && l.opt.Target.Params.HardLinks {
		l.markLinked(w, now)
	}
	if w.held {
		l.dirty.Return(w.item, l.heldUntil(w.Path, now))
		return
	}
	l.touch(w, o.fulls, now)
	l.dirty.Done(w.item)
	delete(l.culprits, w.Path)
	l.mu.Lock()
	delete(l.state.failStatus, w.Path)
	l.mu.Unlock()
	l.settled(w, true)
	op := status.Sent
	if o.kind == kindDelete {
		op = status.Deleted
	}
	if op == status.Deleted && partial(w.Path) {
		return // nothing that stood here
	}
	l.recorder.Transfer(status.Transfer{
		Time: now, Path: w.Path, Operation: op, Bytes: o.changed[w.Path].Size, Duration: status.Seconds(now.Sub(w.Since)),
	})
}

// heldUntil is when to try again what the brake holds: at once when it has let
// go meanwhile, and else when nobody has said so for long.
func (l *Lane) heldUntil(path string, now time.Time) time.Time {
	if l.opt.Held(path, true) == "" {
		return time.Time{}
	}
	return now.Add(laneWait(20))
}

// touch remembers what was pushed beside a full sync. One that has ended since
// this was begun, after fulls others, may have overwritten it, too.
func (l *Lane) touch(w work, fulls uint64, now time.Time) {
	if l.full.running {
		l.full.touched.Mark(w.Path, w.Flags|flagsFor(w), now)
		return
	}
	if fulls != l.full.ends {
		l.dirty.Mark(w.Path, w.Flags|flagsFor(w), now)
		l.owe(w.Since)
	}
}

// flagsFor keeps a deletion a deletion when it is looked at again.
func flagsFor(w work) filterqueue.Flags {
	if w.found.State == beneath.Absent {
		return filterqueue.Gone
	}
	return 0
}

// succeeded resets what failures had set.
func (l *Lane) succeeded(o outcome, now time.Time) {
	l.patienceShift.Store(0)
	l.mu.Lock()
	was, lastOK := l.state.trouble, l.state.lastOK
	l.state.trouble = trouble{}
	l.state.lastOK = now
	l.mu.Unlock()
	if (was.attempt > 0 || o.lostSession) && l.known() {
		l.topSince = lastOK
	}
	if was.attempt > 0 {
		if l.opt.Trouble != nil {
			l.opt.Trouble(false)
		}
		l.log.Info("remote answers again", zap.Duration("outage", now.Sub(was.since)))
		l.dirty.RetryNow()
	}
}

// known tells whether the target has been equal once, but for what is dirty.
func (l *Lane) known() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.complete
}

// grow lets batches become large again after failures have split them.
func (l *Lane) grow() { l.batch = min(maxBatch, max(l.batch*4, 1)) }

// refused learns what the receiver cannot do and tries another way at once.
func (l *Lane) refused(o outcome, now time.Time) {
	// Another run that was under way may have learnt it meanwhile.
	if l.learn(o.result) || o.caps != l.state.caps {
		l.giveBack(o.works, 0)
		return
	}
	l.giveBack(o.works, 1)
	l.enterTrouble(o, now)
}

// learn remembers a missing capability; false when it was known already.
func (l *Lane) learn(r rsync.Result) bool {
	l.mu.Lock()
	caps := l.state.caps
	switch r.Missing {
	case rsync.MissingNanoseconds:
		caps.SecondsOnly = true
	case rsync.MissingDeleteArgs:
		caps.Deleter = rsync.DeletePatterns
	case rsync.MissingDelete:
		caps.NoDelete = true
	case rsync.MissingList:
		caps.NoList = true
	}
	changed := caps != l.state.caps
	l.state.caps = caps
	l.mu.Unlock()
	if changed {
		l.log.Info("receiver lacks an option, using another way", zap.String("reason", r.Reason), zap.String("remedy", r.Remedy))
		l.save()
	}
	return changed
}

// fail gives one path back after a wait that grows with its attempts.
func (l *Lane) fail(it item, now time.Time, f failure) {
	it.Attempt++
	wait := pathWait(it.Attempt, l.dirty.Stats().Delayed)
	if f.lasting {
		wait = failqueue.LastingBackoff().Next(it.Attempt, nil)
	}
	l.dirty.Return(it, now.Add(wait))
	first := l.remember(it, f)
	l.recorder.Failure(status.Failure{Time: now, Path: it.Path, Reason: f.reason, Detail: f.detail, Remedy: f.remedy, Exit: f.wait >> 8})
	if first {
		l.log.Warn("path failed", zap.String("path", it.Path), zap.String("reason", f.reason), zap.String("detail", f.detail),
			zap.String("remedy", f.remedy), zap.Duration("delay", wait))
	}
	// Each time: what changed since the first failure waits anew.
	l.settled(work{item: it, taken: time.Now()}, false)
}

// remember keeps why a path fails, and tells whether that is news. The number
// of attempts does not tell: batches that failed as a whole count as well, and
// said nothing of the path.
func (l *Lane) remember(it item, f failure) (first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, known := l.state.failStatus[it.Path]
	first = it.Attempt == 1 || known && !before.named
	if !known && len(l.state.failStatus) >= maxFailing {
		return first
	}
	f.named = true
	l.state.failStatus[it.Path] = f
	return first || !known
}

// maxFailing bounds the failing paths that are remembered with their command.
const maxFailing = 5000

// recordFailure shows a run that failed as a whole.
func (l *Lane) recordFailure(o outcome, now time.Time) {
	for _, w := range o.works {
		l.mu.Lock()
		if before, known := l.state.failStatus[w.Path]; known || len(l.state.failStatus) < maxFailing {
			f := failureOf(o)
			f.named = before.named
			l.state.failStatus[w.Path] = f
		}
		l.mu.Unlock()
		l.settled(w, false)
	}
	f := failureOf(o)
	l.recorder.Failure(status.Failure{Time: now, Reason: f.reason, Detail: f.detail, Remedy: f.remedy, Exit: o.result.Exit})
	l.mu.Lock()
	l.state.lastFail = now
	l.mu.Unlock()
}

// failureOf is why a run failed as a whole.
func failureOf(o outcome) failure {
	f := failure{reason: o.result.Reason, detail: o.result.Detail, remedy: o.result.Remedy, wait: o.result.WaitStatus}
	if o.err != nil {
		f = failure{reason: "rsync could not be started", detail: o.err.Error(), remedy: "install rsync, or name it in <rsync path=\"...\">", wait: 127 << 8}
	}
	return f
}

func outcomeError(o outcome) error {
	if o.err != nil {
		return o.err
	}
	return fmt.Errorf("rsync: %s (status %d)", o.result.Reason, o.result.Exit)
}

// reportFailing hands the failing paths to the fail log: those that have
// failed, were tried again, and failed again.
func (l *Lane) reportFailing() {
	if l.dirty.Stats().Delayed == 0 {
		l.mu.Lock()
		clear(l.state.failStatus) // also of what needed no run in the end
		l.mu.Unlock()
	}
	if l.opt.FailLog == nil {
		return
	}
	var entries []failqueue.Entry
	for _, it := range l.dirty.Failing(maxFailing) {
		if it.Attempt < 2 {
			continue
		}
		l.mu.Lock()
		f := l.state.failStatus[it.Path]
		l.mu.Unlock()
		entries = append(entries, l.entry(it, f))
	}
	if len(entries) == 0 && !l.reported {
		return
	}
	l.reported = len(entries) > 0
	l.opt.FailLog(entries)
}
