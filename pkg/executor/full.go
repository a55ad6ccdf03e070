package executor

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/executor/carry"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/executor/health"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// fullTries bounds the tries of one full sync that fails, outages not counted. After that, paths
// that it could not send stay dirty by name.
const fullTries = 5

// fullPause is the wait between further tries of such a full sync: each costs
// a comparison of the whole tree.
const fullPause = time.Minute

// fulls decides what becomes of full syncs. It belongs to the loop.
type fulls struct {
	*desk
	sweeper *sweeper
	surveys *surveys
	remote  *remote
}

// startFull starts the full sync that was asked for. It runs beside ordinary runs.
func (l *loop) startFull(ctx context.Context, now time.Time) {
	want := l.full.Want
	if want == nil || l.full.Running || now.Before(l.full.Next) {
		return
	}
	if l.full.Rule, l.full.Next = l.hours.begin(&l.full, now); !l.full.Next.IsZero() {
		return
	}
	want = l.full.Want // begin may have let another one go first
	l.full.Running = true
	l.full.Touched, l.full.Specials = dirty.New(time.Now(), dirty.Limits{}), nil
	if !want.Verify {
		l.hold(now) // the full sync may overwrite paths that are sent meanwhile with older content
	}
	ctx, l.full.Stop = context.WithCancel(ctx)
	l.setProgress(status.Progress{})
	f := l.flight(plan.KindFull, nil)
	f.BWLimit = l.full.Rule.BWLimit
	f.Most, f.Peer = 0, f.Peer && !want.Mirror && !want.Verify
	if !want.Verify && len(want.Excludes) == 0 {
		f.Most = l.speed.longest()
		if l.full.Most > 0 {
			f.Most = min(f.Most, l.full.Most)
		}
	}
	run := carry.FullRun{
		Carrier: l.carrier, Want: *want, Progress: l.setProgress,
		Sent: func(bytes int64) { l.recorder.Sent(time.Now(), bytes) },
	}
	if l.opt.Entries != nil {
		run.About = l.opt.Entries()
	}
	sent := l.full.Sent
	l.runs.Go(func() {
		o := outcome.Outcome{Flight: f, Err: context.Canceled}
		if l.slots.Wait(ctx) == nil {
			o = run.Fly(ctx, f, sent)
			l.slots.Release()
		}
		l.outcomes <- o
	})
}

// fullEnded takes the result of a full sync into the lane.
func (fs *fulls) fullEnded(o outcome.Outcome, now time.Time) {
	want := fs.full.Want
	fs.full.Running = false
	fs.full.Ends++
	fs.full.Stop()
	fs.noProgress()
	fs.touchAgain(now)
	fs.markApart(o, now)
	if o.Caps.Grain != transport.GrainUnknown {
		fs.remote.learnedGrain(o.Caps.Grain)
	}
	if !want.Verify {
		fs.markLeftOut(o, now)
		fs.markWaiting(o, now)
		fs.letGo()
		fs.recorder.Count(max(0, o.Files-len(o.Result.Failed)), o.Sent)
	}
	defer fs.tellFull()
	switch {
	case o.Err != nil || o.Result.Class > transport.Again:
		if !want.Verify && fs.failedInFull(o, o.Unsent, now) {
			fs.owe(time.Time{})
		}
		fs.fullFailed(o, now)
	case o.Result.Unclear && fs.full.Attempt+1 < fullTries: // it is unknown what is missing
		fs.remote.succeeded(o, now)
		fs.fullFailed(o, now)
	case want.Verify:
		fs.remote.succeeded(o, now)
		fs.compared(o, now)
	case o.Gone: // no candidate could be looked up
		o.Err = transport.ErrRootGone
		fs.fullFailed(o, now)
	default:
		fs.remote.succeeded(o, now)
		fs.everythingSent(o, now)
	}
}

