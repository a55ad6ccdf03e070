// Package session keeps what the runs of rsync to one remote share: the standby, the ssh master,
// the turns to connect, and how long a silent run is waited for. It also makes probes, and asks
// which rsync the remote has.
//
// It knows neither dirty paths nor queues: it gets a run and its list, and returns how the run has
// ended.
package session

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

// Options configure a Session. They are immutable.
type Options struct {
	// Dir is the watch root's absolute path. Root opens it; nil while it is gone,
	// or while something else is at its path. The caller closes it.
	Dir    string
	Root   func() *fstree.Root
	Target rsync.Target
	// Program is the rsync client, Launcher starts it.
	Program  string
	Launcher *child.Launcher
	// Plain starts children that do not look into the tree and may run for long (ssh). They run in
	// the mount namespace of this program, so that they keep no unmounted file system alive.
	Plain *child.Launcher
	// Connects is shared by all sessions; nil: connections are made at once.
	Connects *Connects
	// Standby keeps an rsync started ahead.
	Standby bool
	// Proxied says that the environment has rsync connect through a proxy or a program
	// (RSYNC_PROXY, RSYNC_CONNECT_PROG), which a probe of this program would not use.
	Proxied bool
	// ControlPath is where an ssh master listens; empty: none.
	ControlPath string
	// Commands gets each command before it runs, for debug output; may be nil.
	Commands func(command string)
	Logger   *zap.Logger
}

// Session is a transport.Transport by stock rsync, to a daemon or over ssh.
type Session struct {
	opt      Options
	log      *zap.Logger
	standby  *standby
	connects *address
	master   master
	// patienceShift doubles the inactivity limit after each run that hit it: a
	// slow remote must not be cut off for ever.
	patienceShift atomic.Int32
	// stuckAfter is how long a run with -H is waited for that could not send a file, and moves next
	// to nothing.
	stuckAfter time.Duration
	known      atomic.Value // string: the remote's release, as Release has found it last

	ending sync.WaitGroup // children that were given up, until they have ended
	side   sync.WaitGroup // the ssh master's
}

// stuckAfter is Session.stuckAfter at first.
const stuckAfter = 20 * time.Second

// New returns a session that has connected to nothing and starts nothing yet.
func New(opt Options) *Session {
	s := &Session{opt: opt, log: opt.Logger, stuckAfter: stuckAfter, connects: opt.Connects.address(opt.Target)}
	s.standby = newStandby(s)
	return s
}

// Do implements transport.Transport.
func (s *Session) Do(ctx context.Context, c transport.Call) (transport.Trip, error) {
	if s.opt.Target.Versions.Dir == "" {
		return s.do(ctx, c)
	}
	replaced, tell := false, c.Changed
	c.Changed = func(change transport.Change) {
		replaced = replaced || change.Sent && !change.New
		if tell != nil {
			tell(change)
		}
	}
	t, err := s.do(ctx, c)
	if err == nil {
		err = leftAlone(ctx, s, &c, &t, replaced)
	}
	return t, err
}

func (s *Session) do(ctx context.Context, c transport.Call) (transport.Trip, error) {
	if !c.Warm {
		return s.cold(ctx, &c)
	}
	t, done := s.standby.use(&c)
	switch {
	case done:
		return t, nil
	case !t.Lost:
		return s.cold(ctx, &c)
	}
	if c.Void != nil {
		c.Void()
	}
	t, err := s.cold(ctx, &c)
	t.Lost = true
	if err == nil {
		s.standby.slow(t.Result.Took)
	}
	return t, err
}

// run is a batch as a run of rsync to the target.
func (s *Session) run(b transport.Batch) rsync.Run {
	t := s.opt.Target
	t.Versions = t.Versions.At(time.Now())
	return rsync.Run{Batch: b, Target: t}
}

// list is what rsync reads for a call.
func (s *Session) list(run rsync.Run, c *transport.Call) []byte {
	if c.Whole {
		return run.List(whole(s.opt.Root, run, c.Names))
	}
	return run.List(c.Names)
}

// cold starts an rsync for a list that is known.
func (s *Session) cold(ctx context.Context, c *transport.Call) (transport.Trip, error) {
	if c.Start != nil {
		if err := c.Start(ctx); err != nil {
			return transport.Trip{Ended: time.Now()}, err
		}
	}
	h := &hearing{call: c}
	p, err := s.connect(ctx, c, h.line)
	if err != nil {
		return transport.Trip{Ended: time.Now()}, err
	}
	return s.read(p, h), nil
}

