package daemon

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/filterqueue"
)

// site is everything that one reading of the configuration makes: roots,
// lanes, plugins, fail log, timers, page.
type site struct {
	daemon *Daemon
	conf   confxml.Config
	log    *zap.Logger

	stateDir string
	keeper   *keeper
	audit    *failqueue.Audit
	failLog  *failLog
	total    executor.Total
	connects *executor.Connects
	roots    []*root
	lanes    map[string]*executor.Lane
	starts   []*laneStart
	plugins  *extensions
	running  sync.WaitGroup // the lanes
	// answers is closed once the status socket listens, or cannot.
	answers <-chan struct{}

	// acting is held by who carries out an operator's request, and alone to end
	// that: over is set, under it, when another site inherits.
	acting   sync.RWMutex
	over     bool
	replaced chan struct{} // closed when another site has taken over
}

// laneStart is what a lane begins with.
type laneStart struct {
	lane  *executor.Lane
	root  *root
	state failqueue.LaneState
	// inherited: a lane of the site before has handed over all it knew.
	inherited bool
	// changed: the watermark was written under another filter or other
	// parameters; what a mirror run deleted then says nothing about now.
	changed bool
}

// run runs the site until ctx ends, or until a usable new configuration has
// come, which it returns.
func (s *site) run(ctx context.Context) (next *confxml.Config, err error) {
	// The launchers outlive everything that may still start or end a child.
	launched, endLaunchers := context.WithCancel(context.WithoutCancel(ctx))
	var launchers sync.WaitGroup
	for _, r := range s.roots {
		launchers.Go(func() { _ = r.launcher.Run(launched) })
		launchers.Go(func() { _ = r.plain.Run(launched) })
	}
	defer func() { endLaunchers(); launchers.Wait() }()

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.failLog.run(ctx) })
	group.Go(func() error { return s.keeper.run(ctx) })
	s.running.Add(len(s.lanes))
	s.runPlugins(ctx, group)
	for _, r := range s.roots {
		group.Go(func() error { return r.queue.Run(ctx) })
		group.Go(func() error { return r.scan(ctx) })
		group.Go(func() error { return r.links.run(ctx) })
		group.Go(func() error { return r.refresh(ctx) })
		group.Go(func() error { return r.watchFailure(ctx) })
		for _, l := range r.lanes {
			group.Go(func() error {
				defer s.running.Done()
				return l.Run(ctx)
			})
		}
	}
	group.Go(func() error { return s.begin(ctx) })
	group.Go(func() error { return s.timers(ctx) })
	group.Go(func() error { return s.progress(ctx) })
	group.Go(func() error {
		select {
		case conf := <-s.daemon.reloads:
			next = &conf
			s.leave()
			stop()
		case <-ctx.Done():
		}
		return nil
	})
	err = group.Wait()
	s.keeper.save()
	return next, err
}

// leave has all that ends with the site keep what it could not bring to an end,
// for the next one.
func (s *site) leave() {
	s.plugins.handover.Store(true)
	for _, l := range s.lanes {
		l.Leave()
	}
}

// begin waits for the watches, says so, and starts what each lane begins with.
func (s *site) begin(ctx context.Context) error {
	d := s.daemon
	mirror := d.opts.FullSync && !d.mirrored
	if mirror {
		d.banner.FullSync(s.fullCommands(), s.conf.Debug)
	}
	for _, r := range s.roots {
		select {
		case <-r.watched:
		case <-ctx.Done():
			return nil
		}
		r.judge(time.Now(), true)
		if r.bridged {
			r.askScan()
		}
	}
	select {
	case <-s.answers:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return nil
	}
	if err := s.announce(); err != nil {
		return err
	}
	d.ready()
	if !mirror {
		return s.resume(ctx)
	}
	err := s.mirror(ctx)
	d.mirrored = ctx.Err() == nil // or else the next site has to
	return err
}

// announce says that the program watches, to all that wait for it only once.
func (s *site) announce() error {
	d := s.daemon
	if d.announced {
		s.log.Info("configuration taken over")
		return nil
	}
	d.announced = true
	d.banner.Running(s.conf.LocalPaths)
	if err := d.writePIDFile(s.conf); err != nil {
		return err
	}
	return d.child.Ready()
}

