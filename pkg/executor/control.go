package executor

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/executor/health"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// door passes requests of other goroutines to a lane's loop.
type door struct {
	requests chan request  // unbuffered; received by the loop
	ended    chan struct{} // closed when Run returns
	leaving  atomic.Bool   // another lane will inherit from this one
	after    sync.Mutex    // held while a request is served after Run has returned
}

// request asks the loop to call do. Once Run has returned, the goroutine that asks calls it itself,
// holding door.after.
type request struct {
	do    func()
	taken chan struct{} // closed when do has returned
}

// ErrStopped answers a request to a lane that no longer runs.
var ErrStopped = errors.New("the lane has been stopped")

// request returns when the loop has called do, so that the state shows the effect of the request
// from then on.
func (d *door) request(ctx context.Context, do func()) error {
	r := request{do, make(chan struct{})}
	select {
	case d.requests <- r:
		<-r.taken
		return nil
	case <-d.ended:
		return d.requestAfter(r)
	case <-ctx.Done():
		return ErrStopped
	}
}

// requestAfter serves a request after Run has returned, when no loop owns the lane's state any
// more.
func (d *door) requestAfter(r request) error {
	if !d.leaving.Load() {
		return ErrStopped
	}
	d.after.Lock()
	defer d.after.Unlock()
	r.serve()
	return nil
}

func (r request) serve() {
	defer close(r.taken)
	r.do()
}

// errand runs do beside the loop. Its context ends with ctx, and when the lane is told to stop.
// After that the loop calls then, unless do was ended.
func (l *loop) errand(ctx context.Context, do func(context.Context), then func()) {
	l.runs.Go(func() {
		ctx, end := l.slots.Bound(ctx)
		defer end()
		do(ctx)
		select {
		case l.requests <- request{then, make(chan struct{})}:
		case <-ctx.Done():
		}
	})
}

// Leave says that another lane will inherit from this one, which is about to be stopped: requests
// from now on are carried out by the other lane.
func (l *Lane) Leave() { l.leaving.Store(true) }

// FullSync asks for a full sync. The request joins one of the same kind that has not begun, and
// otherwise waits behind the others.
func (l *Lane) FullSync(ctx context.Context, f fullsync.Request) error {
	return l.request(ctx, func() { l.loop.fulls.wantFull(&f) })
}

// RetryNow tries everything that has failed again at once. It is called when the interval of the
// fail log has passed.
func (l *Lane) RetryNow(ctx context.Context) error {
	return l.request(ctx, func() {
		l.dirty.RetryNow()
		l.healthAfter(health.Hurried, time.Now())
	})
}

// Pause stops the lane's runs, or with false resumes them; changes are collected in any case.
func (l *Lane) Pause(ctx context.Context, on bool) error {
	return l.request(ctx, func() {
		l.mu.Lock()
		l.state.paused = on
		l.mu.Unlock()
		l.log.Info("lane paused or resumed", zap.Bool("paused", on))
		if on {
			l.opt.Transport.Drop()
			l.loop.fulls.endComparisons(errPaused)
		}
	})
}

// RootChanged says that the watch root went away or came back.
func (l *Lane) RootChanged(ctx context.Context) error {
	return l.request(ctx, func() {
		l.opt.Transport.Drop()
		if l.opt.Gone() {
			l.loop.fulls.endComparisons(transport.ErrRootGone)
		}
	})
}

func (fs *fulls) wantFull(f *fullsync.Request) {
	defer fs.tellFull()
	f.Asked = time.Now()
	if f.Verify && !fs.mayCompare(f) {
		return
	}
	if f.Asker == fullsync.Person {
		fs.hours.lift(f.Asked, fs.dirty)
	}
	if _, waits := fs.hours.fullSync(f.Asked); waits {
		fs.full.Next = time.Time{} // the new request may go first
	}
	if f.Unknown {
		fs.mu.Lock()
		fs.state.complete = false
		fs.mu.Unlock()
	}
	if fs.full.Running {
		// The running full sync may have passed the changes that this request is about.
		fs.full.Again = fullsync.Merged(fs.full.Again, f)
		return
	}
	if have := fs.full.Want; have != nil {
		if have.Verify || f.Verify || !slices.Equal(have.Excludes, f.Excludes) {
			fs.full.Again = fullsync.Merged(fs.full.Again, f)
			return
		}
		f.Join(have)
	}
	fs.full.Want, fs.full.Next, fs.full.Attempt, fs.full.Sent = f, time.Time{}, 0, false
}

