package plugins

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/backoff"
	"github.com/sersync/sersync/pkg/logging"
)

const (
	defaultMaxPending = 100_000   // paths
	defaultMaxBytes   = 256 << 20 // of names and bookkeeping
	defaultTimeout    = time.Minute

	// firstDelay and maxDelay bound the pauses between attempts: a receiver which
	// is back hears what it missed within ten seconds.
	firstDelay    = 100 * time.Millisecond
	maxDelay      = 8 * time.Second
	maxRetryAfter = 5 * time.Minute

	// drainTries is how many attempts in a row may fail during Drain before
	// the receiver is taken for dead.
	drainTries = 3
)

// errShort is for a plugin that breaks the contract of Deliver.
var errShort = errors.New("plugin delivered only a part and gave no reason")

// RunnerConfig bounds a Runner. Zero values mean the defaults.
type RunnerConfig struct {
	MaxPending int   // paths; default 100,000
	MaxBytes   int64 // memory of the pending paths; default 256 MiB
}

// Runner owns the queue in front of one Plugin. All methods are safe for
// concurrent use.
type Runner struct {
	plugin Plugin      // immutable
	limits Limits      // immutable
	log    *zap.Logger // immutable
	// troubles writes to the log, and is never called under mu: a log may be on a disk.
	troubles *logging.Repeat

	mu   sync.Mutex
	cond *sync.Cond // on mu; workers wait here for work and for Run's context
	idle *sync.Cond // on mu; Drain waits here for settled work and its context

	// Guarded by mu.
	queue    *queue
	inFlight int // calls of Deliver
	closed   bool
	leaving  bool // what is pending at the end is kept for Take
	draining bool
	drainRow int // failed attempts in a row since Drain began

	// streak counts failures in a row that were not all of one path; from the
	// second on the receiver is in trouble: one probe at a time, with pauses.
	streak     int
	lastFail   key
	pauses     int // in a row
	pauseUntil time.Time
	timer      *time.Timer
	wakeAt     time.Time

	stats counters
}

// NewRunner returns a Runner for p, which it owns from now on. Nothing runs
// before Run is called, but events may already be added.
func NewRunner(p Plugin, conf RunnerConfig, log *zap.Logger) *Runner {
	if log == nil {
		log = zap.NewNop()
	}
	if conf.MaxPending <= 0 {
		conf.MaxPending = defaultMaxPending
	}
	if conf.MaxBytes <= 0 {
		conf.MaxBytes = defaultMaxBytes
	}
	r := &Runner{
		plugin: p,
		limits: withDefaults(p.Limits()),
		log:    log.Named("plugin").With(zap.String("plugin", p.Name())),
		queue:  newQueue(conf.MaxPending, conf.MaxBytes),
	}
	r.troubles = logging.NewRepeat(r.log)
	r.cond, r.idle = sync.NewCond(&r.mu), sync.NewCond(&r.mu)
	return r
}

func withDefaults(l Limits) Limits {
	l.Batch = max(l.Batch, 1)
	l.Parallel = max(l.Parallel, 1)
	if l.Timeout <= 0 {
		l.Timeout = defaultTimeout
	}
	return l
}

// pause is how long to wait after so many failures in a row.
func pause(failures int) time.Duration {
	return backoff.Exponential{Min: firstDelay, Max: maxDelay}.Next(failures)
}

// Add queues an event. It never blocks on the receiver and never fails: an event that finds no room
// is dropped, counted in Stats and logged.
func (r *Runner) Add(ev Event) {
	now := time.Now()
	ev.Attempt = 0
	r.mu.Lock()
	if (!r.closed || r.leaving) && r.queue.put(ev, now) {
		r.cond.Signal()
		r.mu.Unlock()
		return
	}
	r.stats.dropped++
	dropped, pending := r.stats.dropped, r.queue.len()
	r.mu.Unlock()
	r.troubles.Lost("queue", "", "plugin queue is full, events are dropped; the receiver must be told by other means what changed",
		zap.ByteString("path", []byte(ev.FullPath())), zap.Uint64("dropped", dropped), zap.Int("pending", pending))
}

