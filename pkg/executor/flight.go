package executor

import (
	"context"
	"slices"
	"time"

	"github.com/sersync/sersync/pkg/executor/carry"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/executor/slots"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// startQueued starts the works of a kind that wait for a slot.
func (l *loop) startQueued(ctx context.Context, kind plan.Kind) {
	if kind == plan.KindBig {
		l.startBig(ctx)
		return
	}
	if len(l.queue[kind]) == 0 || l.busy[kind] >= l.limits[kind] || kind == plan.KindSlow && l.fullWrites() {
		return
	}
	now, later := l.apart(l.queue[kind])
	// At most as many as l.batch allows after a batch failed as a whole: otherwise the pieces into
	// which it was split would come together again here.
	n := min(len(now), l.batch)
	now, later = now[:n:n], slices.Concat(now[n:], later)
	if kind == plan.KindSend {
		var rest []plan.Work
		now, rest = l.speed.batch(now)
		later = slices.Concat(rest, later)
	}
	l.queue[kind] = later
	l.launchWaiting(ctx, kind, now, true, 0)
}

// startBig starts the big files for which there is room, one in each run, so that a failure costs
// the bytes of one file only. A file that takes long takes no slot, for all other runs would miss
// that slot.
func (l *loop) startBig(ctx context.Context) {
	l.queue[plan.KindBig] = l.hours.hold(l.queue[plan.KindBig], l.dirty, time.Now())
	for len(l.queue[plan.KindBig]) > 0 {
		now, later := l.apart(l.queue[plan.KindBig])
		i := l.turns.next(now, &l.speed, time.Now())
		if i < 0 {
			return
		}
		w, class := now[i], l.speed.bigClass(now[i].Found.Stat.Size)
		l.queue[plan.KindBig] = slices.Concat(now[:i], now[i+1:], later)
		ctx, stop := context.WithCancel(ctx)
		rule := l.hours.ofFile(w.Found.Stat.Size)
		l.turns.begin(w, bigRun{class: class, rule: rule, stop: stop}, time.Now())
		l.launchWaiting(ctx, plan.KindBig, []plan.Work{w}, class == minutes, rule.BWLimit)
	}
}

// launch runs works; their slot is held, or taken when it is needed.
func (l *loop) launch(ctx context.Context, kind plan.Kind, works []plan.Work, hold *slots.Lease) {
	f := l.flight(kind, works)
	f.Lease = hold
	l.runs.Go(func() {
		o := l.carrier.Fly(ctx, f)
		hold.Release()
		l.outcomes <- o
	})
}

// flight is a flight that begins now.
func (l *loop) flight(kind plan.Kind, works []plan.Work) outcome.Flight {
	l.busy[kind]++
	l.mu.Lock()
	defer l.mu.Unlock()
	return outcome.Flight{
		Kind: kind, Works: works, Caps: l.state.caps, MayHunt: l.state.health.MayHunt(), Patterns: l.guarded.patterns, Most: l.speed.longest(),
		Fulls: l.full.Ends, Peer: l.state.peer, KeepsSecond: !l.state.release.ComparesSameSecond, Oldest: l.oldestFoundLocked(), OnlyThere: l.onlyThere(kind, works),
	}
}

// onlyThere are the entries below the works' directories that, as far as is known, only the remote
// has: the flight may show that they have come here, or that they are gone.
func (l *loop) onlyThere(kind plan.Kind, works []plan.Work) (paths []string) {
	for _, w := range works {
		if kind == plan.KindSurvey || w.Flags&dirty.Tree != 0 {
			paths = append(paths, l.differs.below(status.Extras, w.Path)...)
		}
	}
	return paths
}

// launchWaiting runs works, and waits for a slot first if they need one.
func (l *loop) launchWaiting(ctx context.Context, kind plan.Kind, works []plan.Work, slot bool, bwlimit int) {
	f := l.flight(kind, works)
	f.BWLimit = bwlimit
	l.runs.Go(func() {
		o := outcome.Outcome{Flight: f, Err: context.Canceled}
		if !slot {
			o = l.carrier.Fly(ctx, f)
		} else if l.slots.Wait(ctx) == nil {
			o = l.carrier.Fly(ctx, f)
			l.slots.Release()
		}
		l.outcomes <- o
	})
}

// aheadRun is the kind of run that carries most changes: see sendRun. Its rsync may be started
// before there is anything to send.
func (l *loop) aheadRun() transport.Batch {
	run := l.carrier.OfEvents(l.state.caps, l.state.peer)
	run.Contents, run.MaxSize = true, carry.Bound(l.terms, l.speed.longest())
	return run
}
