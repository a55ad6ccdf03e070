package executor

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/rsync"
	"github.com/sersync/sersync/pkg/status"
)

// request is what others want of the loop.
type request struct {
	full   *Full
	retry  bool
	pause  *bool
	wake   bool
	lost   bool      // the target has lost what it had
	look   time.Time // see whether it has
	probed bool
	err    error
}

// ErrStopped answers a request to a lane that does not run any more.
var ErrStopped = errors.New("the lane has been stopped")

func (l *Lane) request(ctx context.Context, r request) error {
	select {
	case l.requests <- r:
		return nil
	case <-l.ended:
		return l.requestAfter(r)
	case <-ctx.Done():
		return ErrStopped
	}
}

// requestAfter serves a request when Run has returned: nobody else owns the
// lane's state then.
func (l *Lane) requestAfter(r request) error {
	if !l.leaving.Load() {
		return ErrStopped
	}
	l.after.Lock()
	defer l.after.Unlock()
	l.serve(r)
	return nil
}

// Leave says that another lane will inherit from this one, which is about to be
// stopped: what is asked for from now on is for that one to carry out.
func (l *Lane) Leave() { l.leaving.Store(true) }

// FullSync asks for a full sync; it joins a wanted one of the same make that
// has not begun, and follows any other.
func (l *Lane) FullSync(ctx context.Context, f Full) error { return l.request(ctx, request{full: &f}) }

// RetryNow tries everything that failed again, at once: the fail log's
// interval has passed.
func (l *Lane) RetryNow(ctx context.Context) error { return l.request(ctx, request{retry: true}) }

// Pause stops, or with false resumes, the lane's runs; it goes on collecting.
func (l *Lane) Pause(ctx context.Context, on bool) error {
	return l.request(ctx, request{pause: &on})
}

// RootChanged says that the watch root went away or came back.
func (l *Lane) RootChanged(ctx context.Context) error { return l.request(ctx, request{wake: true}) }

func (l *Lane) serve(r request) {
	switch {
	case r.full != nil:
		l.wantFull(r.full)
	case r.probed:
		l.probed(r.err)
	case r.retry:
		l.dirty.RetryNow()
		l.mu.Lock()
		l.state.trouble.next = time.Now()
		l.mu.Unlock()
	case r.pause != nil:
		l.mu.Lock()
		l.state.paused = *r.pause
		l.mu.Unlock()
		l.log.Info("lane paused or resumed", zap.Bool("paused", *r.pause))
		if *r.pause {
			l.standby.drop()
		}
	case r.wake:
		l.standby.drop()
	case r.lost:
		l.targetLost()
	case !r.look.IsZero():
		l.topSince = r.look
	}
}

func (l *Lane) wantFull(f *Full) {
	if f.Unknown {
		l.mu.Lock()
		l.state.complete = false
		l.mu.Unlock()
	}
	if l.full.running {
		// The running one may have passed by what this one is asked for.
		l.full.again = merged(l.full.again, f)
		return
	}
	if have := l.full.want; have != nil {
		if have.Verify || f.Verify || !slices.Equal(have.Excludes, f.Excludes) {
			l.full.again = merged(l.full.again, f)
			return
		}
		f.Mirror, f.Unknown, f.Done = f.Mirror || have.Mirror, f.Unknown || have.Unknown, both(have.Done, f.Done)
	}
	l.full.want, l.full.next, l.full.attempt, l.full.sent = f, time.Time{}, 0, false
}

// merged adds a wanted full sync to those that wait; one that asks for the same
// as another is enough, or a schedule would outrun a slow remote without end.
func merged(waiting []*Full, f *Full) []*Full {
	for i, w := range waiting {
		if w.Mirror == f.Mirror && w.Verify == f.Verify && slices.Equal(w.Excludes, f.Excludes) {
			f.Unknown = f.Unknown || w.Unknown
			f.Done = both(w.Done, f.Done)
			waiting[i] = f
			return waiting
		}
	}
	return append(waiting, f)
}

// both tells two callers.
func both(a, b func(FullResult)) func(FullResult) {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(r FullResult) { a(r); b(r) }
}

// LookAtTarget has the lane see whether the target still has what was there at
// since, after a restart.
func (l *Lane) LookAtTarget(ctx context.Context, since time.Time) error {
	return l.request(ctx, request{look: since})
}

func (l *Lane) save() {
	if l.opt.Save != nil {
		l.opt.Save()
	}
}

// Degrade shows that a person must act, until cleared with an empty reason.
func (l *Lane) Degrade(reason, remedy string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.degraded = note{reason, remedy}
}

// show keeps the shown state and its age.
func (l *Lane) show() {
	s := l.dirty.Stats()
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.shownLocked(s.Pending + s.InFlight)
	if next != l.state.shown {
		l.state.shown, l.state.since = next, time.Now()
	}
}

func (l *Lane) shownLocked(dirty int) status.LaneState {
	switch st := &l.state; {
	case st.paused:
		return status.LanePaused
	case st.trouble.attempt > 0 && (dirty > 0 || !st.complete):
		return status.LaneBackingOff
	case st.progress != nil, st.holds > 0:
		return status.LaneFullSync
	case st.degraded.reason != "", st.caps.NoDelete && l.opt.MayDelete:
		return status.LaneDegraded
	case !st.complete:
		return status.LaneStarting
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
		p := *st.progress
		st.progress = &p
	}
	l.mu.Unlock()
	out := status.Lane{
		ID: l.opt.ID, Root: l.opt.Dir, Remote: l.opt.Target.Dest(), State: shown, Since: st.since,
		Pending: s.Pending, InFlight: s.InFlight, Failing: s.Delayed, OldestPending: s.Oldest,
		LastSuccess: st.lastOK, LastFailure: st.lastFail, Progress: st.progress,
	}
	switch shown {
	case status.LaneBackingOff:
		out.Reason, out.Detail, out.Remedy, out.NextTry = st.trouble.reason, st.trouble.detail, st.trouble.remedy, st.trouble.next
	case status.LaneDegraded:
		out.Reason, out.Remedy = st.degraded.reason, st.degraded.remedy
		if out.Reason == "" {
			out.Reason, out.Remedy = "the daemon refuses deletions", refusedRemedy
		}
	}
	l.recorder.Fill(&out, now)
	return out
}

// entry renders one failing path for the fail log: a command a person can run.
func (l *Lane) entry(it item, f failure) failqueue.Entry {
	run := rsync.Run{Kind: rsync.Send, Target: l.opt.Target, Caps: l.state.caps}
	args := l.opt.Target.Params.Args()
	args = append(args, "-R")
	args = append(args, run.Transport()...)
	args = append(args, "./"+it.Path, l.opt.Target.Into())
	return failqueue.Entry{Remote: l.opt.Target.Dest(), WaitStatus: f.wait, Dir: l.opt.Dir, Argv: append([]string{l.opt.Program}, args...)}
}

// FullCommand is the command line of a full sync, for people.
func (l *Lane) FullCommand(excludes []string) string {
	run := l.base(rsync.Full, l.opt.Caps)
	run.Excludes = excludes
	return "cd " + rsync.Quote([]string{l.opt.Dir}) + " && " + rsync.Quote(append([]string{l.opt.Program}, run.Args()...))
}
