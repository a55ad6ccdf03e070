package session

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

// standby keeps one rsync started ahead: connected, authenticated and waiting for names. A single
// change then costs two round trips instead of a process, a connection and a handshake. It belongs
// to the session's owner, except for use, which is called by the run that has claimed it.
//
// What a waiting rsync cannot notice is checked here: its working directory is
// the one it was started in, whatever stands at the path now; it sees the mounts
// of the thread that started it; its session may have been ended by the
// daemon's timeout, which shows only on use.
type standby struct {
	session *Session

	mu      sync.Mutex
	warm    *warm         // waiting for use
	maxAge  time.Duration // learned: sessions older than this have died
	restart time.Time     // when to start the next one
	used    time.Time     // last use
	usual   time.Duration // learned: how long its runs take, falling slowly
	off     bool          // the remote has no connection to spare for a standby
	turn    bool          // restart is the standby's turn to connect
}

// warm is one waiting child.
type warm struct {
	process *rsync.Process
	hearing atomic.Pointer[hearing] // of the call that it carries; nil: none yet
	run     rsync.Run
	root    identity
	born    time.Time
}

// fits tells whether it was started with the arguments that the run needs.
func (w *warm) fits(run rsync.Run) bool {
	return w.run.Caps == run.Caps && w.run.KeepSecond == run.KeepSecond
}

// identity is the device and inode of a watch root.
type identity struct{ dev, ino uint64 }

// identity tells which directory the watch root's path leads to now.
func (s *Session) identity() (id identity, ok bool) {
	root := s.opt.Root()
	if root == nil {
		return id, false
	}
	defer root.Close()
	id.dev, id.ino = root.Identity()
	return id, true
}

const (
	// settle is how long after a run the next standby is started: started at once it would delay
	// the end of the run.
	settle = 75 * time.Millisecond
	// standbyAge is the age at which a standby is replaced, as long as no
	// shorter life has been seen: rsyncd.conf's timeout is often 600.
	standbyAge = 280 * time.Second
	// standbyIdle is for how long after its last use a session keeps one.
	standbyIdle = 30 * time.Minute
	// renewable: if sessions live for less than this, a standby that is too old is replaced only at
	// the next use, for otherwise an idle session would start processes without end.
	renewable = 15 * time.Second
	// quickDeath is how soon after the first use a session shows that it had died while waiting.
	quickDeath = time.Second
	// A standby that is used may move no byte for hungTimes its usual time, but at least for
	// hungLeast.
	hungTimes = 16
	hungLeast = 2 * time.Second
)

func newStandby(s *Session) *standby {
	return &standby{session: s, maxAge: standbyAge, off: !s.opt.Standby, restart: time.Now(), used: time.Now()}
}

// due is when keep has something to do.
func (s *standby) due() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.off:
		return time.Time{}
	case s.warm != nil:
		return s.warm.born.Add(s.maxAge)
	case time.Since(s.used) > standbyIdle:
		return time.Time{}
	default:
		return s.restart
	}
}

// keep starts a standby when none waits, and replaces one that is too old. idle
// says that no run is under way that could use one.
func (s *standby) keep(ctx context.Context, now time.Time, run rsync.Run, idle bool) {
	s.mu.Lock()
	old := s.warm
	if old != nil && now.Sub(old.born) < s.maxAge && old.fits(run) {
		s.mu.Unlock()
		return
	}
	s.warm = nil
	if old != nil && s.maxAge < renewable && old.fits(run) {
		s.restart = now.Add(standbyIdle) // the next use brings it forward
	}
	start := !s.off && !now.Before(s.restart) && now.Sub(s.used) <= standbyIdle && idle
	s.mu.Unlock()
	s.end(old)
	if start && s.mayConnect(now) {
		s.start(ctx, now, run)
	}
}

// mayConnect tells whether it is this session's turn to connect; if not, it sets restart to that
// turn.
func (s *standby) mayConnect(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.session.masterThere():
	case s.session.masterComes(now):
		s.restart = now.Add(settle)
		return false
	case !s.turn:
		if at := s.session.connects.turn(now); at.After(now) {
			s.restart, s.turn = at, true
			return false
		}
	}
	s.turn = false
	return true
}

