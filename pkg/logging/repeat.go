package logging

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// RepeatEvery is how often a trouble that goes on is mentioned.
const RepeatEvery = time.Minute

// maxTroubles bounds what a Repeat remembers; what comes beyond shares one
// entry.
const maxTroubles = 1024

// Repeat thins out repeated failures: the first one of a key is logged, then
// one counted line per minute while they go on, then one line when the key has
// recovered. It is safe for concurrent use and needs no goroutine: the counted
// line is written by the first failure after the minute.
type Repeat struct {
	log *zap.Logger

	mu       sync.Mutex
	troubles map[string]*trouble // guarded by mu
}

// trouble is what is known about one key that fails.
type trouble struct {
	since  time.Time // first failure
	told   time.Time // last line
	hidden int       // failures since then
	total  int
}

// NewRepeat is a Repeat that writes to log.
func NewRepeat(log *zap.Logger) *Repeat {
	return &Repeat{log: log, troubles: map[string]*trouble{}}
}

// Failed reports one failure of key, a lane or a path. message is constant,
// fields say what failed. A counted line has the fields of its own failure,
// and "times", the failures since the last line, and "span", the time since
// the first.
func (r *Repeat) Failed(key, message string, fields ...zap.Field) {
	now := time.Now()
	r.mu.Lock()
	key = r.keyLocked(key)
	t, known := r.troubles[key]
	if !known {
		t = &trouble{since: now, told: now, total: 1}
		r.troubles[key] = t
		r.mu.Unlock()
		r.log.Warn(message, fields...)
		return
	}
	t.total++
	t.hidden++
	hidden := t.hidden
	if now.Sub(t.told) < RepeatEvery {
		r.mu.Unlock()
		return
	}
	span := now.Sub(t.since)
	t.hidden, t.told = 0, now
	r.mu.Unlock()
	r.log.Warn(message, append(fields[:len(fields):len(fields)], zap.Int(KeyTimes, hidden), zap.Duration(KeySpan, span.Round(time.Second)))...)
}

// Recovered reports that key works again. It writes one line with the number
// of failures and how long they lasted, and nothing when there was none.
func (r *Repeat) Recovered(key, message string, fields ...zap.Field) {
	r.mu.Lock()
	t, known := r.troubles[key]
	delete(r.troubles, key)
	r.mu.Unlock()
	if !known {
		return
	}
	span := time.Since(t.since).Round(time.Millisecond)
	r.log.Info(message, append(fields[:len(fields):len(fields)], zap.Int(KeyTimes, t.total), zap.Duration(KeySpan, span))...)
}

// keyLocked is the key under which a trouble is kept.
func (r *Repeat) keyLocked(key string) string {
	if _, known := r.troubles[key]; !known && len(r.troubles) >= maxTroubles {
		return ""
	}
	return key
}
