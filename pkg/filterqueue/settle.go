package filterqueue

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// settleSteps are the waits of a created file from one look to the next. During the first wait the
// close of an ordinary small file comes, which saves the look. By the end of the second a close
// would have come if one were to come soon; after that the file is being written, for however long
// that takes.
var settleSteps = [...]time.Duration{
	3 * time.Millisecond, time.Second, time.Second, 2 * time.Second,
	4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second,
}

const (
	// maxUnsettled bounds the created files that are waited for (some 10 MB).
	maxUnsettled = 65_536
	// settleBatch bounds how many files are taken under the lock at once.
	settleBatch = 256
)

// settler finds created files for which no close will ever come: symlinks,
// fifos, devices, sockets, and regular files that came by link(2), which
// O_TMPFILE files do as well.
type settler struct {
	root    func() (fd int, done func())
	now     func() time.Time
	settled func(path string)
	several func(path string, st *unix.Stat_t) // may be nil
	wake    chan struct{}                      // capacity 1: there is something new to wait for; never closed

	mu     sync.Mutex
	files  map[string]unsettled
	queues [len(settleSteps)]ticketQueue // by wait, so that each is in order
	last   uint64                        // latest id given
}

// unsettled is a created file that is waited for.
type unsettled struct {
	id    uint64 // tells it from a later file of the same name
	since time.Time
	seen  fingerprint // where no lease is possible
	state unsettledState
}

// unsettledState says what is known of a created file, and what becomes of it.
type unsettledState uint8

const (
	unseen  unsettledState = iota // nobody has looked yet whether it is being written
	writing                       // it is, and its close is waited for
	// early: a link to a file that is being written was passed on with its present content, so that
	// the name is on the remotes; it is passed on again after the close.
	early
	// glance: the file was passed on when it was created; one look is to tell whether it has
	// several names.
	glance
)

// linkStep is the wait after which a link to a file that is being written is passed on with its
// present content, about 4 s after it was made. A program may hold a file open for days; a file
// that is being created is waited for all that time.
const linkStep = 3

// ticket is a place in a queue for the next look at a file. It is void when the path has another id
// by then.
type ticket struct {
	path string
	id   uint64
	due  time.Time
	step int
}

func newSettler(opt *Options, settled func(string)) *settler {
	return &settler{
		root: opt.Root, now: opt.Now, settled: settled, several: opt.Several,
		wake: make(chan struct{}, 1), files: make(map[string]unsettled),
	}
}

// add starts to wait for a created file; false means that there is no room.
func (s *settler) add(path string) bool { return s.start(path, unseen) }

// glance has a look taken at a created file that was passed on already.
func (s *settler) glance(path string) {
	if s.several != nil {
		s.start(path, glance)
	}
}

func (s *settler) start(path string, state unsettledState) bool {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.files) >= maxUnsettled {
		return false
	}
	s.last++
	s.files[path] = unsettled{id: s.last, since: now, state: state}
	s.queueLocked(ticket{path: path, id: s.last}, now)
	return true
}

// cancel ends the wait because the file's close came, or its name belongs to another file. It tells
// whether the file was waiting.
func (s *settler) cancel(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, waited := s.files[path]
	delete(s.files, path)
	return waited
}

// waits tells whether a created file is waited for.
func (s *settler) waits(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, waited := s.files[path]
	return waited && u.state != glance
}

// take ends all waits and returns what was waited for.
func (s *settler) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	paths := make([]string, 0, len(s.files))
	for p, u := range s.files {
		if u.state != glance {
			paths = append(paths, p)
		}
	}
	clear(s.files)
	return paths
}

func (s *settler) queueLocked(t ticket, now time.Time) {
	t.step = min(t.step, len(settleSteps)-1)
	t.due = now.Add(settleSteps[t.step])
	q := &s.queues[t.step]
	if len(q.list)-q.head > 2*maxUnsettled {
		// The looks do not keep up (a file system hangs): void tickets are dropped.
		q.keep(func(t ticket) bool { return s.files[t.path].id == t.id })
	}
	if q.push(t) {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

func (s *settler) stats(out *QueueStats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.files {
		if out.Oldest.IsZero() || u.since.Before(out.Oldest) {
			out.Oldest = u.since
		}
		if u.state == writing || u.state == early {
			out.Writing++
		}
	}
	out.Unsettled = len(s.files)
}

func (s *settler) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-timer.C:
		}
		due, next := s.due()
		for _, t := range due {
			s.visit(t)
		}
		if len(due) > 0 {
			next = 0 // there may be more by now
		}
		timer.Reset(next)
	}
}

// due takes the tickets whose time has come, and says how long the next one
// has to wait.
func (s *settler) due() ([]ticket, time.Duration) {
	now := s.now()
	next := time.Hour
	var due []ticket
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.queues {
		for len(due) < settleBatch {
			t, ok := s.queues[i].peek()
			if !ok {
				break
			}
			if wait := t.due.Sub(now); wait > 0 {
				next = min(next, wait)
				break
			}
			s.queues[i].pop()
			if s.files[t.path].id == t.id {
				due = append(due, t)
			}
		}
	}
	return due, next
}

// visit looks at one file and marks it, forgets it or has it wait on.
func (s *settler) visit(t ticket) {
	s.mu.Lock()
	u := s.files[t.path]
	s.mu.Unlock()
	if u.id != t.id {
		return
	}
	root, done := s.root()
	seen := look(root, t.path, t.step, u.seen)
	done()
	if seen.several && s.several != nil {
		s.several(t.path, &seen.stat)
	}
	if s.next(t, seen) {
		s.settled(t.path)
	}
}

// next decides what follows a look; it is true when the file is to be passed on now.
func (s *settler) next(t ticket, seen sight) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.files[t.path]
	if u.id != t.id {
		return false // its close came meanwhile
	}
	if seen.found != wait || u.state == glance {
		delete(s.files, t.path)
		return seen.found == complete && u.state != glance
	}
	pass := false
	switch {
	case t.step == 0:
	case seen.several && t.step >= linkStep && u.state != early:
		u.state, pass = early, true
	case u.state == unseen:
		u.state = writing
	}
	if seen.print.ok && !u.seen.ok {
		t.step = 0 // compare a second after this first fingerprint
	}
	t.step++
	u.seen = seen.print
	s.files[t.path] = u
	s.queueLocked(t, s.now())
	return pass
}

// ticketQueue is a first-in, first-out queue.
type ticketQueue struct {
	list []ticket
	head int
}

// keep drops the tickets that are not wanted.
func (q *ticketQueue) keep(want func(ticket) bool) {
	q.list = slices.DeleteFunc(q.list[q.head:], func(t ticket) bool { return !want(t) })
	q.head = 0
}

// push reports whether the queue was empty.
func (q *ticketQueue) push(t ticket) bool {
	if q.head > 0 && len(q.list) == cap(q.list) {
		n := copy(q.list, q.list[q.head:])
		clear(q.list[n:])
		q.list, q.head = q.list[:n], 0
	}
	q.list = append(q.list, t)
	return len(q.list)-q.head == 1
}

func (q *ticketQueue) peek() (ticket, bool) {
	if q.head == len(q.list) {
		return ticket{}, false
	}
	return q.list[q.head], true
}

func (q *ticketQueue) pop() {
	q.list[q.head] = ticket{}
	q.head++
	if q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
	}
}