// everythingSent takes the result of a full sync that has come to its end into the lane's state.
func (fs *fulls) everythingSent(o outcome.Outcome, now time.Time) {
	want := fs.full.Want
	fs.full.Most = 0
	failed := fs.failedInFull(o, slices.Concat(o.Result.Failed, o.Result.Races), now)
	found := fs.surveys.sift(o.Extras, fs.mayDeleteBy(want).but(o.Foreign), want.Excludes, causeOf(want), now)
	fs.markGone(found.gone, causeOf(want), now)
	if fs.opt.MayDelete && !fs.state.caps.NoDelete {
		fs.surveys.leftThere(found.left, o.Cut && len(found.left) > 0, now)
	}
	marked := found.marked || len(found.gone) > 0
	if marked && o.Cut {
		fs.full.Again = append(fs.full.Again, &fullsync.Request{Mirror: want.Mirror, Asker: want.Asker, Excludes: want.Excludes, Asked: want.Asked}) // for the rest
	}
	if marked || failed {
		fs.owe(time.Time{}) // that may be of any age
	}
	// It stays unclear what fails: sent entry by entry it will be found, and stay dirty by its
	// name.
	if o.Result.Unclear && !o.SentAll && len(want.Excludes) == 0 && fs.unfold("", o.Unfolded, now) {
		fs.owe(time.Time{})
	}
	fs.fullDone(want, o, now)
	said := []zap.Field{zap.Bool("mirror", want.Mirror), zap.Int("files", o.Files), zap.Int64("bytes", o.Sent),
		zap.Int("only_on_target", len(fs.foundThere(o))), zap.Duration("took", o.Ended.Sub(o.Began))}
	if n := len(o.Result.Failed); n > 0 || o.Result.Unclear {
		fs.log.Warn("full sync ended, what could not be brought over is tried again by name", append(said, zap.Int("failed", n),
			zap.String("reason", o.Result.Reason), zap.String("remedy", o.Result.Remedy))...)
	} else {
		fs.log.Info("full sync done", said...)
	}
	fs.fullOver(fullsync.Result{Files: o.Files, Bytes: o.Sent, Extras: fs.foundThere(o), Unreadable: len(o.Result.Failed)}, now)
}

// fullOver ends the present full sync: it tells the one who asked for it, and goes on with the next
// one.
func (fs *fulls) fullOver(r fullsync.Result, now time.Time) {
	fs.recorder.Run(now, true)
	fs.failures.fulls.Recovered("full sync came to its end")
	want := fs.full.Want
	fs.full.Want, fs.full.Attempt, fs.full.Sent, fs.full.Next = nil, 0, false, time.Time{}
	if len(fs.full.Again) > 0 {
		fs.full.Want, fs.full.Again = fs.full.Again[0], fs.full.Again[1:]
	}
	fs.tellFull()
	want.Answer(r)
}

// foundThere are the entries that only the remote has, without those that the filter or the user's
// patterns exclude and those that are on their way; sorted.
func (fs *fulls) foundThere(o outcome.Outcome) []string {
	var out []string
	for _, c := range o.Extras {
		if !c.Suspect && !fs.disk.Spared(c.Path, c.Dir) && !fs.arriving(c.Path) {
			out = append(out, c.Path)
		}
	}
	slices.Sort(out)
	return out
}

// mayDeleteBy is what a full sync may delete.
func (fs *fulls) mayDeleteBy(want *fullsync.Request) permission {
	switch {
	case !fs.opt.MayDelete:
		return permission{}
	case want.Mirror:
		return permission{all: true}
	}
	return fs.mayDelete()
}

func (fs *fulls) fullDone(want *fullsync.Request, o outcome.Outcome, now time.Time) {
	fs.mu.Lock()
	fs.state.complete, fs.state.degraded = true, note{}
	if want.Mirror && fs.opt.MayDelete {
		fs.state.mirror = fs.state.mirror.completed(fs.opt.Scope, want.Excludes, fs.terms.Matcher)
	}
	fs.mu.Unlock()
	if len(want.Excludes) == 0 {
		fs.differs.replace(status.Differing, nil, 0)
	}
	fs.differs.replace(status.Newer, o.Newer, o.MoreOthers)
	fs.differs.tell(now)
	fs.save()
}

// touchAgain makes the paths dirty again that were brought over during the full sync.
func (fs *fulls) touchAgain(now time.Time) {
	fs.dirty.TakeFrom(fs.full.Touched, now, func(plan.Item) time.Time { return now })
}

// failedInFull marks the paths that a full sync could not send, so that they stay dirty by name. It
// tells whether there are any that no later event would report; a path that may not be read here
// has an event when that changes.
func (fs *fulls) failedInFull(o outcome.Outcome, errs []transport.PathError, now time.Time) (silent bool) {
	for _, e := range errs {
		path, f := o.ComplainedOf(e)
		if f.State == fstree.Absent || f.State == fstree.Obstructed {
			continue // that has an event of its own
		}
		flags := dirty.Unsure
		if f.Dir() {
			flags = dirty.Tree
		}
		fs.dirty.Mark(path, flags, now)
		silent = silent || !e.Race() && (e.Remote || e.Errno != unix.EACCES && e.Errno != unix.EPERM)
	}
	return silent
}