// LookAtTarget has the lane check, after a restart, whether the target still has what it had at
// since.
func (l *Lane) LookAtTarget(ctx context.Context, since time.Time) error {
	return l.request(ctx, func() { l.topSince = since })
}

func (d *desk) save() {
	if d.opt.Save != nil {
		d.opt.Save()
	}
}

// Degrade shows that a person must act, until it is called with an empty reason.
func (l *Lane) Degrade(reason, remedy string) { l.degrade(reason, remedy) }

func (b *board) degrade(reason, remedy string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.degraded = note{reason, remedy}
}

// show updates the state that is shown, and since when it holds.
func (l *loop) show() {
	l.differs.tell(time.Now())
	s := l.dirty.Stats()
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.shownLocked(s.Pending + s.InFlight)
	if next != l.state.shown {
		l.state.shown, l.state.since = next, time.Now()
	}
}

func (b *board) shownLocked(dirty int) status.LaneState {
	switch st := &b.state; {
	case st.paused:
		return status.LanePaused
	case st.health.Down() && (dirty > 0 || !st.complete || !st.wanted.since.IsZero()), st.wanted.why.Reason != "":
		return status.LaneBackingOff
	case st.progress != nil, st.holds > 0, !st.wanted.since.IsZero():
		return status.LaneFullSync
	case !st.complete:
		return status.LaneStarting
	case st.degraded.reason != "", st.caps.NoDelete && b.opt.MayDelete, b.differs.told.Any():
		return status.LaneDegraded
	case dirty > 0:
		return status.LaneSyncing
	default:
		return status.LaneInSync
	}
}

// Snapshot is the lane as an operator sees it.
func (l *Lane) Snapshot(now time.Time) status.Lane {
	s := l.dirty.Stats()
	l.mu.Lock()
	st := l.state
	shown := l.shownLocked(s.Pending + s.InFlight)
	if st.progress != nil {
		p := st.progress.Estimated(now)
		st.progress = &p
	}
	l.mu.Unlock()
	out := status.Lane{
		ID: l.opt.ID, Root: l.opt.Dir, Remote: l.terms.Remote, State: shown, Since: st.since,
		Pending: s.Pending, InFlight: s.InFlight, Failing: s.Delayed, OldestPending: s.Oldest,
		LastSuccess: st.lastOK, LastFailure: st.lastFail, Progress: st.progress, Differences: l.differs.told.List(), FullSyncSince: st.wanted.since,
		Excluded: st.unwanted, Release: st.release.Name, Without: st.caps.Without(),
	}
	switch shown {
	case status.LaneBackingOff:
		why, next := st.why, st.health.Next
		if !st.health.Down() {
			why, next = st.wanted.why, st.wanted.next
		}
		out.Reason, out.Detail, out.Remedy, out.NextTry = why.Reason, why.Detail, why.Remedy, next
	case status.LaneDegraded:
		out.Reason, out.Remedy = st.degraded.reason, st.degraded.remedy
		if out.Reason == "" && st.caps.NoDelete && l.opt.MayDelete {
			out.Reason, out.Remedy = "the daemon refuses deletions", l.terms.AllowDeletions
		}
	case status.LaneStarting, status.LaneInSync, status.LaneSyncing, status.LaneFullSync:
		out.Reason, out.NextTry = l.hours.waits(now, l.dirty.Covers)
	case status.LanePaused:
		// The state needs no further words.
	}
	l.recorder.Fill(&out, now)
	return out
}

// FullCommand is the command line of a full sync, for people.
func (l *Lane) FullCommand(excludes []string) string {
	run := l.carrier.Base(transport.Full, l.opt.Caps)
	run.Excludes = excludes
	return l.opt.Transport.Command(run)
}