func (s *standby) start(ctx context.Context, now time.Time, run rsync.Run) {
	root, ok := s.session.identity()
	if !ok {
		s.later(now, time.Second)
		return
	}
	w := &warm{run: run, root: root, born: now}
	process, err := s.session.start(ctx, run, nil, func(b []byte) {
		if h := w.hearing.Load(); h != nil {
			h.line(b)
		}
	})
	if err != nil {
		s.later(now, 10*time.Second)
		return
	}
	w.process = process
	s.mu.Lock()
	s.warm = w
	s.mu.Unlock()
}

func (s *standby) later(now time.Time, d time.Duration) {
	s.mu.Lock()
	s.restart = now.Add(d)
	s.mu.Unlock()
}

// waits tells whether a child is waiting for use.
func (s *standby) waits() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.warm != nil
}

// take claims the waiting child, if it can still be trusted.
func (s *standby) take() *warm {
	now := time.Now()
	s.mu.Lock()
	w := s.warm
	s.warm, s.used, s.restart, s.turn = nil, now, now.Add(settle), false
	s.mu.Unlock()
	if w == nil {
		return nil
	}
	root, ok := s.session.identity()
	if now.Sub(w.born) >= s.maxAge || !ok || w.root != root || w.process.Outdated() || !w.process.Alive() {
		s.end(w)
		return nil
	}
	return w
}

// use has the standby carry a call. If done is false nothing was done, and the run needs a process
// of its own; the trip then tells whether the standby had lost its connection.
func (s *standby) use(c *transport.Call) (t transport.Trip, done bool) {
	w := s.take()
	if w == nil {
		return t, false
	}
	if !w.fits(s.session.run(c.Batch)) {
		s.end(w)
		return t, false
	}
	fed := time.Now()
	h := &hearing{call: c}
	w.hearing.Store(h)
	w.process.SetInactivity(s.patience(s.session.run(c.Batch)))
	w.process.Feed(s.session.list(s.session.run(c.Batch), c))
	t = s.session.read(w.process, h)
	s.later(time.Now(), settle)
	age, class := fed.Sub(w.born), t.Result.Class
	if class == transport.Trouble || class == transport.Stopped || t.Result.Missing == transport.MissingAnswer {
		s.died(age, t.Result)
		if time.Since(fed) < quickDeath || t.Result.Inactive && !t.Result.Broken {
			return transport.Trip{Lost: true}, false
		}
	}
	s.lived(age, class, time.Since(fed))
	t.Warm, t.MaxSize = true, w.run.MaxSize
	return t, true
}

// patience is how long a standby that is used may move no byte before its batch goes by a new
// process: a firewall may have forgotten the session and silently drop its packets, while it would
// let a new session pass.
func (s *standby) patience(run rsync.Run) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	whole := s.session.patience(run)
	if run.Target.Params.Checksum {
		return whole
	}
	return min(max(hungLeast, hungTimes*s.usual), whole)
}

// slow learns from the new process that has carried a batch after its standby had hung: if that was
// slow as well, the remote is slow and the standby was not dead.
func (s *standby) slow(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.usual = max(s.usual, took)
}

// lived lets maxAge grow again when a session has lived longer than half of it: the session that
// died may have ended with a restart of the remote, and not by its timeout.
func (s *standby) lived(age time.Duration, c transport.Class, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.usual = max(took, s.usual-s.usual/8)
	if c <= transport.Again && age > s.maxAge/2 {
		s.maxAge = min(2*s.maxAge, standbyAge)
	}
}

// died learns from a session that had died before it was needed.
func (s *standby) died(age time.Duration, r transport.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Exit == 5 {
		s.off = true // max connections: a waiting session keeps others out
		return
	}
	if age > 2*time.Second && age < s.maxAge*2 {
		s.maxAge = max(2*time.Second, age/2)
	}
}

// end kills a waiting child, so that it does not take the end of its empty list for the end of its
// work.
func (s *standby) end(w *warm) {
	if w == nil {
		return
	}
	w.process.Discard()
	s.session.ending.Go(func() {
		w.process.Wait()
	})
}

// close gives up the waiting child, for good.
func (s *standby) close() {
	s.mu.Lock()
	w := s.warm
	s.warm, s.off = nil, true
	s.mu.Unlock()
	s.end(w)
}

// crowded gives the standby up for good when a run was refused because of the number of connections
// while the standby held one.
func (s *standby) crowded(r transport.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Exit == 5 && s.warm != nil {
		s.off = true
	}
}

// drop ends the waiting child: the root it was started in is gone.
func (s *standby) drop() {
	s.mu.Lock()
	w := s.warm
	s.warm, s.restart, s.turn = nil, time.Now().Add(settle), false
	s.mu.Unlock()
	s.end(w)
}
