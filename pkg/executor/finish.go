package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	if o.result.Missing == rsync.MissingList && o.result.Class <= rsync.Again {
		l.learn(o.result)
	}
	if o.kind == kindDelete || o.kind == kindTree {
		l.audit(o)
	}
	if o.kind == kindTree && l.opt.MayDelete {
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
		l.giveBack(o.works, 1)
		l.recordFailure(o, now)
		l.enterTrouble(o, now)
	}
	if o.result.Class != rsync.Stopped {
		l.recorder.Run(now, o.result.Class <= rsync.Again)
	}
	l.reportFailing()
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
	l.dirty.Done(w.item)
	l.touch(w, now)
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

// touch remembers what was pushed beside a full sync.
func (l *Lane) touch(w work, now time.Time) {
	if l.full.running {
		l.full.touched.Mark(w.Path, w.Flags|flagsFor(w), now)
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

// partlyDone settles what arrived and gives back what did not.
func (l *Lane) partlyDone(o outcome, now time.Time) {
	l.succeeded(o, now)
	if o.kind == kindSurvey {
		// What could be compared was; what could not be read here shows up
		// again when it is sent.
		l.surveyed(o, now)
		return
	}
	bad := l.assign(o)
	if bad == nil {
		l.unclear(o, now)
		return
	}
	for i, w := range o.works {
		errs := bad[i]
		if len(errs) == 0 {
			l.done(w, o, now)
			continue
		}
		l.failedWork(w, o, errs, now)
	}
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
	for _, e := range append(append([]rsync.PathError{}, o.result.Failed...), o.result.Races...) {
		owners := owners(o.works, index, e.Path)
		if len(owners) == 0 {
			return nil
		}
		for _, i := range owners {
			bad[i] = append(bad[i], e)
		}
	}
	return bad
}

// owners finds the works that a complaint's path belongs to: the work of that
// name, or the tree around it, or what lies below it when a parent directory
// could not be made. A remote shell's rsync puts the path of the target before
// the name, so that a longer and longer beginning of it is left out.
func owners(works []work, index map[string]int, path string) []int {
	for rest, ok := path, true; ok; _, rest, ok = strings.Cut(rest, "/") {
		if i, ok := index[rest]; ok {
			return []int{i}
		}
	}
	for rest, ok := path, true; ok; _, rest, ok = strings.Cut(rest, "/") {
		for p := rest; p != ""; {
			p = parentOf(p)
			if i, ok := index[p]; ok && encloses(works[i]) && (p != "" || len(works) == 1) {
				return []int{i}
			}
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
	if w.Flags&filterqueue.Tree != 0 && o.kind == kindTree && l.narrow(w, errs, now) {
		return
	}
	l.fail(w.item, now, failure{reason: errs[0].Reason(), detail: errs[0].Text, remedy: o.result.Remedy, wait: o.result.WaitStatus})
}

// narrow replaces a tree that failed in a few places by these places, so that
// the rest is not sent over and over.
func (l *Lane) narrow(w work, errs []rsync.PathError, now time.Time) bool {
	flags := make(map[string]filterqueue.Flags, len(errs))
	for _, e := range errs {
		f := l.stillThere(e.Path)
		if e.Path == w.Path || f.State != beneath.Present || !strings.HasPrefix(e.Path, w.Path+"/") {
			return false
		}
		flags[e.Path] = filterqueue.Content
		if f.Dir() {
			flags[e.Path] |= filterqueue.Tree
		}
	}
	for path, f := range flags {
		l.dirty.Mark(path, f, now)
	}
	l.dirty.Done(w.item)
	l.touch(w, now)
	l.settled(w, true)
	return true
}

// unclear handles complaints that name no path of the batch: the batch is
// split until the one that fails is alone.
func (l *Lane) unclear(o outcome, now time.Time) {
	if len(o.works) == 1 {
		l.fail(o.works[0].item, now, failureOf(o))
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

// refused learns what the receiver cannot do and tries another way at once.
func (l *Lane) refused(o outcome, now time.Time) {
	if l.learn(o.result) {
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
	l.dirty.Return(it, now.Add(wait))
	l.mu.Lock()
	if len(l.state.failStatus) < maxFailing {
		l.state.failStatus[it.Path] = f
	}
	l.mu.Unlock()
	l.recorder.Failure(status.Failure{Time: now, Path: it.Path, Reason: f.reason, Detail: f.detail, Remedy: f.remedy, Exit: f.wait >> 8})
	if it.Attempt == 1 {
		l.log.Warn("path failed", zap.String("path", it.Path), zap.String("reason", f.reason), zap.String("detail", f.detail),
			zap.String("remedy", f.remedy), zap.Duration("delay", wait))
	}
	// Each time: what changed since the first failure waits anew.
	l.settled(work{item: it, taken: time.Now()}, false)
}

// maxFailing bounds the failing paths that are remembered with their command.
const maxFailing = 5000

// recordFailure shows a run that failed as a whole.
func (l *Lane) recordFailure(o outcome, now time.Time) {
	for _, w := range o.works {
		l.mu.Lock()
		if len(l.state.failStatus) < maxFailing {
			l.state.failStatus[w.Path] = failureOf(o)
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
