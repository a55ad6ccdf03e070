package inotify

import (
	"context"
	"time"
)

const (
	// maxRunning is how many jobs run at a time: a tree of a million
	// directories that moves in must not keep a new directory waiting.
	maxRunning = 4
	// maxPending bounds the jobs: beyond it, one walk of everything is
	// cheaper than they are.
	maxPending = 1 << 16
	// maxTries is how often a job is tried whose directory is not where the
	// table says, although the queue was empty meanwhile; then the table is
	// repaired as after an overflow.
	maxTries = 20
)

// jobKey is a name in a watched directory; the name "" with the root's wd is
// the root itself.
type jobKey struct {
	wd   int32
	name string
}

// job is a look at one directory entry on disk: a directory there gets its
// watch and its place in the table; one without a watch before is walked.
type job struct {
	key      jobKey
	op       Op   // to be reported once the directory is covered; 0 for none
	appeared bool // it was created, not moved here
	deep     bool // walk it even if it is watched
	retry    bool // it had no watch: report it whatever happens
	mount    bool // a mount point that seems to be as it was: say so if it is not
	sweep    bool // part of a repair
	full     bool // the walk of everything at the start or for a repair
	path     string
	tries    int
	blocked  bool      // its directory is in limbo
	epoch    uint32    // of the last try
	after    time.Time // no try before
}

// jobs is the work queue of a session, guarded by its mu.
type jobs struct {
	queue   []*job
	pending map[jobKey]*job // those in queue, by key
	waiting []*job          // tried, to be tried again
	looks   map[jobKey]bool // see addLook; true: look again
	running int
	sweeps  int // jobs of a repair not done yet
	bufs    [][]byte
}

// addJob queues a job or adds it to one that has not begun.
func (s *session) addJob(j *job) {
	q := &s.jobs
	if p := q.pending[j.key]; p != nil {
		if j.op != 0 {
			p.op, p.appeared = j.op, j.appeared
		}
		p.deep, p.retry, p.mount = p.deep || j.deep, p.retry || j.retry, p.mount || j.mount
		if j.sweep && !p.sweep {
			p.sweep = true
			q.sweeps++
		}
		return
	}
	if len(q.queue)+len(q.waiting) >= maxPending {
		s.repair.wanted = true
		// What is asked for must still be reported, as a change of the whole.
		s.repair.report = true
		return
	}
	if j.sweep {
		q.sweeps++
	}
	q.pending[j.key] = j
	q.queue = append(q.queue, j)
}

// postpone puts a job back until the reader has seen the queue empty: what
// made it fail is explained by an event that is still there.
// It does not count as a try when the directory is in limbo.
func (s *session) postpone(j *job, counts bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.epoch = s.epoch
	j.after = time.Time{}
	j.blocked = !counts
	if counts {
		j.tries++
		j.after = time.Now().Add(time.Millisecond << min(j.tries, 7))
	}
	s.jobs.waiting = append(s.jobs.waiting, j)
}

// dispatch starts workers for queued jobs. Only the reader calls it.
func (s *session) dispatch(ctx context.Context, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := &s.jobs
	waiting := q.waiting
	q.waiting = nil
	for _, j := range waiting {
		if s.epoch-j.epoch < 2 || now.Before(j.after) || j.blocked && s.inLimbo(j.key.wd) {
			q.waiting = append(q.waiting, j)
			continue
		}
		if p := q.pending[j.key]; p != nil {
			s.merge(p, j)
			continue
		}
		q.pending[j.key] = j
		q.queue = append(q.queue, j)
	}
	// A worker that runs may be in a long walk: each queued job gets its own.
	for range min(len(q.queue), maxRunning-q.running) {
		q.running++
		s.wg.Go(func() { s.work(ctx) })
	}
}

func (s *session) inLimbo(wd int32) bool {
	n := s.t.lookup(wd)
	return n != none && !s.t.attached(n)
}

// merge adds a job that was tried to one that waits for its first try.
func (s *session) merge(p, j *job) {
	if p.op == 0 {
		p.op, p.appeared = j.op, j.appeared
	}
	p.deep, p.retry, p.full = p.deep || j.deep, p.retry || j.retry, p.full || j.full
	p.mount = p.mount || j.mount
	p.tries = max(p.tries, j.tries)
	if j.sweep && p.sweep {
		s.jobs.sweeps--
	}
	p.sweep = p.sweep || j.sweep
}

// work runs jobs until none is queued.
func (s *session) work(ctx context.Context) {
	var buf []byte
	s.mu.Lock()
	q := &s.jobs
	if n := len(q.bufs); n > 0 {
		buf, q.bufs = q.bufs[n-1], q.bufs[:n-1]
	} else {
		buf = make([]byte, 32<<10)
	}
	for len(q.queue) > 0 && ctx.Err() == nil {
		j := q.queue[0]
		q.queue[0] = nil
		q.queue = q.queue[1:]
		delete(q.pending, j.key)
		s.mu.Unlock()
		s.cover(ctx, j, buf)
		s.wake()
		s.mu.Lock()
	}
	q.running--
	q.bufs = append(q.bufs, buf)
	s.mu.Unlock()
	s.wake()
}

// searching tells whether a job may yet find directories that are in limbo. The
// caller holds mu.
func (s *session) searching() bool {
	if len(s.jobs.queue)+s.jobs.running > 0 || s.repair.walking {
		return true
	}
	for _, j := range s.jobs.waiting {
		if !j.blocked {
			return true
		}
	}
	return false
}

// idle tells whether no job is queued, running or waiting. The caller holds mu.
func (s *session) idle() bool {
	return len(s.jobs.queue)+len(s.jobs.waiting)+s.jobs.running == 0
}
