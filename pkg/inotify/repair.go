package inotify

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/fsevent"
)

const (
	// doomedPerTurn bounds how many watches are removed before events are read again. It is also
	// far below any queue length, because each removal queues an IN_IGNORED.
	doomedPerTurn = 256
	// freedRetry is how soon uncovered directories are tried again after other watches were
	// removed.
	freedRetry = time.Second
)

// phase is how far a repair has come.
type phase uint8

const (
	resting  phase = iota // none is under way
	walking               // the walk over everything is queued or runs
	walked                // that walk has ended
	sweeping              // directories to which it did not come are being looked at
)

// repair is the walk over everything, at the start and after an overflow. Guarded
// by session.mu.
type repair struct {
	phase  phase
	wanted bool      // a walk must begin, after the one under way
	owed   bool      // Handler.Overflow was called, and Handler.Repaired has to follow
	report bool      // the next walk reports the root itself as changed
	next   time.Time // while sweeping: not before this
	gen    uint16    // number of the walk; table.seen compares with it
}

// begin starts a walk when one is wanted and none is under way, and returns its job; nil
// otherwise. It lets the jobs of a sweep end first.
func (r *repair) begin(root int32, sweeps int) *job {
	if !r.wanted || r.phase == walking || r.phase == walked || r.phase == sweeping && sweeps > 0 {
		return nil
	}
	r.wanted, r.phase = false, walking
	r.gen++
	if r.gen == 0 {
		r.gen = 2
	}
	j := &job{key: jobKey{wd: root}, purpose: walkBelow | walkAll}
	if r.report {
		j.purpose |= reportBack
	}
	r.report = false
	return j
}

// underWay tells whether a repair goes on.
func (r *repair) underWay() bool { return r.phase != resting }

// housekeep does what is due and returns how long the reader may sleep, in
// milliseconds.
func (s *session) housekeep(ctx context.Context, h fsevent.Handler) int {
	now := time.Now()
	s.followMounts(h)
	s.retryUncovered(now)
	s.stepRepair(h, now)
	s.dispatch(ctx, now)
	s.expireLimbo(now)
	s.removeDoomed()
	s.deliver(h)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.w.count.uncovered.Store(int64(len(s.uncovered.dirs)))
	if s.jobs.idle() && !s.repair.underWay() {
		s.inventory.calm()
	}
	switch {
	case len(s.t.doomed) > 0, s.lost, s.mounts.changed,
		len(s.jobs.queue) > 0 && s.jobs.running < maxRunning:
		return 0
	case s.t.epoch-s.t.placed < 2 && s.jobs.running == 0:
		return 0 // so that placed nodes become settled before the next event
	case len(s.jobs.waiting) > 0:
		return 1
	case len(s.t.limbo) > 0, s.repair.phase == sweeping:
		return int(limboTime / time.Millisecond)
	}
	return int(max(0, time.Until(s.nextRoot))/time.Millisecond) + 1
}

// stepRepair advances a repair: first the walk over everything, then another look at directories to
// which the walk did not come, then the report. An overflow meanwhile starts it anew.
func (s *session) stepRepair(h fsevent.Handler, now time.Time) {
	s.mu.Lock()
	r := &s.repair
	if s.jobs.refused {
		// The refused job's change must still be reported, as a change of the whole tree.
		s.jobs.refused, r.wanted, r.report = false, true, true
	}
	if r.phase == walked {
		r.phase, r.next = sweeping, now
	}
	if j := r.begin(s.t.rootWd, s.jobs.sweeps); j != nil {
		s.jobs.add(j)
	}
	repaired, stood := false, false
	var gone []vanished
	if r.phase == sweeping && !r.wanted && s.jobs.sweeps == 0 && !now.Before(r.next) && s.sweptLocked(now) {
		r.phase = resting
		repaired, r.owed = r.owed, false
		gone = s.t.vanished(s.inventory.lost())
		stood, s.stood = !s.stood, true
	}
	s.mu.Unlock()
	if repaired {
		s.w.count.repairs.Add(1)
		s.w.log.Info("watches repaired", zap.Int64("watches", s.w.count.watches.Load()))
		s.deliver(h)
		for _, v := range gone {
			h.Vanished(v.dir, v.entries)
		}
		h.Repaired()
	}
	if stood {
		s.w.log.Info("watching", zap.Int64("watches", s.w.count.watches.Load()))
		h.Root(s.arrived)
	}
}

// sweptLocked tells whether every directory of the table has been listed in this
// repair. It queues a job for each topmost one that has not: it was moved while
// the walk ran, or it is not there.
func (s *session) sweptLocked(now time.Time) bool {
	r := &s.repair
	if r.gen == 1 {
		return true // the table was filled by this walk
	}
	missed, whole := s.t.unlisted(r.gen)
	for _, key := range missed {
		s.jobs.add(&job{key: key, purpose: walkBelow | sweepUp})
	}
	if len(missed) == 0 {
		r.next = now.Add(limboTime)
	}
	return whole
}

// expireLimbo dooms directories for which no place was found.
func (s *session) expireLimbo(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.t.expire(now, !s.jobs.searching() && s.repair.phase != walking && s.repair.phase != walked)
}

// removeDoomed removes the watches of some doomed directories.
func (s *session) removeDoomed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range doomedPerTurn {
		wd, found, more := s.t.bury()
		if !more {
			return
		}
		if !found {
			s.inst.unwatch(wd)
			s.unwatchedLocked(wd)
		}
	}
}

// unwatchedLocked notes that a directory has no watch any more.
func (s *session) unwatchedLocked(wd int32) {
	s.inventory.forget(wd)
	s.uncovered.freed = true
	s.w.count.watches.Add(-1)
}