// connect starts rsync for a run when it is the run's turn to connect.
func (s *Session) connect(ctx context.Context, c *transport.Call, line func([]byte)) (*rsync.Process, error) {
	if !s.masterStands(ctx) {
		if err := s.connects.runs.Wait(ctx); err != nil {
			return nil, err
		}
	}
	run := s.run(c.Batch)
	run.Scratch = c.Scratch
	return s.start(ctx, run, s.list(run, c), line)
}

// read waits for the end of a fed child and classifies it.
func (s *Session) read(p *rsync.Process, h *hearing) transport.Trip {
	rest := stopOn(h.call.Stop, p)
	ended := p.Wait()
	rest()
	t := transport.Trip{Ended: time.Now(), Result: rsync.Classify(s.run(h.call.Batch), s.opt.Dir, ended, h.skipped)}
	for i, name := range t.Result.Unwanted {
		t.Result.Unwanted[i] = h.call.Batch.Path(name)
	}
	if p.Stopped() && ended.Silence == child.None && t.Result.Class == transport.Trouble {
		t.Result.Class = transport.Stopped
	}
	s.log.Debug("rsync ended", zap.Strings("argv", p.Argv), zap.Int("paths", len(h.call.Names)), zap.Int("exit", ended.Exit),
		zap.Stringer("class", t.Result.Class), zap.Duration("took", ended.Took))
	return t
}

// stopOn ends a child when stop is closed. rest ends the watch for that.
func stopOn(stop <-chan struct{}, p *rsync.Process) (rest func()) {
	if stop == nil {
		return func() {}
	}
	over := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-stop:
			p.Kill()
		case <-over:
		}
	})
	return func() { close(over); watch.Wait() }
}

// Down implements transport.Transport.
func (s *Session) Down(r transport.Result) {
	if r.Inactive {
		s.patienceShift.Add(1)
		s.dropMaster()
	}
	s.standby.crowded(r)
	s.standby.drop()
}

// Up implements transport.Transport.
func (s *Session) Up() { s.patienceShift.Store(0) }

// Drop implements transport.Transport.
func (s *Session) Drop() { s.standby.drop() }

// Leave implements transport.Transport.
func (s *Session) Leave() { s.standby.close() }

// Close implements transport.Transport.
func (s *Session) Close() {
	s.standby.close()
	s.dropMaster()
	s.side.Wait()
	s.ending.Wait()
}

// Due implements transport.Transport.
func (s *Session) Due(idle bool) (at time.Time) {
	if s.master.turn {
		at = s.master.next
	}
	if idle {
		if due := s.standby.due(); at.IsZero() || !due.IsZero() && due.Before(at) {
			at = due
		}
	}
	return at
}

// KeepStandby implements transport.Transport.
func (s *Session) KeepStandby(ctx context.Context, now time.Time, batch transport.Batch, idle bool) {
	s.standby.keep(ctx, now, s.run(batch), idle)
}

// Waits implements transport.Transport.
func (s *Session) Waits() bool { return s.standby.waits() }

// Terms implements transport.Transport.
func (s *Session) Terms() transport.Terms {
	p := s.opt.Target.Params
	t := transport.Terms{
		Remote: s.opt.Target.Dest(), Update: p.Update, Links: p.Links, Devices: p.Devices, Specials: p.Specials, Times: p.Times,
		HardLinks: p.HardLinks, FollowLinks: p.FollowLinks, Inplace: p.Inplace, PartialDir: p.PartialDir, Comparing: p.Comparing,
		MaxSize: p.MaxSize, BWLimit: p.BWLimit, Sends: 1, Patterned: p.Rules.Any(), Excludes: p.Rules.Excludes,
		Matcher:        func(patterns []string) func(string, bool) bool { return rsync.RulesOf(patterns).Excludes },
		AllowDeletions: s.opt.Target.AllowDeletions("delete"),
	}
	if s.opt.Target.AgainstReuse() == "" {
		t.Reuses = s.opt.Target.Reuses
	}
	if s.opt.Target.SSH {
		t.Sends = 2 // rsync over ssh ends 44 ms after the file has arrived
	}
	return t
}
