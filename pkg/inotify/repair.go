package inotify

import (
	"context"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

const (
	// limboTime is how long a directory may be without a place before its
	// watches are removed: the halves of a rename are queued one right after
	// the other, but other events can come in between.
	limboTime = 50 * time.Millisecond
	// limboMax applies while jobs run, which may yet find it.
	limboMax = 2 * time.Second
	// doomedPerTurn bounds how long removing watches keeps events waiting. It
	// is far below any queue length, too: each removal queues an IN_IGNORED.
	doomedPerTurn = 256
	// freedRetry is how soon uncovered directories are tried again after
	// watches became free.
	freedRetry = time.Second
)

// repair is the state of the walk over everything, at the start and after an
// overflow.
type repair struct {
	wanted   bool // a walk must begin
	overflow bool // Handler.Overflow was called, Repaired is owed
	report   bool // the root itself must be reported as changed
	walking  bool
	walked   bool      // the walk has ended
	sweeping bool      // what it did not meet is being looked at
	next     time.Time // while sweeping: not before this
	stood    bool      // Handler.Root(arrived) was called
	gen      uint16
	arrived  RootState
}

// housekeep does what is due and returns how long the reader may sleep, in
// milliseconds.
func (s *session) housekeep(ctx context.Context, h Handler) int {
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
	s.w.count.uncovered.Store(int64(len(s.uncov)))
	switch {
	case len(s.doomed) > 0, s.lost, s.mounts.changed,
		len(s.jobs.queue) > 0 && s.jobs.running < maxRunning:
		return 0
	case s.epoch-s.placed < 2 && s.jobs.running == 0:
		return 0 // so that what was placed is settled before the next event
	case len(s.jobs.waiting) > 0:
		return 1
	case len(s.limbo) > 0, s.repair.sweeping:
		return int(limboTime / time.Millisecond)
	}
	return int(max(0, time.Until(s.nextRoot))/time.Millisecond) + 1
}

// stepRepair moves the walk over everything on: walk, then look again at what
// the walk did not meet, then report. An overflow meanwhile starts it anew.
func (s *session) stepRepair(h Handler, now time.Time) {
	s.mu.Lock()
	r := &s.repair
	if r.walking && r.walked {
		r.walking, r.walked, r.sweeping = false, false, true
		r.next = now
	}
	if r.wanted && !r.walking && (!r.sweeping || s.jobs.sweeps == 0) {
		r.wanted, r.walking, r.sweeping = false, true, false
		r.gen++
		if r.gen == 0 {
			r.gen = 2
		}
		s.addJob(&job{key: jobKey{wd: s.rootWd}, deep: true, full: true, retry: r.report})
		r.report = false
	}
	repaired, stood := false, false
	if r.sweeping && !r.wanted && s.jobs.sweeps == 0 && !now.Before(r.next) && s.sweptLocked(now) {
		r.sweeping = false
		repaired, r.overflow = r.overflow, false
		stood, r.stood = !r.stood, true
	}
	s.mu.Unlock()
	if repaired {
		s.w.count.repairs.Add(1)
		s.w.log.Info("watches repaired", zap.Int64("watches", s.w.count.watches.Load()))
		s.deliver(h)
		h.Repaired()
	}
	if stood {
		s.w.log.Info("watching", zap.Int64("watches", s.w.count.watches.Load()))
		h.Root(r.arrived)
	}
}

// sweptLocked tells whether every directory of the table has been listed in this
// repair. It queues a job for each topmost one that has not: it was moved while
// the walk ran, or it is not there. What has gone from inside of it is left to
// the next sweep, and so is what is between two places now.
func (s *session) sweptLocked(now time.Time) bool {
	r := &s.repair
	if r.gen == 1 {
		return true // the walk has made the table
	}
	whole := true
	var missed []int32
	for n := range int32(s.t.size) {
		e := s.t.at(n)
		if e.flags&flagUsed == 0 || n == s.t.root || e.seen == r.gen {
			continue
		}
		whole = false
		p := e.parent
		if p != none && (p == s.t.root || s.t.at(p).seen == r.gen) && s.t.attached(p) {
			missed = append(missed, n)
		}
	}
	for _, n := range missed {
		key := jobKey{s.t.at(s.t.at(n).parent).wd, string(s.t.nameOf(n))}
		s.addJob(&job{key: key, deep: true, sweep: true})
	}
	if len(missed) == 0 {
		r.next = now.Add(limboTime)
	}
	return whole
}

// expireLimbo gives up directories for which no place was found.
func (s *session) expireLimbo(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	quiet := !s.searching()
	for wd, l := range s.limbo {
		age := now.Sub(l.since)
		if age < limboTime || s.epoch-l.epoch < 2 || !quiet && age < limboMax {
			continue
		}
		delete(s.limbo, wd)
		delete(s.cookies, l.cookie)
		if n := s.t.lookup(wd); n != none {
			s.t.at(n).flags |= flagDoomed
			s.doomed = append(s.doomed, wd)
		}
	}
}

// removeDoomed removes some of the watches that are due. A walk may find a
// doomed directory in the meantime, and takes the mark away.
func (s *session) removeDoomed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range doomedPerTurn {
		last := len(s.doomed) - 1
		if last < 0 {
			s.doomed = nil
			return
		}
		wd := s.doomed[last]
		s.doomed = s.doomed[:last]
		n := s.t.lookup(wd)
		if n == none || s.t.at(n).flags&flagDoomed == 0 {
			continue
		}
		for c := s.t.at(n).child; c != none; c = s.t.at(n).child {
			s.t.detach(c)
			s.t.at(c).flags |= flagDoomed
			s.doomed = append(s.doomed, s.t.at(c).wd)
		}
		// EINVAL: the kernel was faster, its IN_IGNORED is in the queue.
		_, _ = unix.InotifyRmWatch(s.ifd, uint32(wd))
		s.t.remove(n)
		s.freed = true
		s.w.count.watches.Add(-1)
	}
}
