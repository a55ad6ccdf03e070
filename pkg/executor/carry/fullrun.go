package carry

import (
	"context"
	"slices"
	"time"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// FullRun brings over the whole tree. It runs beside the lane's loop.
type FullRun struct {
	*Carrier
	Want fullsync.Request
	// About is roughly how many entries the watch root has; 0: unknown.
	About int64
	// Sent is called for each file that was sent, with its size; progress says how far the run is.
	Sent     func(bytes int64)
	Progress func(status.Progress)
}

// Fly sends everything, then asks what only the target has.
func (r *FullRun) Fly(ctx context.Context, f outcome.Flight, sent bool) (o outcome.Outcome) {
	want := r.Want
	o = outcome.NewOutcome(f)
	o.SentAll = sent
	defer func() {
		o.Ended = time.Now()
		r.lookAround(ctx, &o)
	}()
	r.learnGrain(ctx, &o)
	if !sent {
		r.sendAll(ctx, &o)
		if want.Verify {
			r.versions.newerThere(ctx, &o)
		}
		if o.Err != nil || o.Result.Class > transport.Again {
			return o
		}
		o.SentAll = !o.Result.Unclear && r.findLeftOut(ctx, &o)
	}
	if o.Flight.Caps.Grain == transport.GrainUnknown && o.Files > 0 {
		r.learnGrain(ctx, &o)
	}
	extras := !f.Caps.NoDelete && (r.mayDelete || want.Verify)
	if !extras && (want.Verify || !r.Terms.Update) {
		return o // nobody may delete, or ask
	}
	result := o.Result
	r.askAll(ctx, &o, extras)
	r.leftOnLists(ctx, &o)
	if o.Err == nil && o.Result.Class <= transport.Again {
		result.Unclear = result.Unclear || o.Result.Unclear
		o.Result = result
		return o
	}
	o.Unsent = slices.Concat(result.Failed, result.Races)
	return o
}

// findLeftOut finds the files with several names that the first half has left out. It is false where
// it was interrupted.
func (r *FullRun) findLeftOut(ctx context.Context, o *outcome.Outcome) bool {
	if !r.Terms.HardLinks || r.Want.Verify {
		return true
	}
	r.leftOutLinks(ctx, o)
	return ctx.Err() == nil
}

// askAll asks what only the remote has, and, without -u, which files it has in another version.
// Everything has been sent by now, so these are files that -u has held back, or has taken for equal
// because it counts whole seconds.
func (r *FullRun) askAll(ctx context.Context, o *outcome.Outcome, extras bool) {
	want := r.Want
	ask := r.Base(transport.Survey, o.Flight.Caps)
	ask.Excludes, ask.LiftUpdate = want.Excludes, true
	ask.Pace = want.Pace
	if !extras {
		ask.Kind, ask.Verify = transport.Full, true
	}
	if r.Terms.Update {
		ask.MaxSize = Bound(r.Terms, o.Flight.Most) // what was not sent for its size, -u has not held back
	}
	r.question(ctx, ask, nil, o)
	r.versions.findForeign(ctx, o)
	if want.Verify || !r.Terms.Update || o.Err != nil || o.Result.Class > transport.Again {
		return
	}
	asked := o.Result
	r.versions.resolve(ctx, o, r.filesFound(byComparison, o.Others))
	r.versions.sendTimes(ctx, o)
	if o.Err == nil && o.Result.Class <= transport.Again {
		o.Result.Unclear = o.Result.Unclear || asked.Unclear
	}
}

// sendAll is the first half of a full sync.
func (r *FullRun) sendAll(ctx context.Context, o *outcome.Outcome) {
	want := r.Want
	run := r.Base(transport.Full, o.Flight.Caps)
	run.Excludes, run.Verify, run.Resume = want.Excludes, want.Verify, !want.Verify
	run.LiftUpdate = want.Verify || want.Replaced // a copy that is newer on the remote differs, too
	run.Contents, run.Progress = want.Replaced || want.Contents && !run.Caps.NoChecksum, true
	run.Pace = want.Pace
	run.KeepSecond = r.Terms.Update && !o.Flight.Caps.NoList // askAll decides about copies of the same second
	// Without names rsync walks the tree itself.
	var names []string
	if r.ListsTrees() {
		// rsync does not know the filter, so every entry is named.
		run.Kind = transport.Send
		list, err := r.Entries(ctx, "")
		if err != nil {
			o.Err = err
			return
		}
		names, o.Apart = list.Names, list.Alone
	}
	run.MaxSize = Bound(r.Terms, o.Flight.Most)
	o.Run = run
	reader := r.newReader(o)
	far := r.howFar(int64(len(names)))
	reader.progress = far.listed
	reader.each = func(c transport.Change) {
		far.changed(c)
		// The time of a directory is that of the last change in it, which ordinary runs do not
		// always set. A receiver does not set the time of a new link when its own clock is within
		// the same second.
		switch {
		case !want.Verify:
			if c.Sent && !c.Dir {
				r.Sent(c.Size)
			}
		case c.OnlyTime && (c.Dir || c.Link):
		case len(o.Changed) < maxChanges:
			o.Changed[c.Path] = c
		default:
			o.Beyond++
		}
	}
	if r.carry(ctx, names, reader); o.Err != nil {
		return
	}
	if run.MaxSize > 0 {
		o.Left = r.leftOut(ctx, o.Flight, run.MaxSize)
		for i := range o.Left {
			if want.Replaced {
				o.Left[i].Flags |= dirty.Content
			}
		}
	}
}
