package logging

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// RepeatEvery is how often a trouble that goes on is mentioned.
const RepeatEvery = time.Minute

// maxTroubles bounds what a Repeat remembers; what comes beyond shares one
// entry.
const maxTroubles = 1024

// Repeat thins out repeated failures: the first one of a trouble is logged,
// then one counted line per minute while they go on, then one line when it is
// over. A trouble has a kind, which is what can recover (a lane's remote, a
// lane's paths), and a cause: another cause is news. It is safe for concurrent
// use.
type Repeat struct {
	log      *zap.Logger
	troubles *troubles
}

// troubles is shared by all Repeats that were made from one.
type troubles struct {
	mu   sync.Mutex
	list map[troubleKey]*trouble // guarded by mu
}

type troubleKey struct{ kind, cause string }

// trouble is what is known about failures of one kind and cause.
type trouble struct {
	line   line      // of the last failure
	since  time.Time // first failure
	told   time.Time // last line
	hidden int       // failures since then
	total  int
}

// line is what there is to write about a failure.
type line struct {
	log     *zap.Logger
	level   zapcore.Level
	message string
	fields  []zap.Field
}

// NewRepeat is a Repeat that writes to log.
func NewRepeat(log *zap.Logger) *Repeat {
	return &Repeat{log: log, troubles: &troubles{list: map[troubleKey]*trouble{}}}
}

// On writes to another logger, and remembers in the same place.
func (r *Repeat) On(log *zap.Logger) *Repeat { return &Repeat{log: log, troubles: r.troubles} }

// Failed reports one failure. message is constant, fields say what failed. A
// counted line has the fields of the last failure, and "times", the failures
// since the last line, and "span", the time since the first.
func (r *Repeat) Failed(kind, cause, message string, fields ...zap.Field) {
	r.troubles.failed(troubleKey{kind, cause}, line{r.log, zap.WarnLevel, message, fields}, time.Now()).write()
}

// Lost is Failed for what nobody will try again: its lines are errors.
func (r *Repeat) Lost(kind, cause, message string, fields ...zap.Field) {
	r.troubles.failed(troubleKey{kind, cause}, line{r.log, zap.ErrorLevel, message, fields}, time.Now()).write()
}

// Recovered reports that nothing of the kind fails any more. It writes one line
// with the number of failures and how long they lasted, and nothing when there
// was none.
func (r *Repeat) Recovered(kind, message string, fields ...zap.Field) {
	total, since := r.troubles.end(kind)
	if total == 0 {
		return
	}
	span := time.Since(since).Round(time.Millisecond)
	r.log.Info(message, append(fields[:len(fields):len(fields)], zap.Int("times", total), zap.Duration("span", span))...)
}

// Run writes the counted lines when they are due, until ctx ends. Without it
// they wait for the next failure.
func (r *Repeat) Run(ctx context.Context) error {
	tick := time.NewTicker(RepeatEvery / 6)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			for _, l := range r.troubles.due(now) {
				l.write()
			}
		}
	}
}

// write writes a line, unless it is empty.
func (l line) write() {
	if l.log != nil {
		l.log.Log(l.level, l.message, l.fields...)
	}
}

// failed counts a failure and returns the line that is due, or an empty one.
func (t *troubles) failed(key troubleKey, said line, now time.Time) (due line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	have, known := t.list[key]
	if !known && len(t.list) >= maxTroubles {
		key = troubleKey{}
		have, known = t.list[key]
	}
	if !known {
		t.list[key] = &trouble{line: said, since: now, told: now, total: 1}
		return said
	}
	have.line = said
	have.total++
	have.hidden++
	due, _ = have.counted(now)
	return due
}

// counted is the line about the failures since the last one, when it is due.
func (t *trouble) counted(now time.Time) (due line, ok bool) {
	if t.hidden == 0 || now.Sub(t.told) < RepeatEvery {
		return line{}, false
	}
	due = t.line
	due.fields = append(due.fields[:len(due.fields):len(due.fields)],
		zap.Int("times", t.hidden), zap.Duration("span", now.Sub(t.since).Round(time.Second)))
	t.hidden, t.told = 0, now
	return due, true
}

func (t *troubles) due(now time.Time) (lines []line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, have := range t.list {
		if l, ok := have.counted(now); ok {
			lines = append(lines, l)
		}
	}
	return lines
}

// end forgets the troubles of a kind.
func (t *troubles) end(kind string) (total int, since time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, have := range t.list {
		if key.kind != kind {
			continue
		}
		total += have.total
		if since.IsZero() || have.since.Before(since) {
			since = have.since
		}
		delete(t.list, key)
	}
	return total, since
}
