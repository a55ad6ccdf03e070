package daemon

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/lanestate"
	"github.com/sersync/sersync/pkg/listeners"
	"github.com/sersync/sersync/pkg/records"
	publish "github.com/sersync/sersync/pkg/transport/stream"
	"github.com/sersync/sersync/pkg/watchroot"
	"github.com/sersync/sersync/pkg/whereabouts"
)

// site is everything that one reading of the configuration makes: roots,
// lanes, plugins, fail log, timers, page.
type site struct {
	daemon *Daemon
	conf   confxml.Config
	log    *zap.Logger

	stores    stores
	roots     []*watchroot.Root
	lanes     map[string]*executor.Lane
	rules     map[string]whereabouts.Rules  // by the lane's id
	streams   map[string]*publish.Publisher // by the lane's id
	starts    []*laneStart
	plugins   *listeners.Set
	notifiers *notifiers
	running   sync.WaitGroup // the lanes
	// answers is closed once the status socket listens, or cannot.
	answers  <-chan struct{}
	requests *requests
}

// laneStart is what a lane begins with.
type laneStart struct {
	lane  *executor.Lane
	root  *watchroot.Root
	state lanestate.State
	// inherited says that a lane of the old site has handed over everything that it knew.
	inherited bool
	// changed says that the watermark was written under another filter or other parameters, so that
	// a mirror run of that time did not compare what the present one would.
	changed bool
	// replaced says that what was last brought to this target came from another directory, because
	// a link in the watch path led there.
	replaced bool
	// versions deletes old versions on the remote and returns their paths; deleted writes them into
	// the audit log.
	versions func(context.Context, time.Time) ([]string, error)
	deleted  func(audit.Cause, []string)
	// stream publishes for a lane whose remote is a stream; nil for any other.
	stream *publish.Publisher
}

// run runs the site until ctx ends, or until a usable new configuration has
// come, which it returns.
func (s *site) run(ctx context.Context) (next *confxml.Config, err error) {
	// The launchers end after everything else that may still start or end a child.
	launched, endLaunchers := context.WithCancel(context.WithoutCancel(ctx))
	var launchers sync.WaitGroup
	for _, r := range s.roots {
		launchers.Go(func() { r.RunLaunchers(launched) })
	}
	defer func() { endLaunchers(); launchers.Wait() }()

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	s.stores.run(ctx, group)
	s.running.Add(len(s.lanes))
	group.Go(func() error { return s.plugins.Run(ctx, s.running.Wait) })
	s.notifiers.run(ctx, group)
	for _, r := range s.roots {
		group.Go(func() error { return r.Run(ctx) })
		for _, l := range r.Lanes() {
			group.Go(func() error {
				defer s.running.Done()
				return l.Run(ctx)
			})
		}
	}
	group.Go(func() error { return s.begin(ctx) })
	group.Go(func() error { return s.timers(ctx) })
	group.Go(func() error { return s.progress(ctx) })
	group.Go(func() error { return s.followLinks(ctx) })
	group.Go(func() error {
		select {
		case conf := <-s.daemon.reloads.usable:
			next = &conf
			s.leave()
			stop()
		case <-ctx.Done():
		}
		return nil
	})
	err = group.Wait()
	s.writeLast(ctx)
	return next, err
}

// writeLast writes to disk what the lanes have left to be written, for a bounded time.
func (s *site) writeLast(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), records.LastWrites)
	defer cancel()
	var writes sync.WaitGroup
	s.stores.finish(ctx, &writes)
	writes.Go(func() { s.notifiers.finish(ctx) })
	writes.Wait()
}

// leave has everything that ends with the site hand over what it could not finish to the next site.
func (s *site) leave() {
	s.plugins.Leave()
	for _, l := range s.lanes {
		l.Leave()
	}
}

// begin waits until the watches are set, announces that, and starts what each lane begins with: a
// full sync, or a catch-up scan.
func (s *site) begin(ctx context.Context) error {
	d := s.daemon
	mirror := d.opt.Command.FullSync && !d.did.mirror
	if mirror {
		d.opt.Banner.FullSync(s.fullCommands(), s.conf.Debug)
	}
	for _, r := range s.roots {
		if !r.Begin(ctx) {
			return nil
		}
	}
	select {
	case <-s.answers:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return nil
	}
	if err := s.announce(ctx); err != nil {
		return err
	}
	d.ready()
	if !mirror {
		return s.resume(ctx)
	}
	err := s.mirror(ctx, true)
	d.did.mirror = ctx.Err() == nil // if ctx has ended, the next site has to do it
	return err
}

// announce tells everybody who waits for it that the program watches; it does so once per process.
func (s *site) announce(ctx context.Context) error {
	d := s.daemon
	if d.did.announce {
		s.log.Info("configuration applied")
		return nil
	}
	d.did.announce = true
	d.opt.Banner.Running(s.conf.LocalPaths)
	if err := d.writePIDFile(ctx, s.conf); err != nil {
		return err
	}
	d.letGo(s.conf.File, s.stores.dir)
	return d.opt.Child.Ready()
}

