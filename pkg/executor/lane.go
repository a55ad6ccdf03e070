package executor

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/rsync"
	"github.com/sersync/sersync/pkg/status"
)

// Lane keeps one remote equal to one localpath. Mark, Request and the
// read-only methods may be called from anywhere; everything else belongs to
// the goroutine of Run.
type Lane struct {
	opt      Options
	log      *zap.Logger
	dirty    *filterqueue.Dirty
	recorder *status.Recorder
	marks    atomic.Uint64
	// patienceShift doubles the inactivity limit after each run that hit it: a
	// slow remote must not be cut off for ever.
	patienceShift atomic.Int32

	requests chan request   // unbuffered; received by Run
	outcomes chan outcome   // unbuffered; each run sends exactly one
	granted  chan struct{}  // unbuffered; a slot for the next Send run
	ended    chan struct{}  // closed when Run returns
	leaving  atomic.Bool    // another lane will inherit
	after    sync.Mutex     // held by who serves a request when Run has returned
	runs     sync.WaitGroup // every goroutine Run has started, but for the ssh master's
	side     sync.WaitGroup // the ssh master's
	limits   [kinds]int
	busy     [kinds]int
	causes   map[string]failqueue.Cause // of deletions no event asked for, until they are done
	reported bool                       // the fail log holds entries of this lane
	// watermarked says that a watermark has been saved once.
	watermarked bool
	waiting     bool          // a goroutine is asking for a slot for Send
	queue       [kinds][]work // claimed, waiting for their kind's slot
	listed      int           // entries of small trees in the current batch
	listing     []byte        // what few lists directories with
	batch       int           // how many paths the next batch may have
	rootAgain   time.Time     // when to open a watch root again that could not be
	quiet       quiet
	deletions   deletions
	// topSince asks for a look whether the target still has what it had then;
	// zero: no need.
	topSince  time.Time
	litter    litter
	leftovers leftovers
	guarded   guarded
	// unanswered counts, by path, the questions whose answer told nothing.
	unanswered map[string]int
	culprits   map[string]bool // paths that break every run they are in
	full       fullSync
	standby    *standby
	connects   *address
	master     master
	waits      waits

	mu    sync.Mutex // guards what Snapshot and State read
	state state
}

// kinds are the queues of a lane; sends of different make share one.
const (
	kindSend = iota
	kindTree
	kindBig
	kindDelete
	kindSurvey
	kindFull
	kinds
)

// state is what others may see of a lane.
type state struct {
	caps       rsync.Capabilities
	mirrored   bool
	complete   bool // everything before the marks now pending is on the remote
	since      time.Time
	shown      status.LaneState
	trouble    trouble
	paused     bool
	degraded   note
	progress   *status.Progress
	holds      int       // scans that have not marked everything yet
	holdSince  time.Time // the watermark while holds > 0
	owed       owed
	lastOK     time.Time
	lastFail   time.Time
	onlyThere  int // entries only the target has, which nobody may delete
	failStatus map[string]failure
}

type note struct{ reason, remedy string }

// failure is why a path or a run failed; wait is the raw wait status.
type failure struct {
	reason, detail, remedy string
	wait                   int
	// named: the log has said that the path itself fails.
	named bool
	// lasting: no outage explains it, or each try costs the comparison of a
	// whole tree.
	lasting bool
}

// trouble is the state of a lane whose remote does not serve.
type trouble struct {
	failure
	attempt int
	breaks  int // runs in a row that broke off
	since   time.Time
	next    time.Time
	probing bool
	passing bool // the remote greets again: a batch may try
}

// NewLane returns a lane that does nothing yet.
func NewLane(opt Options) *Lane {
	l := &Lane{
		opt: opt, log: opt.Logger.With(zap.String("lane", opt.ID)), dirty: filterqueue.NewDirty(),
		recorder: status.NewRecorder(), requests: make(chan request), outcomes: make(chan outcome),
		granted: make(chan struct{}), ended: make(chan struct{}), batch: maxBatch, causes: map[string]failqueue.Cause{},
		culprits: map[string]bool{}, unanswered: map[string]int{}, waits: waits{over: make(chan struct{})},
	}
	l.limits = [kinds]int{kindSend: 1, kindTree: 1, kindBig: 1, kindDelete: 1, kindSurvey: 1, kindFull: 1}
	if opt.Target.SSH {
		// rsync over ssh ends 44 ms after the file has arrived.
		l.limits[kindSend] = 2
	}
	l.state = state{caps: opt.Caps, mirrored: opt.Mirrored, shown: status.LaneStarting, since: time.Now(), failStatus: map[string]failure{}}
	l.standby = newStandby(l)
	l.connects = opt.Connects.address(opt.Target)
	return l
}

// ID is the lane's stable key.
func (l *Lane) ID() string { return l.opt.ID }

// Mark makes a path dirty. It never blocks.
func (l *Lane) Mark(path string, f filterqueue.Flags) {
	l.marks.Add(1)
	l.dirty.Mark(path, f, time.Now())
}

// drainTime is how long running rsyncs may go on once the lane is told to
// stop.
const drainTime = 10 * time.Second

// Run keeps the remote up to date until ctx ends, then lets running rsyncs
// finish for a bounded time. It returns when nothing of the lane is left.
func (l *Lane) Run(ctx context.Context) error {
	runCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer close(l.ended)
	defer l.waits.stop()
	l.log.Debug("lane started", zap.String("remote", l.opt.Target.Dest()))
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
			l.waiting = false
			l.takeAndSend(runCtx, &lease{l, true})
		case o := <-l.outcomes:
			l.finish(o)
		case r := <-l.requests:
			l.serve(r)
		case <-wake:
		}
		timer.Stop()
	}
	l.waits.stop()
	l.drain(stop)
	l.save()
	return nil
}

