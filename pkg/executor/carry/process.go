package carry

import (
	"context"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/ledger"
	"github.com/sersync/sersync/pkg/transport"
)

// runner has the remote's transport carry single runs.
type runner struct {
	*disk.Disk
	way transport.Transport
	// mayDelete is the delete switch.
	mayDelete bool
	ledger    *ledger.Ledger // may be nil
	// names is Tools.Names.
	names func(ctx context.Context, inodes map[uint64]bool) []string
	log   *zap.Logger
}

// Base is a run of a kind with the settings that all runs of that kind share.
func (r *runner) Base(k transport.Kind, caps transport.Capabilities) transport.Batch {
	return transport.Batch{Kind: k, Caps: caps, MayDelete: r.mayDelete && !caps.NoDelete}
}

// execute carries one run with a list of names.
func (r *runner) execute(ctx context.Context, f outcome.Flight, run transport.Batch, names []string) outcome.Outcome {
	return r.executeAs(ctx, f, run, names, false)
}

// executeAs is execute. whole says that nothing is left out, so that the name of a directory may
// stand for everything in it.
func (r *runner) executeAs(ctx context.Context, f outcome.Flight, run transport.Batch, names []string, whole bool) (o outcome.Outcome) {
	small := run.Kind == transport.Send && (f.Kind == plan.KindSend || f.Kind == plan.KindSlow)
	if small {
		run.MaxSize = Bound(r.Terms, f.Most)
	}
	o = outcome.NewOutcome(f)
	o.Run = run
	if run.Kind == transport.Send && !run.Verify && !run.RootAlone && run.Reuse == (transport.Reuse{}) {
		names, o.Several, o.OtherOf = r.withOtherNames(ctx, names)
	}
	if small {
		defer func() { o.Left = r.grown(&o) }()
	}
	read := r.newReader(&o)
	read.whole = whole
	read.warm = f.Kind == plan.KindSend && run.Kind == transport.Send && run.Contents && !run.LiftUpdate && !run.RootAlone
	r.carry(ctx, names, read)
	o.Withheld = o.Result.Withheld
	return o
}

// carry has the run of an outcome carried, and the outcome filled in. The slot of the
// flight is taken when a process has to be started.
func (r *runner) carry(ctx context.Context, names []string, read *reader) {
	o := read.o
	if own := o.Run.Pace.BWLimit; o.BWLimit > 0 && (own == 0 || o.BWLimit < own) {
		o.Run.Pace.BWLimit = o.BWLimit
	}
	stop, rest := r.watchGrowth(o)
	defer rest()
	trip, err := r.way.Do(ctx, transport.Call{
		Batch: o.Run, Names: names, Whole: read.whole, Warm: read.warm, Start: o.Flight.Lease.Take, Stop: stop,
		Changed: read.changed, Progressed: read.progress, Void: read.void,
	})
	read.sends.flush()
	o.Ended, o.LostSession = trip.Ended, trip.Lost
	if err != nil {
		o.Err = err
		return
	}
	o.Result = trip.Result
	if trip.Warm {
		o.Run.MaxSize = trip.MaxSize
	}
}

// reader collects what the transport reports about a run.
type reader struct {
	o *outcome.Outcome
	// warm: the standby may carry the batch. whole: the name of a directory may stand for
	// everything in it.
	warm, whole bool
	sends       *sends                 // for the ledger; nil: the run sends nothing
	each        func(transport.Change) // may be nil
	// progress is called with how far the run is; may be nil.
	progress func(transport.Progress)
}

// maxChanges bounds what is remembered of one run's changes by name.
const maxChanges = 4 * plan.MaxBatch

func (r *runner) newReader(o *outcome.Outcome) *reader { return &reader{o: o, sends: r.sends(o.Run)} }

// void forgets everything that was reported so far.
func (r *reader) void() {
	o := r.o
	o.Lately, o.Files, o.Sent, o.Changed, o.Also = outcome.Lately{}, 0, 0, map[string]transport.Change{}, outcome.Hashes{}
}

func (r *reader) changed(c transport.Change) {
	if c.Sent && !c.Dir {
		r.o.Lately.Begin(c.Path)
		r.o.Files++
		r.o.Sent += c.Size
		r.sends.add(c.Path)
	}
	if r.each != nil {
		r.each(c)
		return
	}
	switch {
	case len(r.o.Changed) < maxChanges:
		r.o.Changed[c.Path] = c
	case c.Sent && !c.Dir:
		r.o.Also.Add(c.Path)
	}
}
