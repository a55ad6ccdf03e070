package executor

import (
	"context"
	"sync"
	"time"

	"github.com/sersync/sersync/pkg/executor/carry"
	"github.com/sersync/sersync/pkg/executor/health"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
)

// loop is the one goroutine that decides for a lane. It looks at no disk and waits for no remote:
// the goroutines that do so report to it.
type loop struct {
	*desk
	*door
	sweeper *sweeper
	surveys *surveys
	remote  *remote
	settler *settler
	fulls   *fulls

	outcomes chan outcome.Outcome // unbuffered; each run sends exactly one
	granted  chan struct{}        // unbuffered; a slot for the next Send run
	lookedAt chan carry.Looked    // unbuffered; each batch that is looked at sends exactly one
	runs     sync.WaitGroup       // every goroutine of the loop
	// watermarked says that a watermark has been saved once.
	watermarked bool
	taking      bool      // a goroutine asks for a slot for Send, or looks at a batch
	rootAgain   time.Time // when to try again to open a watch root that could not be opened
	quiet       quiet
	deletions   deletions
}

func newLoop(p *desk, d *door) *loop {
	l := &loop{
		desk: p, door: d, outcomes: make(chan outcome.Outcome), granted: make(chan struct{}), lookedAt: make(chan carry.Looked),
		sweeper: &sweeper{desk: p}, surveys: &surveys{desk: p}, remote: newRemote(p),
	}
	l.settler = &settler{desk: p, sweeper: l.sweeper, surveys: l.surveys, remote: l.remote}
	l.fulls = &fulls{desk: p, sweeper: l.sweeper, surveys: l.surveys, remote: l.remote}
	return l
}

// drainTime is how long running rsyncs may go on once the lane is told to
// stop.
const drainTime = 10 * time.Second

// run goes round until ctx ends, and returns when nothing of the lane is left.
func (l *loop) run(ctx context.Context) {
	runCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer l.slots.Stop()
	for ctx.Err() == nil {
		now := time.Now()
		l.dispatch(runCtx, now)
		l.saveFirst(now)
		l.show()
		wake, timer := l.timer(now)
		select {
		case <-ctx.Done():
		case <-l.dirty.Ready():
		case <-l.granted:
			l.taking = false
			l.take(runCtx, l.slots.Held())
		case found := <-l.lookedAt:
			l.sort(runCtx, found)
		case o := <-l.outcomes:
			l.finish(o)
		case r := <-l.requests:
			r.serve()
		case <-wake:
		}
		timer.Stop()
	}
	l.slots.Stop()
	l.drain(stop)
}

// drain waits for running rsyncs, for a bounded time, and then ends them. Requests are still served
// meanwhile; a lane that inherits carries them out.
func (l *loop) drain(stop context.CancelFunc) {
	l.opt.Transport.Leave()
	l.full.Cancel()
	limit := time.NewTimer(drainTime)
	defer limit.Stop()
	gone := make(chan struct{})
	var waiter sync.WaitGroup
	defer waiter.Wait()
	waiter.Go(func() { l.runs.Wait(); close(gone) })
	for {
		select {
		case <-gone:
			l.unqueue()
			l.opt.Transport.Close()
			return
		case <-l.granted:
			l.slots.Release()
		case found := <-l.lookedAt:
			l.unlook(found)
		case o := <-l.outcomes:
			l.finish(o)
		case r := <-l.requests:
			r.serve()
		case <-limit.C:
			stop()
		}
	}
}

// unlook makes paths dirty again that were looked at for a run that will not begin.
func (l *loop) unlook(found carry.Looked) {
	found.Slot.Release()
	l.giveBack(found.Works, 0)
	for _, it := range found.Rest {
		l.dirty.Return(it, time.Time{})
	}
}

// unqueue makes works dirty again that were taken and have found no slot.
func (l *loop) unqueue() {
	for k := range l.queue {
		l.giveBack(l.queue[k], 0)
		l.queue[k] = nil
	}
}

// timer fires when something becomes due without a signal of its own.
func (l *loop) timer(now time.Time) (<-chan time.Time, *time.Timer) {
	next := l.nextWake(now)
	timer := time.NewTimer(max(next.Sub(now), time.Millisecond))
	return timer.C, timer
}

