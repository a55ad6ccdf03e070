package inotify

import (
	"context"
	"time"

	"github.com/sersync/sersync/pkg/fsevent"
)

const (
	// maxRunning is how many jobs run at a time: a tree of a million
	// directories that moves in must not keep a new directory waiting.
	maxRunning = 4
	// maxPending bounds the jobs: beyond it one walk over everything is cheaper.
	maxPending = 1 << 16
	// maxTries is how often a job is tried whose directory is not where the table has it, although
	// the queue was empty meanwhile; then the table is repaired as after an overflow.
	maxTries = 20
)

// jobKey is a name in a watched directory; the name "" with the root's wd is
// the root itself.
type jobKey struct {
	wd   int32
	name string
}

// purpose says what a job has to do beside its look at the disk. Two jobs for one name become one
// that has the purposes of both.
type purpose uint8

const (
	walkBelow  purpose = 1 << iota // walk the directory even if it is watched
	reportBack                     // the directory had no watch: report it in any case
	checkMount                     // a mount point that seems unchanged: report it if it has changed
	sweepUp                        // part of a repair: the walk over everything has not come to this directory
	walkAll                        // the walk over everything, at the start or for a repair
)

// job is a look at one directory entry on disk: a directory there gets its
// watch and its place in the table; one without a watch before is walked.
type job struct {
	key      jobKey
	op       fsevent.Op // to be reported once the directory is covered; 0 for none
	appeared bool       // it was created, not moved here
	purpose  purpose
	path     string

	tries   int
	blocked bool      // the directory that contains it is in limbo
	epoch   uint32    // of the last try
	after   time.Time // no try before
}

func (j *job) is(p purpose) bool { return j.purpose&p != 0 }

// jobs is the work queue of a session. Guarded by session.mu.
type jobs struct {
	queue   []*job
	pending map[jobKey]*job // those in queue, by key
	waiting []*job          // tried, to be tried again
	// looks are the mount points for which a look is queued or running; true: look again after it.
	looks   map[jobKey]bool
	running int
	sweeps  int // jobs of a repair that have not ended
	// refused: there was no room for a job, so that everything must be walked.
	refused bool
	bufs    [][]byte
}

func newJobs() jobs { return jobs{pending: map[jobKey]*job{}, looks: map[jobKey]bool{}} }

// add queues a job or adds it to one that has not begun. When there are too many jobs, only the
// walk over everything is added: it takes the place of all that were refused.
func (q *jobs) add(j *job) {
	if p := q.pending[j.key]; p != nil {
		if j.op != 0 {
			p.op, p.appeared = j.op, j.appeared
		}
		if j.is(sweepUp) && !p.is(sweepUp) {
			q.sweeps++
		}
		p.purpose |= j.purpose
		return
	}
	if len(q.queue)+len(q.waiting) >= maxPending && !j.is(walkAll) {
		q.refused = true
		return
	}
	if j.is(sweepUp) {
		q.sweeps++
	}
	q.pending[j.key] = j
	q.queue = append(q.queue, j)
}

// addLook queues a look at a mount point. For each mount point there is only one look at a time: a
// file system whose server is dead blocks the worker that looks at it, and must not block all
// workers.
func (q *jobs) addLook(j *job) {
	if j.is(checkMount) {
		if _, under := q.looks[j.key]; under {
			q.looks[j.key] = true
			return
		}
		q.looks[j.key] = false
	}
	q.add(j)
	if q.pending[j.key] == nil {
		delete(q.looks, j.key) // a walk over everything comes in its place
	}
}

// looked ends a look at a mount point, and begins the next one if it was asked for meanwhile.
func (q *jobs) looked(key jobKey) {
	again := q.looks[key]
	delete(q.looks, key)
	if again {
		q.addLook(&job{key: key, purpose: checkMount})
	}
}

// next takes a job out of the queue, nil when there is none.
func (q *jobs) next() *job {
	if len(q.queue) == 0 {
		return nil
	}
	j := q.queue[0]
	q.queue[0] = nil
	q.queue = q.queue[1:]
	delete(q.pending, j.key)
	return j
}

// wake queues the waiting jobs that can be tried again by now.
func (q *jobs) wake(t *tree, now time.Time) {
	waiting := q.waiting
	q.waiting = nil
	for _, j := range waiting {
		if t.epoch-j.epoch < 2 || now.Before(j.after) || j.blocked && t.inLimbo(j.key.wd) {
			q.waiting = append(q.waiting, j)
			continue
		}
		if p := q.pending[j.key]; p != nil {
			q.merge(p, j)
			continue
		}
		q.pending[j.key] = j
		q.queue = append(q.queue, j)
	}
}

// merge adds a job that was tried to one that waits for its first try.
func (q *jobs) merge(p, j *job) {
	if p.op == 0 {
		p.op, p.appeared = j.op, j.appeared
	}
	if j.is(sweepUp) && p.is(sweepUp) {
		q.sweeps--
	}
	p.purpose |= j.purpose
	p.tries = max(p.tries, j.tries)
}

// searching tells whether a job may yet find directories that are in limbo.
func (q *jobs) searching() bool {
	if len(q.queue)+q.running > 0 {
		return true
	}
	for _, j := range q.waiting {
		if !j.blocked {
			return true
		}
	}
	return false
}

// idle tells whether no job is queued, running or waiting.
func (q *jobs) idle() bool { return len(q.queue)+len(q.waiting)+q.running == 0 }

// addJob queues a job.
func (s *session) addJob(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs.add(j)
}

// postpone puts a job back until the reader has seen the queue empty, for an event that is still in
// the queue should explain why the job failed. If the directory is in limbo the try does not count.
func (s *session) postpone(j *job, counts bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.epoch = s.t.epoch
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
	q.wake(s.t, now)
	// A running worker may be in a long walk, so each queued job gets a worker of its own.
	for range min(len(q.queue), maxRunning-q.running) {
		q.running++
		s.wg.Go(func() { s.work(ctx) })
	}
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
	for ctx.Err() == nil {
		j := q.next()
		if j == nil {
			break
		}
		s.mu.Unlock()
		s.cover(ctx, j, buf)
		s.inst.Wake()
		s.mu.Lock()
	}
	q.running--
	q.bufs = append(q.bufs, buf)
	s.mu.Unlock()
	s.inst.Wake()
}