// drain waits for what runs, for a bounded time, and then ends it. What is
// asked for meanwhile is served: a lane that inherits carries it out.
func (l *Lane) drain(stop context.CancelFunc) {
	l.standby.close()
	l.full.cancel()
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
			l.closeMaster()
			return
		case <-l.granted:
			l.opt.Slots.Release()
		case o := <-l.outcomes:
			l.finish(o)
		case r := <-l.requests:
			l.serve(r)
		case <-limit.C:
			stop()
		}
	}
}

// unqueue makes dirty again what was claimed and has found no slot.
func (l *Lane) unqueue() {
	for k := range l.queue {
		l.giveBack(l.queue[k], 0)
		l.queue[k] = nil
	}
}

// timer fires when something becomes due without a signal of its own.
func (l *Lane) timer(now time.Time) (<-chan time.Time, *time.Timer) {
	next := l.nextWake(now)
	timer := time.NewTimer(max(next.Sub(now), time.Millisecond))
	return timer.C, timer
}

// nextWake is when dispatch has something to do that nothing else announces. It
// names only what could be done then: a time that has passed while its work is
// kept from starting would keep the loop spinning.
func (l *Lane) nextWake(now time.Time) time.Time {
	next := now.Add(time.Hour)
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	if l.blocked() {
		if tr := l.inTrouble(); tr.attempt > 0 && !tr.probing && !tr.passing && !l.opt.Gone() {
			earlier(tr.next)
		}
		return next
	}
	if l.busy[kindSend] < l.limits[kindSend] && !l.waiting {
		if t, ok := l.dirty.NextReady(now); ok {
			earlier(t)
		}
		earlier(l.quiet.until)
		earlier(l.rootAgain)
		earlier(l.litter.next)
		earlier(l.leftovers.next)
	}
	if l.busy[kindSend] == 0 {
		earlier(l.standby.due())
	}
	if l.full.want != nil && !l.full.running {
		earlier(l.full.next)
	}
	if l.master.turn {
		earlier(l.master.next)
	}
	return next
}

// blocked tells that no ordinary run may start now.
func (l *Lane) blocked() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	tr := l.state.trouble
	return l.state.paused || tr.attempt > 0 && !tr.passing || l.opt.Gone()
}

func (l *Lane) inTrouble() trouble {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.trouble
}

// dispatch starts what can be started.
func (l *Lane) dispatch(ctx context.Context, now time.Time) {
	if tr := l.inTrouble(); tr.attempt > 0 && !tr.passing {
		if !tr.probing && !now.Before(tr.next) && !l.opt.Gone() {
			l.probe(ctx)
		}
		return
	}
	if l.blocked() {
		return
	}
	l.keepMaster(ctx, now) // first: the runs wait for it
	l.startFull(ctx, now)
	l.suspectRebuilt(ctx)
	l.lookForLitter(now)
	l.removeLeftovers(now)
	if l.busy[kindSend] < l.limits[kindSend] && !l.waiting && l.due(now) {
		switch {
		case l.standby.waits():
			l.takeAndSend(ctx, &lease{lane: l})
		case l.opt.Slots.TryAcquire():
			l.takeAndSend(ctx, &lease{l, true})
		default:
			l.ask(ctx)
		}
	}
	for k := kindSend; k < kindFull; k++ { // a survey leaves work for Send, too
		l.startQueued(ctx, k)
	}
	l.standby.keep(ctx, now)
}

// due tells whether the dirty set has something to take, and the silence after
// a large batch has been kept.
func (l *Lane) due(now time.Time) bool {
	s := l.dirty.Stats()
	if s.Pending == 0 {
		l.quiet = quiet{}
		return false
	}
	return l.quiet.over(now, l.marks.Load())
}

// quiet is the short wait for silence after a batch of more than a handful.
type quiet struct {
	on    bool
	marks uint64    // marks seen at the last check
	until time.Time // next check
	limit time.Time // no longer than this
	// hold is how long that was: it doubles while one large batch follows the
	// other, so that a long burst needs few runs.
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

// waits ends what only waits for its turn, once the lane is told to stop; what
// runs then may go on for a while.
type waits struct {
	once sync.Once
	over chan struct{} // closed by stop
}

func (w *waits) stop() { w.once.Do(func() { close(w.over) }) }

// slot waits for a slot, until ctx ends or the lane is told to stop.
func (l *Lane) slot(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-l.waits.over:
			cancel()
		case <-ctx.Done():
		}
	})
	err := l.opt.Slots.Acquire(ctx)
	cancel()
	watch.Wait()
	return err
}

// ask waits for a slot on a goroutine of its own and reports it.
func (l *Lane) ask(ctx context.Context) {
	l.waiting = true
	l.runs.Go(func() {
		if l.slot(ctx) != nil {
			return
		}
		select {
		case l.granted <- struct{}{}:
		case <-ctx.Done():
			l.opt.Slots.Release()
		}
	})
}

// backoff is the wait before attempt+1.
func pathWait(attempt, failing int) time.Duration {
	return failqueue.PathBackoff(failing).Next(attempt, rand.Float64)
}

func laneWait(attempt int) time.Duration {
	return failqueue.LaneBackoff().Next(attempt, rand.Float64)
}