// nextWake is when dispatch has something to do that no signal announces. It counts only work that
// could be started then: a time in the past, of work that may not start, would keep the loop
// spinning.
func (l *loop) nextWake(now time.Time) time.Time {
	next := now.Add(time.Hour)
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	earlier(l.hours.until)
	if l.blocked() {
		if h, _ := l.health(); h.Phase == health.BackingOff && !l.opt.Gone() {
			earlier(h.Next)
		}
		return next
	}
	if l.busy[plan.KindSend] < l.limits[plan.KindSend] && !l.taking {
		if t, ok := l.dirty.NextReady(now); ok {
			earlier(laterOf(t, l.rootAgain))
		} else if now.Before(l.rootAgain) {
			earlier(l.rootAgain) // paths that are ready now give no further signal
		}
		earlier(l.quiet.until)
		earlier(l.litter.next)
		earlier(l.leftovers.next)
		earlier(l.recheck.next)
	}
	if len(l.queue[plan.KindBig]) > 0 {
		earlier(l.turns.changes())
	}
	earlier(l.opt.Transport.Due(l.busy[plan.KindSend] == 0))
	if l.full.Want != nil && !l.full.Running {
		earlier(l.full.Next)
	}
	return next
}

// laterOf is the later one of two times.
func laterOf(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// dispatch starts what can be started.
func (l *loop) dispatch(ctx context.Context, now time.Time) {
	l.hours.turn(now, &l.full, &l.turns)
	if h, _ := l.health(); h.Due(now) && !l.opt.Gone() {
		l.probe(ctx)
	}
	if l.blocked() {
		return
	}
	if now.Sub(l.remote.renewed) > renewAfter {
		l.remote.renew(now)
	}
	l.opt.Transport.KeepConnection(ctx, now) // first, because the runs wait for it
	l.askRelease(ctx)
	l.startFull(ctx, now)
	l.suspectRebuilt(ctx)
	l.lookForLitter(ctx, now)
	l.recheckNewer(ctx, now)
	l.sweeper.removeLeftovers(now)
	if l.busy[plan.KindSend] < l.limits[plan.KindSend] && !l.taking && !now.Before(l.rootAgain) && l.due(now) {
		if l.opt.Transport.Waits() {
			l.take(ctx, l.slots.Lease())
		} else if slot := l.slots.Try(); slot != nil {
			l.take(ctx, slot)
		} else {
			l.ask(ctx)
		}
	}
	for k := range plan.KindFull { // surveys also add works to the queue of Send
		l.startQueued(ctx, k)
	}
	l.opt.Transport.KeepStandby(ctx, now, l.aheadRun(), l.busy[plan.KindSend] == 0)
}

// due tells whether the dirty set has something to take, and the pause after a large batch is over.
func (l *loop) due(now time.Time) bool {
	s := l.dirty.Stats()
	if s.Pending == 0 {
		l.quiet = quiet{}
		return false
	}
	return l.quiet.over(now, l.marks.Load())
}

// quiet is the short pause after a batch of more than a handful, until no more changes come in.
type quiet struct {
	on    bool
	marks uint64    // marks seen at the last check
	until time.Time // next check
	limit time.Time // the end of the pause at the latest
	// hold is the longest pause: it doubles while one large batch follows the other, so that a long
	// burst needs few runs.
	hold time.Duration
}

func (q *quiet) begin(now time.Time, marks uint64, took time.Duration) {
	hold := min(quietMax, max(took, 4*quietTime, 2*q.hold))
	*q = quiet{on: true, marks: marks, until: now.Add(quietTime), limit: now.Add(hold), hold: hold}
}

func (q *quiet) over(now time.Time, marks uint64) bool {
	if !q.on {
		return true
	}
	if now.Before(q.until) && now.Before(q.limit) {
		return false
	}
	if marks != q.marks && now.Before(q.limit) {
		q.marks, q.until = marks, now.Add(quietTime)
		return false
	}
	*q = quiet{hold: q.hold}
	return true
}

// ask waits for a slot on a goroutine of its own and reports it.
func (l *loop) ask(ctx context.Context) {
	l.taking = true
	l.runs.Go(func() {
		if l.slots.Wait(ctx) != nil {
			return
		}
		select {
		case l.granted <- struct{}{}:
		case <-ctx.Done():
			l.slots.Release()
		}
	})
}
