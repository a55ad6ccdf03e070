package executor

import (
	"time"

	"github.com/sersync/sersync/pkg/rsync"
)

// The watermark may never be later than the oldest change that is not on the
// remote. A mark made by an event is as old as its change; what a scan has
// found, what a failed tree was narrowed to, or what a full sync could not send
// is older than its mark. For as long as such marks may be among what is dirty,
// the watermark stays at what they came from.

// owed are marks that are younger than what they stand for.
type owed struct {
	since  time.Time // what they stand for; zero: anything
	marked time.Time // no such mark is younger; zero: there are none
}

// markSlack is how far a mark's age may lie ahead of the clock, which steps back
// a little at times.
const markSlack = time.Second

// Suspect freezes the watermark while a scan is looking for changes that have
// no event; Settled releases it once all of them are marked, for when they have
// been sent.
func (l *Lane) Suspect(since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.holds == 0 || since.Before(l.state.holdSince) {
		l.state.holdSince = since
	}
	l.state.holds++
}

// Settled ends what Suspect began.
func (l *Lane) Settled() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.holds--
	l.oweLocked(l.state.holdSince)
}

// owe says that marks have been made now for what may be as old as since.
func (l *Lane) owe(since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.oweLocked(since)
}

func (l *Lane) oweLocked(since time.Time) {
	o := &l.state.owed
	if l.dirty.Stats().Oldest.IsZero() {
		*o = owed{} // all of it is there already
		return
	}
	if l.paidLocked() || since.Before(o.since) {
		o.since = since
	}
	o.marked = time.Now().Add(markSlack)
}

// paidLocked tells whether nothing is dirty that is as old as the marks owed.
func (l *Lane) paidLocked() bool {
	oldest := l.dirty.Stats().Oldest
	return l.state.owed.marked.IsZero() || oldest.IsZero() || oldest.After(l.state.owed.marked)
}

// saveFirst saves the lane's state as soon as there is a watermark for the first
// time: until then a crash costs a full sync. It belongs to the loop.
func (l *Lane) saveFirst(now time.Time) {
	if !l.watermarked && !l.Remember(now).Watermark.IsZero() {
		l.watermarked = true
		l.save()
	}
}

// Complete says that everything before now is on the remote, but for what is
// dirty: a watermark was found and the catch-up has marked what it found.
func (l *Lane) Complete() {
	l.mu.Lock()
	l.state.complete = true
	l.mu.Unlock()
	l.save()
}

// Remembered is what a lane leaves behind for the next start.
type Remembered struct {
	// Watermark: what changed before it is on the remote; zero: nothing is
	// known. The margin is package failqueue's.
	Watermark time.Time
	Mirrored  bool
	Caps      rsync.Capabilities
	LastOK    time.Time
}

// Remember returns it.
func (l *Lane) Remember(now time.Time) Remembered {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := Remembered{Mirrored: l.state.mirrored, Caps: l.state.caps, LastOK: l.state.lastOK}
	if !l.state.complete {
		return r
	}
	r.Watermark = now
	earlier := func(t time.Time) {
		if t.Before(r.Watermark) {
			r.Watermark = t
		}
	}
	if oldest := l.dirty.Stats().Oldest; !oldest.IsZero() {
		earlier(oldest)
	}
	if l.state.holds > 0 {
		earlier(l.state.holdSince)
	}
	if !l.paidLocked() {
		earlier(l.state.owed.since)
	}
	return r
}