// mirror is -r (first), and what crontab does: everything is sent, and what only
// the targets have is deleted when the delete switch is on.
func (s *site) mirror(ctx context.Context, first bool) error {
	asker := fullsync.Program
	if first {
		asker = fullsync.Person
	}
	for _, start := range s.starts {
		_ = start.lane.FullSync(ctx, fullsync.Request{Mirror: true, Asker: asker, Replaced: first && start.replaced, Excludes: s.cronExcludes()})
	}
	return nil
}

// cronExcludes are the patterns of crontabfilter; as in 2.5.4 they hold for -r
// too, but only while crontab is on.
func (s *site) cronExcludes() []string {
	if !s.conf.Crontab.On || !s.conf.Crontab.FilterOn {
		return nil
	}
	var out []string
	for _, e := range s.conf.Crontab.Exclude {
		out = append(out, e.Text)
	}
	return out
}

// resume catches up with what happened while the program was down: by one walk where a watermark is
// known, otherwise by an automatic full sync.
func (s *site) resume(ctx context.Context) error {
	clock, err := lanestate.ReadClock()
	if err != nil {
		s.log.Warn("clock cannot be read, everything is compared", zap.Error(err))
	}
	for _, r := range s.roots {
		var known []*executor.Lane
		since, strange := time.Now(), r.Strange()
		for _, start := range s.starts {
			if start.root != r || start.inherited && !start.changed {
				continue
			}
			t := start.state.UsableWatermark(clock)
			if err != nil || t.IsZero() || start.changed || slices.Contains(strange, "") {
				_ = start.lane.FullSync(ctx, fullsync.Request{Unknown: true, Replaced: start.replaced})
				continue
			}
			known = append(known, start.lane)
			if t.Before(since) {
				since = t
			}
		}
		r.CatchUp(ctx, known, since, strange)
	}
	return nil
}

// timers runs everything that is scheduled: crontab, the retries of the fail log, rescans of
// unwatched directories, the self-check.
func (s *site) timers(ctx context.Context) error {
	schedule := cron.New(cron.WithLogger(cron.DiscardLogger))
	s.schedule(ctx, schedule)
	schedule.Start()
	<-ctx.Done()
	<-schedule.Stop().Done()
	return nil
}

const (
	rescanEvery = time.Minute
	// rejudgeEvery is how often places that the brake holds are looked at again.
	rejudgeEvery = time.Second
	// selfCheckMargin covers files that were being written while the last check looked at them.
	selfCheckMargin = 15 * time.Minute
)

func (s *site) schedule(ctx context.Context, c *cron.Cron) {
	every := func(interval time.Duration, job func()) {
		if interval > 0 {
			c.Schedule(cron.Every(interval), cron.FuncJob(job))
		}
	}
	every(s.conf.FailLog.Interval, func() {
		for _, l := range s.lanes {
			_ = l.RetryNow(ctx)
		}
	})
	every(rescanEvery, func() {
		for _, r := range s.roots {
			r.Rescan()
		}
	})
	every(rejudgeEvery, func() {
		for _, r := range s.roots {
			r.Rejudge(ctx)
			if r.Reappeared() {
				for _, l := range r.Lanes() {
					s.stores.states.Ask(l.ID())
				}
			}
		}
	})
	last := time.Now()
	every(s.conf.Inotify.SelfCheck, func() {
		now := time.Now()
		since := watchroot.OnFiles(last, now).Add(-selfCheckMargin)
		last = now
		for _, r := range s.roots {
			r.SelfCheck(since, now)
		}
	})
	if cr := s.conf.Crontab; cr.On {
		repeat(c, s.log, "crontab", cr.Interval, cr.Cron, func() { _ = s.mirror(ctx, false) })
	}
	every(pruneEvery, func() {
		for _, start := range s.starts {
			start.prune(ctx, s.log)
		}
	})
	if v := s.conf.Verify; v.On {
		repeat(c, s.log, "verify", v.Interval, v.Cron, func() { s.verifyAll(ctx) })
	}
}

// repeat runs a job at every interval, or by a cron expression. A job that still runs
// is not started a second time.
func repeat(c *cron.Cron, log *zap.Logger, name string, interval time.Duration, spec string, job func()) {
	once := cron.SkipIfStillRunning(cron.DiscardLogger)(cron.FuncJob(job))
	if spec != "" {
		_, err := c.AddJob(spec, once)
		if err == nil {
			return
		}
		log.Warn("cron expression cannot be used, full syncs run every schedule minutes instead", zap.String("element", name), zap.Error(err))
	}
	c.Schedule(cron.Every(interval), once)
}

func (s *site) fullCommands() []string {
	var out []string
	for _, start := range s.starts {
		out = append(out, start.lane.FullCommand(s.cronExcludes()))
	}
	return out
}