// mirror is -r, and what crontab does: everything is sent, and what only the
// targets have is deleted when the delete switch is on.
func (s *site) mirror(ctx context.Context) error {
	for _, start := range s.starts {
		_ = start.lane.FullSync(ctx, executor.Full{Mirror: true, Excludes: s.cronExcludes()})
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

// resume makes up for what happened while the program was down: by one walk
// where a watermark is known, by an automatic full sync where none is.
func (s *site) resume(ctx context.Context) error {
	clock, err := failqueue.ReadClock()
	if err != nil {
		s.log.Warn("clock cannot be read, everything is compared", zap.Error(err))
	}
	for _, r := range s.roots {
		var known []*executor.Lane
		since, strange := time.Now(), r.strange()
		for _, start := range s.starts {
			if start.root != r || start.inherited && !start.changed {
				continue
			}
			t := start.state.UsableWatermark(clock)
			if err != nil || t.IsZero() || start.changed || slices.Contains(strange, "") {
				_ = start.lane.FullSync(ctx, executor.Full{Unknown: true})
				continue
			}
			known = append(known, start.lane)
			if t.Before(since) {
				since = t
			}
		}
		s.catchUp(ctx, r, known, since, strange)
	}
	return nil
}

// catchUp finds what changed since, for lanes of which it is known what they
// have brought over before. Strange places are compared whole.
func (s *site) catchUp(ctx context.Context, r *root, known []*executor.Lane, since time.Time, strange []string) {
	for _, l := range known {
		// With the watermark frozen what was known stays known, also when this is
		// ended half-way.
		l.Suspect(since)
		for _, path := range strange {
			l.Mark(path, filterqueue.Tree|filterqueue.Extras)
		}
		l.Complete()
	}
	found := r.catchUp(ctx, since, known, nil)
	if ctx.Err() != nil {
		r.unscanned(since, 1)
		return
	}
	for _, l := range known {
		if found {
			_ = l.LookAtTarget(ctx, since)
		} else {
			_ = l.FullSync(ctx, executor.Full{Unknown: true})
		}
		l.Settled()
	}
}

// timers runs what the clock asks for: crontab, the retries of the fail log,
// rescans of unwatched directories, the self-check.
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
	// rejudgeEvery is how soon it shows that what the brake held is back.
	rejudgeEvery = 2 * time.Second
	// selfCheckMargin covers what was being written when the last check
	// passed by it.
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
			r.rescan()
		}
	})
	every(rejudgeEvery, func() {
		for _, r := range s.roots {
			r.rejudge(ctx)
		}
	})
	last := time.Now()
	every(s.conf.Inotify.SelfCheck, func() {
		now := time.Now()
		since := onFiles(last, now).Add(-selfCheckMargin)
		last = now
		for _, r := range s.roots {
			r.suspect(since)
			r.askScan()
		}
	})
	s.scheduleMirror(ctx, c, every)
}

// scheduleMirror is crontab: every schedule minutes, or by a cron expression.
func (s *site) scheduleMirror(ctx context.Context, c *cron.Cron, every func(time.Duration, func())) {
	if !s.conf.Crontab.On {
		return
	}
	mirror := func() { _ = s.mirror(ctx) }
	if s.conf.Crontab.Cron == "" {
		every(s.conf.Crontab.Interval, mirror)
		return
	}
	if _, err := c.AddFunc(s.conf.Crontab.Cron, mirror); err != nil {
		s.log.Warn("crontab cron expression not usable, every schedule minutes instead", zap.Error(err))
		every(s.conf.Crontab.Interval, mirror)
	}
}

func (s *site) fullCommands() []string {
	var out []string
	for _, start := range s.starts {
		out = append(out, start.lane.FullCommand(s.cronExcludes()))
	}
	return out
}

// close releases what build acquired for this site alone.
func (s *site) close() {
	if s.failLog != nil {
		s.failLog.close()
	}
	if s.audit != nil {
		_ = s.audit.Close()
	}
}
