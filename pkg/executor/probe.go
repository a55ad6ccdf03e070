package executor

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor/health"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
)

// remote keeps what runs and probes show about the remote. It belongs to the loop.
type remote struct {
	*desk
	renewed    time.Time // when refused options were last allowed to be tried again
	releaseDue bool      // the lane has to ask the remote which rsync it has
	// failed counts the runs that trouble of the remote has ended.
	failed uint64
}

func newRemote(d *desk) *remote { return &remote{desk: d, renewed: time.Now(), releaseDue: true} }

// enterTrouble backs the lane off: it goes on collecting and tries again later.
func (r *remote) enterTrouble(o outcome.Outcome, now time.Time) {
	f := outcome.FailureOf(o)
	r.failed++
	r.opt.Transport.Down(o.Result)
	event := health.Failed
	if o.Result.Broken {
		event = health.Broke
	}
	r.mu.Lock()
	first := !r.state.health.Down()
	r.state.health, r.state.why = r.state.health.After(event, now), f
	delay := r.state.health.Next.Sub(now)
	r.state.lastFail = now
	r.mu.Unlock()
	if first && r.opt.Trouble != nil {
		r.opt.Trouble(true)
	}
	r.sayTrouble(f, delay)
}

// sayTrouble logs one more failure of the remote.
func (r *remote) sayTrouble(f plan.Failure, delay time.Duration) {
	r.failures.remote.Failed(f.Reason, "remote in trouble, collecting changes", zap.String("reason", f.Reason), zap.String("detail", f.Detail),
		zap.String("remedy", f.Remedy), zap.Duration("delay", delay), zap.Int("exit", f.Wait>>8), zap.Int("pending", r.dirty.Stats().Pending))
}

// succeeded ends the trouble of the remote.
func (r *remote) succeeded(o outcome.Outcome, now time.Time) {
	r.opt.Transport.Up()
	r.mu.Lock()
	down, lastOK, known := r.state.health.Down(), r.state.lastOK, r.state.complete
	r.state.health, r.state.why = r.state.health.After(health.Served, now), plan.Failure{}
	r.state.lastOK = now
	r.mu.Unlock()
	if down || o.LostSession {
		r.renew(now)
		if known {
			r.topSince = lastOK
		}
	}
	if down {
		if r.opt.Trouble != nil {
			r.opt.Trouble(false)
		}
		r.failures.remote.Recovered("remote answers again")
		r.dirty.RetryNow()
	}
}

// probe asks whether the remote answers at all, which costs one connection and
// no process; when it does, the next batch is let through.
func (l *loop) probe(ctx context.Context) {
	l.healthAfter(health.Asked, time.Now())
	var err error
	l.errand(ctx, func(ctx context.Context) { err = l.opt.Transport.Probe(ctx) }, func() { l.probed(err) })
}

// probed takes the answer of a probe.
func (l *loop) probed(err error) {
	now := time.Now()
	if err == nil {
		l.healthAfter(health.Answered, now)
		return
	}
	h := l.healthAfter(health.Silent, now)
	if !h.Down() {
		return // a run has succeeded meanwhile
	}
	_, why := l.health()
	l.fulls.endComparisons(troubleError(why))
	l.remote.sayTrouble(why, h.Next.Sub(now))
	l.failures.report(now)
}
