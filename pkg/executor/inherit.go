package executor

import (
	"time"
)

// Inherit takes over what a lane of the same id knew and had not brought to the
// remote: what is dirty, the full syncs that are wanted, what an operator sees.
// The other lane's Run must have returned, nothing may be marked or asked for
// there any more, and this lane's Run must not have begun. same says that both
// carry the same: only then does a mirror run done there count here, and what the
// target has is known. It reports false when the other knew nothing yet: then this
// lane has to begin as after a start.
func (l *Lane) Inherit(before *Lane, same bool) bool {
	l.inheritDirty(before)
	l.guarded = before.guarded
	l.litter, l.leftovers, l.topSince, l.reported = before.litter, before.leftovers, before.topSince, before.reported
	l.recorder = before.recorder
	before.mu.Lock()
	old := before.state
	before.mu.Unlock()
	l.mu.Lock()
	st := &l.state
	// A watermark saved before everything was compared would say that it had been.
	st.complete = old.complete && same
	st.paused, st.mirrored = old.paused, old.mirrored && same || st.mirrored
	st.owed = old.owed
	st.shown, st.since = old.shown, old.since
	st.degraded, st.onlyThere, st.lastOK, st.lastFail = old.degraded, old.onlyThere, old.lastOK, old.lastFail
	st.caps.Deleter, st.caps.SecondsOnly, st.caps.NoList = old.caps.Deleter, old.caps.SecondsOnly, old.caps.NoList
	l.mu.Unlock()
	l.full.want, l.full.again = before.full.want, before.full.again
	return l.full.want != nil || old.complete
}

// inheritDirty moves all that is dirty, with its age.
func (l *Lane) inheritDirty(before *Lane) {
	now := time.Now()
	before.dirty.RetryNow()
	for {
		items := before.dirty.Take(now, maxBatch)
		if len(items) == 0 {
			break
		}
		for _, it := range items {
			l.dirty.Mark(it.Path, it.Flags, it.Since)
			before.dirty.Done(it)
		}
	}
	for path, cause := range before.causes {
		l.causes[path] = cause
	}
	l.marks.Add(1)
}
