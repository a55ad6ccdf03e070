package plugins

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// settle records the outcome of one call of Deliver.
func (r *Runner) settle(ctx context.Context, batch []*item, n int, err error) {
	now := time.Now()
	r.mu.Lock()
	r.inFlight--
	for _, it := range batch[:n] {
		r.queue.done(it, now)
	}
	var note func()
	if n > 0 {
		note = r.succeedLocked(n, now)
	}
	if n < len(batch) {
		r.queue.giveBack(batch[n+1:])
		if failed := r.failLocked(ctx, batch[n], err, now); failed != nil {
			note = failed
		}
	}
	r.cond.Broadcast()
	r.idle.Broadcast()
	r.mu.Unlock()
	// Logs may go to a disk: never under the lock.
	if note != nil {
		note()
	}
}

// succeedLocked counts n deliveries and returns what there is to log.
func (r *Runner) succeedLocked(n int, now time.Time) func() {
	r.stats.delivered += uint64(n)
	r.stats.lastSuccess = now
	r.drainRow = 0
	troubled := r.streak > 1
	r.streak = 0
	r.pauseUntil = time.Time{}
	if !troubled {
		return nil
	}
	r.pauses = 0
	pending := r.queue.len()
	return func() {
		r.troubles.Recovered("delivery", "plugin receiver is back", zap.Int("pending", pending))
	}
}

// failLocked records a failed attempt and returns what there is to log.
func (r *Runner) failLocked(ctx context.Context, it *item, err error, now time.Time) func() {
	if ctx.Err() != nil {
		r.queue.giveBack([]*item{it})
		return nil
	}
	r.stats.failed++
	r.stats.lastError, r.stats.lastErrorAt = err.Error(), now
	ev := it.event
	if IsPermanent(err) {
		r.stats.dropped++
		r.queue.done(it, now)
		return func() {
			r.troubles.Failed("event", "", "plugin gives up an event", zap.ByteString("path", []byte(ev.FullPath())),
				zap.Int("attempt", ev.Attempt+1), zap.NamedError("err", err))
		}
	}
	r.drainRow++
	delay := max(pause(it.fails+1), RetryDelay(err))
	if r.streak == 0 || it.key() != r.lastFail {
		r.streak++
	}
	r.lastFail = it.key()
	if r.draining {
		delay = firstDelay
	} else if r.streak > 1 && !r.pauseUntil.After(now) {
		r.pauses++
		r.pauseUntil = now.Add(max(pause(r.pauses), RetryDelay(err)))
	}
	r.queue.retry(it, now.Add(delay))
	pending := r.queue.len()
	return func() {
		r.troubles.Failed("delivery", "", "plugin delivery failed, will try again", zap.ByteString("path", []byte(ev.FullPath())),
			zap.Int("attempt", ev.Attempt+1), zap.Duration("delay", delay), zap.Int("pending", pending), zap.NamedError("err", err))
	}
}
