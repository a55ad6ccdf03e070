package executor

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/executor/health"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// A comparison is a full sync that changes nothing. Whoever asked for it waits for the answer, and
// gets one in bounded time: a comparison that cannot be made now is not made later.

// errPaused says why a paused lane compares nothing.
var errPaused = errors.New("the lane is paused; resume it first: sersync --resume LANE")

// mayCompare tells whether a comparison can be tried; if it cannot, it tells the one who asked why.
// For a remote in trouble it has a probe made at once.
func (fs *fulls) mayCompare(f *fullsync.Request) bool {
	fs.mu.Lock()
	paused := fs.state.paused
	if h := &fs.state.health; h.Down() && h.Phase != health.Probing {
		*h = h.After(health.Hurried, time.Now())
	}
	fs.mu.Unlock()
	switch {
	case paused:
		f.Answer(fullsync.Result{Err: errPaused})
	case fs.opt.Gone():
		f.Answer(fullsync.Result{Err: transport.ErrRootGone})
	default:
		return true
	}
	return false
}

// endComparisons answers those who wait for a comparison that is not under way.
func (fs *fulls) endComparisons(why error) {
	if fs.full.Running && fs.full.Want.Verify {
		return
	}
	var ended []*fullsync.Request
	if want := fs.full.Want; want != nil && want.Verify {
		ended, fs.full.Want, fs.full.Attempt, fs.full.Next = append(ended, want), nil, 0, time.Time{}
	}
	fs.full.Again = slices.DeleteFunc(fs.full.Again, func(f *fullsync.Request) bool {
		if f.Verify {
			ended = append(ended, f)
		}
		return f.Verify
	})
	if fs.full.Want == nil && len(fs.full.Again) > 0 {
		fs.full.Want, fs.full.Again = fs.full.Again[0], fs.full.Again[1:]
	}
	for _, f := range ended {
		f.Answer(fullsync.Result{Err: why})
	}
}

// errCannotAsk says why a comparison does not list what only the remote has: rsync finds that with
// --delete, in a run that deletes nothing.
var errCannotAsk = errors.New("the daemon refuses deletions, so it cannot be asked what only the remote has")

// compared takes the result of a comparison into the lane's state.
func (fs *fulls) compared(o outcome.Outcome, now time.Time) {
	r := fullsync.Result{Differing: sortedPaths(o.Changed), Newer: o.Newer, MoreDiffering: o.Beyond, Extras: fs.foundThere(o)}
	slices.Sort(r.Newer)
	if o.Cut {
		r.MoreExtras = 1
	}
	asked := !o.Flight.Caps.NoDelete // what only the remote has
	switch {
	case o.Result.Unclear:
		r.Err = outcome.ErrorOf(o) // paths that could not be compared may differ
	case !asked:
		r.Err = errCannotAsk
	}
	fs.differs.replace(status.Differing, r.Differing, r.MoreDiffering)
	fs.differs.replace(status.Newer, r.Newer, 0)
	if fs.opt.MayDelete && asked {
		fs.differs.replace(status.Extras, r.Extras, r.MoreExtras)
	}
	fs.differs.tell(now)
	fs.save()
	if fs.full.Want.Repair {
		fs.repair(o, now)
	}
	fs.fullOver(r, now)
}

// repair makes the paths dirty that a comparison has found, with the permissions of an automatic
// full sync. If the comparison has not kept all names, such a full sync finds the others again.
func (fs *fulls) repair(o outcome.Outcome, now time.Time) {
	for path := range o.Changed {
		fs.dirty.Mark(path, dirty.Unsure, now)
	}
	found := fs.surveys.sift(o.Extras, fs.mayDelete(), nil, audit.CauseVerify, now)
	fs.markGone(found.gone, audit.CauseVerify, now)
	if o.Beyond > 0 || o.Cut && len(found.gone) > 0 {
		fs.full.Again = append(fs.full.Again, &fullsync.Request{Manner: fullsync.Manner{Pace: fs.full.Want.Pace}, Asked: now})
	}
	if len(o.Changed)+len(found.gone) == 0 && !found.marked {
		return
	}
	fs.owe(time.Time{}) // these changes may be of any age
	fs.log.Info("differences are repaired", zap.Int("sent", len(o.Changed)), zap.Int("deleted", len(found.gone)))
}

func sortedPaths(changed map[string]transport.Change) []string {
	out := make([]string, 0, len(changed))
	for path := range changed {
		out = append(out, path)
	}
	slices.Sort(out)
	return out
}

// troubleError is why a remote in trouble cannot be asked.
func troubleError(f plan.Failure) error {
	if f.Remedy == "" {
		return errors.New(f.Reason)
	}
	return fmt.Errorf("%s; %s", f.Reason, f.Remedy)
}