// fullFailed tries a full sync again, now or later.
func (fs *fulls) fullFailed(o outcome.Outcome, now time.Time) {
	switch {
	case errors.Is(o.Err, context.Canceled), o.Err == nil && o.Result.Class == transport.Stopped:
		fs.full.Sent = o.SentAll && !fs.full.Want.Verify
		return // busy hours have begun, or the lane is about to end and its heir goes on
	case errors.Is(o.Err, transport.ErrRootGone):
		fs.full.Next = now.Add(health.Wait(fullTries))
		fs.endComparisons(transport.ErrRootGone)
		return
	}
	fs.full.Attempt++
	fs.full.Sent = o.SentAll && !fs.full.Want.Verify
	if o.Err == nil && o.Result.Class == transport.Refused && o.Again {
		fs.full.Attempt--
		fs.full.Next = now
		return
	}
	fs.recordFailure(o, now)
	fs.recorder.Run(now, false)
	if o.Err == nil && o.Result.Class == transport.Trouble {
		fs.full.Attempt--
		if fs.fullBreaks(o, now) {
			fs.full.Sent = true
		}
		fs.remote.enterTrouble(o, now)
		return
	}
	if fs.full.Want.Verify && !o.Result.Unclear {
		fs.endComparisons(outcome.ErrorOf(o))
		return
	}
	if o.Err == nil && o.Result.Class == transport.NoSpace && fs.leaveOutTheFat(o, now) {
		fs.full.Next = now
		return
	}
	fs.full.Why, fs.full.Next = outcome.FailureOf(o), now.Add(health.Wait(fs.full.Attempt))
	if fs.full.Attempt >= fullTries {
		fs.full.Next = now.Add(fullPause)
		fs.fullFailsForLong(o)
	}
}

// fullFailsForLong tells the one who waits that the full sync has failed; the lane goes on trying
// unless it only compares.
func (fs *fulls) fullFailsForLong(o outcome.Outcome) {
	err := outcome.ErrorOf(o)
	why := fs.full.Why
	fs.failures.fulls.Failed(why.Reason, "full sync fails, it is tried again", zap.Bool("verify", fs.full.Want.Verify),
		zap.String("reason", why.Reason), zap.String("detail", why.Detail), zap.String("remedy", why.Remedy))
	if want := fs.full.Want; !want.Verify {
		want.Answer(fullsync.Result{Err: err})
		want.Done = nil
	}
	fs.endComparisons(err)
}

// tellFull updates what the status shows of full syncs.
func (fs *fulls) tellFull() {
	since := fs.full.Since()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.state.wanted = wantedFull{since: since}
	if !since.IsZero() && fs.full.Attempt >= fullTries {
		fs.state.wanted.why, fs.state.wanted.next = fs.full.Why, fs.full.Next
	}
}

// CatchUp walks the tree of the lanes' common watch root once and makes dirty, for each of them,
// what changed since then (see package failqueue). It runs on the caller's goroutine. Deletions
// show as changed directories, whose entries are compared with the target's. A directory that
// cannot be listed becomes dirty as a whole. If tell is not nil it is called for each entry before
// that becomes dirty, and for entries below a moved directory that have changed themselves; it is
// called from several goroutines.
func CatchUp(ctx context.Context, since time.Time, lanes []*Lane, tell func(rel string, c fstree.Change)) (fstree.Count, error) {
	root := lanes[0].opt.Root()
	if root == nil {
		return fstree.Count{}, transport.ErrRootGone
	}
	defer root.Close()
	fd, err := root.OpenList("")
	if err != nil {
		return fstree.Count{}, err
	}
	defer func() { _ = unix.Close(fd) }()
	opt := fstree.ScanOptions{Each: tell != nil}
	if excluded := lanes[0].opt.Excluded; excluded != nil {
		opt.Skip = func(rel string) bool { return excluded(rel, true) }
	}
	opt.Error = func(rel string, err error) {
		if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
			return // what may not be read here cannot be sent; there is an event when that changes
		}
		for _, l := range lanes {
			l.Mark(rel, dirty.Tree|dirty.Extras)
		}
	}
	g := gathered{lanes: lanes, last: time.Now()}
	defer g.mark()
	return fstree.Changed(ctx, fd, since, opt, func(rel string, c fstree.Change) {
		if tell != nil {
			tell(rel, c)
		}
		if !c.Below {
			g.add(rel, c)
		}
	})
}

// MarkChanged makes one entry that a scan has found dirty.
func (l *Lane) MarkChanged(rel string, c fstree.Change) {
	switch {
	case c.Type != unix.DT_DIR:
		l.Mark(rel, dirty.Unsure)
	case c.Moved && rel != "":
		l.Mark(rel, dirty.Tree|dirty.Extras|dirty.Unsure)
	default:
		l.Mark(rel, dirty.Extras)
	}
}

// causeOf is the cause that the audit log names for the deletions of a full sync.
func causeOf(want *fullsync.Request) audit.Cause {
	if want.Mirror {
		return audit.CauseMirror
	}
	return audit.CauseCatchUp
}
