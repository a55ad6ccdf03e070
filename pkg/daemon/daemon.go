package daemon

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/daemonize"
	"github.com/sersync/sersync/pkg/lock"
	"github.com/sersync/sersync/pkg/logging"
)

// Daemon is one running program. What it does is a site, made from one reading
// of the configuration; a reload replaces the site and keeps the watches that
// stay, so that no change goes unseen.
type Daemon struct {
	opts    cli.Options
	child   *daemonize.Child
	banner  cli.Banner
	logging *logging.Log
	log     *zap.Logger // of logging
	out     io.Writer
	outMu   sync.Mutex // guards out
	env     []string   // of rsync's children
	proxied bool
	started time.Time
	ticks   *ticks

	// reloads carries configurations that have been read and found usable;
	// unbuffered.
	reloads chan confxml.Config
	current atomic.Pointer[site]
	// verifies has each lane's last comparison, a *status.Comparison that nobody
	// changes; by the lane's id.
	verifies sync.Map
	// watching: the first site's watches stand.
	watching atomic.Bool
	// Owned by notifySystemd.
	noManager bool // there is no service manager
	unreached bool // the last message did not reach it

	// The rest belongs to the goroutine of Run, and to that of the running
	// site's begin.
	watches   map[watchKey]*watch
	locks     map[string]*lock.Lock // by lane
	pages     map[string]*page      // by what they serve, and where
	pidFile   *daemonize.PIDFile
	announced bool // the program has said that it watches
	mirrored  bool // the full sync of -r has been asked for
}

// New prepares a daemon; env is the environment of rsync's children.
func New(opts cli.Options, child *daemonize.Child, banner cli.Banner, log *logging.Log, env []string) *Daemon {
	return &Daemon{
		opts: opts, child: child, banner: banner, logging: log, log: log.Logger(), out: banner.Out, env: env, proxied: proxied(),
		started: time.Now(), ticks: newTicks(), reloads: make(chan confxml.Config),
		watches: map[watchKey]*watch{}, locks: map[string]*lock.Lock{}, pages: map[string]*page{},
	}
}

// Run builds and runs the sync until ctx ends.
func (d *Daemon) Run(ctx context.Context, conf confxml.Config) error {
	defer d.close()
	watching, endWatches := context.WithCancel(ctx)
	defer d.waitWatches()
	defer d.stopPages()
	defer endWatches()
	besides, endBesides := context.WithCancel(ctx)
	var base sync.WaitGroup
	base.Go(func() { _ = d.ticks.run(besides) })
	base.Go(func() { _ = d.notifySystemd(besides) })
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
			s.close()
			return err
		}
		replacing := d.replace(ctx, *next, s)
		s.close()
		if replacing == nil {
			return nil
		}
		s = replacing
	}
}

// rebuildEvery is how soon it is tried again to go on with the old
// configuration, when even that cannot be built any more.
const rebuildEvery = 5 * time.Second

// replace builds the site that follows old: of the new configuration, or of the
// old one. What could be read has been checked before; what fails now (a lock,
// a directory, rsync being upgraded) must not end the sync that works. It
// returns nil once ctx has ended.
func (d *Daemon) replace(ctx context.Context, conf confxml.Config, old *site) *site {
	s, err := d.build(ctx, conf, old)
	for err != nil {
		d.log.Error("reload failed, the old configuration stays", zap.Error(err))
		if s, err = d.build(ctx, old.conf, old); err == nil {
			break
		}
		select {
		case <-time.After(rebuildEvery):
		case <-ctx.Done():
			return nil
		}
	}
	return s
}

// Reload replaces the configuration; it returns once the running site has
// taken it over, or ctx has ended.
func (d *Daemon) Reload(ctx context.Context, conf confxml.Config) {
	select {
	case d.reloads <- conf:
	case <-ctx.Done():
	}
}

// activate makes s the current site: its roots get the events of their
// watches, it takes over what the site before has left, new watches start, and
// what nothing uses any more ends. Its lanes do not run yet.
func (d *Daemon) activate(ctx context.Context, s *site) {
	old := d.current.Load()
	if old != nil {
		old.acting.Lock() // what was asked for is done, or waits for s
		old.over = true
		old.acting.Unlock()
		if err := d.logging.Apply(s.conf.Log, s.conf.Debug); err != nil {
			d.log.Error("log stays as it is", zap.Error(err))
		}
	}
	used := map[*watch]bool{}
	var started []*root
	for _, r := range s.roots {
		used[r.watch] = true
		r.watch.serve(r)
		if !r.watch.running {
			r.watch.start(ctx)
			started = append(started, r)
		}
	}
	if old != nil {
		s.inherit(old)
		s.bridge(old, started)
	}
	d.current.Store(s)
	if old != nil {
		close(old.replaced)
	}
	d.servePages(ctx, s)
	for key, w := range d.watches {
		if !used[w] {
			w.stop()
			delete(d.watches, key)
		}
	}
	for id, l := range d.locks {
		if s.lanes[id] == nil {
			_ = l.Release()
			delete(d.locks, id)
		}
	}
}

func (d *Daemon) waitWatches() {
	for _, w := range d.watches {
		w.stop()
	}
}

func (d *Daemon) writePIDFile(conf confxml.Config) (err error) {
	path := d.opts.PIDFile
	if path == "" {
		path = conf.State.PIDFile
	}
	if path == "" || d.pidFile != nil {
		return nil
	}
	if d.pidFile, err = daemonize.WritePIDFile(path); err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	return nil
}

// close releases what outlives sites.
func (d *Daemon) close() {
	if d.pidFile != nil {
		_ = d.pidFile.Remove()
	}
	for _, l := range d.locks {
		_ = l.Release()
	}
}

// print writes one line to standard output, whole.
func (d *Daemon) print(format string, args ...any) {
	d.outMu.Lock()
	defer d.outMu.Unlock()
	_, _ = fmt.Fprintf(d.out, format, args...)
}

// What 2.5.4's debug switch printed, the debug switch still prints.
func (d *Daemon) debugRecord(on bool) func(int32, string, uint32) {
	if !on {
		return nil
	}
	return func(wd int32, name string, mask uint32) {
		d.print("inotify wd:%d\tname:%s\tmask:%d\n", wd, printable(name), mask)
	}
}

func (d *Daemon) debugWatch(on bool) func(string, int32) {
	if !on {
		return nil
	}
	return func(path string, wd int32) { d.print("add watch: %s return wd is: %d\n", printable(path), wd) }
}

func (d *Daemon) debugCommand(on bool) func(string) {
	if !on {
		return nil
	}
	return func(command string) { d.print("%s\n", printable(command)) }
}

// printable keeps a hostile name from writing lines or colours of its own.
func printable(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return fmt.Sprintf("%q", s)
		}
	}
	return s
}
