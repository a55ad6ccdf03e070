package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/daemonize"
	"github.com/sersync/sersync/pkg/logging"
	"github.com/sersync/sersync/pkg/notes"
	"github.com/sersync/sersync/pkg/watchroot"
)

// Daemon is one running program. Its work is done by a site, which is made from one reading of the
// configuration. A reload replaces the site; it keeps the watches that are in both configurations,
// so that no change is missed.
type Daemon struct {
	opt Options
	log *zap.Logger // of opt.Logging
	// troubles thins out what is logged of failures that repeat.
	troubles *logging.Repeat
	output   *daemonize.Output // of a daemon that has detached itself
	lines    *lines            // on standard output
	started  time.Time
	ticks    *watchroot.Ticks
	reloads  *reloads
	current  atomic.Pointer[site]
	// verifies has each lane's last comparison, a *status.Comparison that nobody
	// changes; by the lane's id.
	verifies sync.Map
	// watching: the first site's watches are set.
	watching atomic.Bool
	manager  *manager

	// The rest belongs to the goroutine of Run, and to that of the running
	// site's begin.
	watches   map[watchroot.WatchKey]*watchroot.Watch
	locks     *laneLocks
	notes     *notes.List
	inquiries *inquiries
	disks     disks
	pages     map[string]*page // by what they serve, and where
	pidFile   *daemonize.PIDFile
	// did says which things that happen once per process are done, and are not repeated after a
	// reload: to announce that the program watches, and to ask for the full sync of -r.
	did struct{ announce, mirror bool }
}

// Options are what one invocation of the program hands to its daemon.
type Options struct {
	Command cli.Options      // the command line
	Child   *daemonize.Child // nil in the foreground
	Banner  cli.Banner
	Logging *logging.Log
	// Env is the environment of rsync's children.
	Env []string
	// Proxied says that the environment has rsync connect to a daemon through another program or a
	// proxy.
	Proxied bool
	// Read reads the configuration again and says why it cannot be used.
	Read func() (confxml.Config, error)
	// Hangups asks for a reload with each signal; nil: none does.
	Hangups <-chan os.Signal
}

// New prepares a daemon; nothing of it runs yet.
func New(o Options) *Daemon {
	log := o.Logging.Logger()
	d := &Daemon{
		opt: o, log: log, troubles: logging.NewRepeat(log), output: daemonize.NewOutput(), lines: &lines{out: o.Banner.Out},
		started: time.Now(), ticks: watchroot.NewTicks(), reloads: newReloads(), disks: newDisks(),
		watches: map[watchroot.WatchKey]*watchroot.Watch{}, pages: map[string]*page{},
	}
	d.locks, d.notes = newLaneLocks(d.lines.print, d.log), notes.New(d.log)
	d.inquiries = newInquiries(d)
	d.manager = newManager(os.Getenv("NOTIFY_SOCKET"))
	return d
}

// Run builds and runs the sync until ctx ends.
func (d *Daemon) Run(ctx context.Context, conf confxml.Config) error {
	defer d.close()
	d.warn(conf)
	d.opt.Banner.Lanes(conf, d.opt.Command.Threads)
	watching, endWatches := context.WithCancel(ctx)
	defer d.waitWatches()
	defer d.stopPages()
	defer endWatches()
	besides, endBesides := context.WithCancel(ctx)
	var base sync.WaitGroup
	base.Go(func() { _ = d.ticks.Run(besides) })
	base.Go(func() { _ = d.troubles.Run(besides) })
	base.Go(func() { _ = d.output.Run(besides) })
	base.Go(func() { <-besides.Done(); d.locks.sayEnding() })
	base.Go(func() { _ = d.notifySystemd(besides) })
	base.Go(func() { d.reloads.serve(besides, d.opt.Hangups, d.reload) })
	defer base.Wait()
	defer endBesides()

	s, err := d.build(ctx, conf, nil)
	if err != nil {
		return err
	}
	for {
		d.activate(watching, s)
		next, err := s.run(ctx)
		if err != nil || next == nil {
			s.stores.close()
			return err
		}
		replacing := d.replace(ctx, *next, s)
		s.stores.close()
		if replacing == nil {
			return nil
		}
		s = replacing
	}
}

// rebuildEvery is the pause between attempts to build a site of the old configuration again, when
// after a failed reload even that fails.
const rebuildEvery = 5 * time.Second

// failedReload is the note about a configuration that can be read but not applied.
const failedReload = "reload failed, the old configuration stays"

// replace builds the site that follows old: of the new configuration or, if that fails, of the old
// one again. The new configuration has been checked before; what can still fail now (a lock, a
// directory, rsync being upgraded) must not end a sync that works. It returns nil once ctx has
// ended.
func (d *Daemon) replace(ctx context.Context, conf confxml.Config, old *site) *site {
	s, err := d.build(ctx, conf, old)
	for err != nil {
		d.notes.Refused(failedReload, err, "do what the reason says, and reload again")
		if s, err = d.build(ctx, old.conf, old); err == nil {
			return s
		}
		select {
		case <-time.After(rebuildEvery):
		case <-ctx.Done():
			return nil
		}
	}
	d.notes.End(failedReload)
	return s
}

// activate makes s the current site: its roots get the events of their watches, it inherits what
// the old site has left undone, new watches are started, and watches and pages that are no longer
// used end. The lanes of s do not run yet.
func (d *Daemon) activate(ctx context.Context, s *site) {
	old := d.current.Load()
	if old != nil {
		old.requests.end() // earlier requests have been carried out, later ones wait for s
		if err := d.opt.Logging.Apply(s.conf.Log, s.conf.Debug); err != nil {
			d.log.Error("the log is not reopened, it goes where it went", zap.Error(err))
		}
	}
	used := map[watchroot.WatchKey]bool{}
	var started []*watchroot.Root
	for _, r := range s.roots {
		used[r.KeyOf(s.conf)] = true
		if r.Serve(ctx) {
			started = append(started, r)
		}
	}
	if old != nil {
		s.inherit(old)
		s.bridge(old, started)
	}
	d.current.Store(s)
	if old != nil {
		close(old.requests.replaced)
	}
	d.servePages(ctx, s)
	for key, w := range d.watches {
		if !used[key] {
			w.Stop()
			delete(d.watches, key)
		}
	}
	d.locks.keep(func(lane string) bool { return s.lanes[lane] != nil })
}

func (d *Daemon) waitWatches() {
	for _, w := range d.watches {
		w.Stop()
	}
}

// writePIDFile writes the configured pid file. If the file of a predecessor that has just been told
// to end is still there, it waits a moment for that to be removed.
func (d *Daemon) writePIDFile(ctx context.Context, conf confxml.Config) (err error) {
	path := d.opt.Command.PIDFile
	if path == "" {
		path = conf.State.PIDFile
	}
	if path == "" || d.pidFile != nil {
		return nil
	}
	tick := time.NewTicker(pidFileRetry)
	defer tick.Stop()
	for began := time.Now(); ; {
		d.pidFile, err = daemonize.WritePIDFile(path)
		var running *daemonize.RunningError
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &running) || time.Since(began) >= predecessorNotice:
			return fmt.Errorf("pid file: %w", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("pid file: %w", err)
		}
	}
}

// pidFileRetry is how often a pid file that names a running process is looked
// at again.
const pidFileRetry = 20 * time.Millisecond

// close releases what outlives sites.
func (d *Daemon) close() {
	if d.pidFile != nil {
		_ = d.pidFile.Remove()
	}
	d.locks.keep(func(string) bool { return false })
}