// Run delivers until ctx ends, then closes the plugin and returns. What is
// pending then is lost and logged; call Drain before to bound that, or Leave
// to keep it. Run may be called once.
func (r *Runner) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, r.broadcast)
	defer stop()
	var workers sync.WaitGroup
	workers.Go(func() { _ = r.troubles.Run(ctx) }) // it returns when ctx ends
	for range r.limits.Parallel {
		workers.Go(func() { r.work(ctx) })
	}
	workers.Wait()

	r.mu.Lock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
	left := 0
	if !r.leaving {
		left = r.queue.len()
		r.stats.dropped += uint64(left)
	}
	r.idle.Broadcast()
	r.mu.Unlock()
	if left > 0 {
		r.log.Warn("plugin stopped before everything was delivered", zap.Int("undelivered", left))
	}
	if err := r.plugin.Close(); err != nil {
		return fmt.Errorf("close plugin %s: %w", r.plugin.Name(), err)
	}
	return nil
}

// Drain returns once nothing is pending, and with an error once ctx ends or
// the receiver has failed three times in a row. It cuts pauses between
// attempts short and goes on to accept events. The caller ends Run's context
// afterwards.
func (r *Runner) Drain(ctx context.Context) error {
	stop := context.AfterFunc(ctx, r.broadcast)
	defer stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.draining = false }()
	r.draining = true
	r.drainRow = 0
	r.pauseUntil = time.Time{}
	r.queue.hurry()
	r.cond.Broadcast()
	for r.queue.len() > 0 && !r.closed && ctx.Err() == nil && r.drainRow < drainTries {
		r.idle.Wait()
	}
	if n := r.queue.len(); n > 0 {
		return fmt.Errorf("drain plugin %s: %d paths undelivered, last error %q", r.plugin.Name(), n, r.stats.lastError)
	}
	return nil
}

// Leave keeps what is pending when Run ends, and what is added afterwards, for
// Take: another Runner goes on with it.
func (r *Runner) Leave() {
	r.mu.Lock()
	r.leaving = true
	r.mu.Unlock()
}

// Take empties the queue of a Runner that has been left, and returns its
// events; those that come later are dropped. Run must have ended, or never
// been called.
func (r *Runner) Take() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaving, r.closed = false, true
	return r.queue.clear()
}

func (r *Runner) broadcast() {
	r.mu.Lock()
	r.cond.Broadcast()
	r.idle.Broadcast()
	r.mu.Unlock()
}

// work is one of Limits.Parallel loops.
func (r *Runner) work(ctx context.Context) {
	events := make([]Event, 0, r.limits.Batch)
	for {
		batch := r.next(ctx)
		if batch == nil {
			return
		}
		events = events[:0]
		for _, it := range batch {
			// Nobody writes to an item's event while it is in flight.
			events = append(events, it.event)
		}
		n, err := r.deliver(ctx, events)
		r.settle(ctx, batch, n, err)
	}
}

func (r *Runner) deliver(ctx context.Context, events []Event) (int, error) {
	dctx, cancel := context.WithTimeout(ctx, r.limits.Timeout)
	defer cancel()
	n, err := r.plugin.Deliver(dctx, events)
	n = min(max(n, 0), len(events))
	if n < len(events) && err == nil {
		err = errShort
	}
	return n, err
}

// next waits for work. It returns nil once ctx has ended.
func (r *Runner) next(ctx context.Context) []*item {
	r.mu.Lock()
	defer r.mu.Unlock()
	for ctx.Err() == nil {
		now := time.Now()
		r.queue.promote(now)
		if r.pauseUntil.After(now) {
			r.armLocked(r.pauseUntil, now)
			r.cond.Wait()
			continue
		}
		probing := r.streak > 1 && r.inFlight > 0
		if r.queue.ready.Len() > 0 && !probing {
			r.inFlight++
			return r.queue.take(r.limits.Batch)
		}
		if due, ok := r.queue.due(); ok {
			r.armLocked(due, now)
		}
		r.cond.Wait()
	}
	return nil
}

// armLocked sets the timer that wakes the workers to the given time or earlier.
func (r *Runner) armLocked(at, now time.Time) {
	if !r.wakeAt.IsZero() && !at.Before(r.wakeAt) {
		return
	}
	r.wakeAt = at
	if r.timer == nil {
		r.timer = time.AfterFunc(at.Sub(now), r.alarm)
		return
	}
	r.timer.Reset(at.Sub(now))
}

func (r *Runner) alarm() {
	r.mu.Lock()
	r.wakeAt = time.Time{}
	r.cond.Broadcast()
	r.mu.Unlock()
}
