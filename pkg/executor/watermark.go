package executor

import (
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// The watermark may never be later than the oldest change that is not on the remote. A mark that an
// event has made is as old as its change. But a path that a scan has found, to which a failed tree
// was narrowed, or that a full sync could not send, may have changed long before it was marked. As
// long as such marks may be among the dirty paths, the watermark stays at the time from which on
// these changes may date.

// owed says that there are marks which are younger than the changes that they stand for.
type owed struct {
	since  time.Time // the earliest of these changes; zero: of any age
	marked time.Time // no such mark is younger; zero: there are none
}

// markSlack is how far a mark's age may lie ahead of the clock, which steps back
// a little at times.
const markSlack = time.Second

// Suspect holds the watermark while a scan looks for changes that have no event. Settled releases
// it once all of them are marked; it then advances as they are sent.
func (l *Lane) Suspect(since time.Time) { l.hold(since) }

// Settled ends what Suspect began.
func (l *Lane) Settled() { l.letGo() }

// hold keeps the watermark from passing since, until letGo.
func (b *board) hold(since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.holds == 0 || since.Before(b.state.holdSince) {
		b.state.holdSince = since
	}
	b.state.holds++
}

// letGo ends one hold.
func (b *board) letGo() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.holds--
	b.oweLocked(b.state.holdSince)
}

// owe says that marks were made now for changes that may be as old as since.
func (b *board) owe(since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.oweLocked(since)
}

func (b *board) oweLocked(since time.Time) {
	o := &b.state.owed
	if b.dirty.Stats().Oldest.IsZero() {
		*o = owed{} // everything owed before has arrived
		return
	}
	if b.paidLocked() || since.Before(o.since) {
		o.since = since
	}
	o.marked = time.Now().Add(markSlack)
}

// oldestFoundLocked is the earliest time at which a path that scans have found may have changed;
// zero: everything that scans have found is on the remote.
func (b *board) oldestFoundLocked() (oldest time.Time) {
	if b.state.holds > 0 {
		oldest = b.state.holdSince
	}
	if owed := b.state.owed.since; !b.paidLocked() && !owed.IsZero() && (oldest.IsZero() || owed.Before(oldest)) {
		oldest = owed
	}
	return oldest
}

// paidLocked tells whether none of the owed marks can be dirty any more.
func (b *board) paidLocked() bool {
	oldest := b.dirty.Stats().Oldest
	return b.state.owed.marked.IsZero() || oldest.IsZero() || oldest.After(b.state.owed.marked)
}

// saveFirst saves the lane's state as soon as there is a watermark for the first
// time: until then a crash costs a full sync. It belongs to the loop.
func (l *loop) saveFirst(now time.Time) {
	if !l.watermarked && !l.remembered(now).Watermark.IsZero() {
		l.watermarked = true
		l.save()
	}
}

// Complete says that everything before now is on the remote, except what is dirty. It is called
// when a watermark was found and the catch-up scan has marked everything.
func (l *Lane) Complete() {
	l.mu.Lock()
	l.state.complete = true
	l.mu.Unlock()
	l.save()
}

// Remembered is what a lane keeps for the next start.
type Remembered struct {
	// Watermark: what changed before it is on the remote; zero: nothing is
	// known. The margin is package failqueue's.
	Watermark time.Time
	Known
	Caps   transport.Capabilities
	LastOK time.Time
}

// History returns what the lane's recorder has of the past, for State.History of package lanestate,
// and records how long the oldest change has been waiting. nil: nothing has happened since the last
// call, and the lane has not ended.
func (l *Lane) History(now time.Time) []byte {
	l.recorder.Lag(now, l.lag(now))
	select {
	case <-l.ended:
	default:
		if !l.recorder.Changed() {
			return nil
		}
	}
	b, err := l.recorder.AppendBinary(nil)
	if err != nil {
		l.log.Warn("history not saved", zap.Error(err))
		return nil
	}
	return b
}

// Recall takes over what History of an earlier process has returned. It must be called before Run.
func (l *Lane) Recall(history []byte) {
	if history == nil {
		return
	}
	if err := l.recorder.UnmarshalBinary(history); err != nil {
		l.log.Info("history of the lane not used", zap.Error(err))
	}
}

// Past is what the lane did over the last hour and the last day.
func (l *Lane) Past(now time.Time) (hour, day status.Past) {
	l.recorder.Lag(now, l.lag(now))
	return l.recorder.Past(now)
}

// lag is how long the oldest change, or a full sync that was asked for, has been waiting at now.
func (d *desk) lag(now time.Time) time.Duration {
	oldest := d.dirty.Stats().Oldest
	d.mu.Lock()
	full := d.state.wanted.since
	d.mu.Unlock()
	var lag time.Duration
	for _, since := range []time.Time{oldest, full} {
		if !since.IsZero() {
			lag = max(lag, now.Sub(since))
		}
	}
	return lag
}

// Remember returns what to keep for the next start.
func (l *Lane) Remember(now time.Time) Remembered { return l.remembered(now) }

func (b *board) remembered(now time.Time) Remembered {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := Remembered{Known: Known{Mirrored: b.state.mirror.done, MirrorScope: b.state.mirror.scope, Peer: b.state.peer}, Caps: b.state.caps, LastOK: b.state.lastOK}
	r.Differences, r.Moved = b.differs.told.Whole(), b.state.shared.list()
	if !b.state.complete {
		return r
	}
	r.Watermark = now
	earlier := func(t time.Time) {
		if t.Before(r.Watermark) {
			r.Watermark = t
		}
	}
	if oldest := b.dirty.Stats().Oldest; !oldest.IsZero() {
		earlier(oldest)
	}
	if b.state.holds > 0 {
		earlier(b.state.holdSince)
	}
	if !b.paidLocked() {
		earlier(b.state.owed.since)
	}
	return r
}
