// Package listeners holds the plugins that a configuration asks for, as listeners:
// each with its queue, with a gate per watch root that holds a notice back until its
// remotes have the path (package announce), and with the listing of new directories,
// of whose contents no event tells. The plugins themselves know nothing of that.
package listeners

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/sersync/sersync/pkg/announce"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/registry"
)

// Root is a watch root, as far as listeners have to know it.
type Root interface {
	Dir() string       // absolute and without links
	WatchPath() string // as the configuration names it
	// OpenBelow opens a directory of the root for listing.
	OpenBelow(path string) (fd int, err error)
	// Skip tells whether a path is left out; listed says that a listing has found it.
	Skip(path string, dir, listed bool) bool
}

// listener is one plugin and its queue.
type listener struct {
	name   string
	watch  string // the plugin's own watch path; empty: that of the localpath
	dir    string // watch, absolute and without links
	all    bool   // when="all"
	runner *plugins.Runner
}

// Set is the plugins of one reading of the configuration: New, Connect for each
// root, Run. Its methods are safe for concurrent use once every root is connected.
type Set struct {
	log    *zap.Logger
	list   []*listener
	seq    *atomic.Uint64 // of the last event; it goes on over reloads
	finder *finder
	// leaving is set while a new configuration takes over: what is pending then goes to the plugins
	// of the new one.
	leaving atomic.Bool
	roots   []Root
	// gates hold notices back, one gate per root and plugin, until the root's lanes have settled
	// them.
	gates map[Root][]*announce.Gate
}

// Options are what a Set is made from.
type Options struct {
	Conf confxml.Config
	Refs []confxml.PluginRef // which plugins
	// Alone: a plugin runs without a sync.
	Alone bool
	// Before is the set that this one will take over from (Inherit); nil: none.
	Before      *Set
	Out, ErrOut io.Writer // what plugins print goes there
	Logger      *zap.Logger
}

// drainTime is how long plugins may go on delivering at the end.
const drainTime = 3 * time.Second

// fullNote is how many notices that find no room at a gate make one line of the log.
const fullNote = 10_000

// New makes the plugins; nothing runs yet. The error is a *plugins.ConfigError, or
// joins several, where the configuration is at fault.
func New(o Options) (*Set, error) {
	log := o.Logger.Named("plugins")
	s := &Set{log: o.Logger, gates: map[Root][]*announce.Gate{}, seq: &atomic.Uint64{}, finder: newFinder(log)}
	if o.Before != nil {
		s.seq = o.Before.seq
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("start directory: %w", err)
	}
	deps := plugins.Deps{Log: log, File: o.Conf.File, Dir: dir, Alone: o.Alone, Stdout: o.Out, Stderr: o.ErrOut}
	for _, ref := range o.Refs {
		if err := s.add(ref, o, deps); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Set) add(ref confxml.PluginRef, o Options, deps plugins.Deps) error {
	conf, err := registry.Find(ref.Name, ref.Line, o.Conf.Plugins, deps)
	if err != nil {
		return err
	}
	p, err := registry.New(conf, deps)
	if err != nil {
		return err
	}
	x := &listener{name: ref.Name, watch: conf.Watch, all: ref.WhenAll, runner: plugins.NewRunner(p, plugins.RunnerConfig{}, deps.Log)}
	if x.watch != "" {
		x.dir = plugins.RealWatch(x.watch)
	}
	s.list = append(s.list, x)
	if problem := plugins.Unrelated(o.Conf, x.watch); problem != "" && !o.Alone {
		s.log.Warn("plugin", zap.String("plugin", x.name), zap.String("problem", problem),
			zap.String("file", o.Conf.File), zap.Int("line", conf.Line))
	}
	return nil
}

// Watch is the own watch path of the first plugin; empty: it has none.
func (s *Set) Watch() string { return s.list[0].watch }

// Run runs the plugins until ctx has ended. They outlive ctx, and for a moment the lanes, whose end
// lanesEnd waits for, so that they also deliver what was synced last.
func (s *Set) Run(ctx context.Context, lanesEnd func()) error {
	if len(s.list) == 0 {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.find(ctx) })
	for _, x := range s.list {
		running, stop := context.WithCancel(context.WithoutCancel(ctx))
		group.Go(func() error { return x.runner.Run(running) })
		group.Go(func() error {
			<-ctx.Done()
			defer stop()
			if s.leaving.Load() {
				x.runner.Leave()
				return nil
			}
			lanesEnd() // what still runs is told of, too
			drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
			defer cancel()
			if err := x.runner.Drain(drain); err != nil {
				s.log.Warn("plugin not drained", zap.Error(err))
			}
			return nil
		})
	}
	return group.Wait()
}

// Leave says that another Set will inherit from this one, which is about to be
// stopped: it keeps what it has not delivered.
func (s *Set) Leave() { s.leaving.Store(true) }

// Connect gives a root its gates, one per plugin; lanes are the ids of its lanes.
func (s *Set) Connect(r Root, lanes []string) {
	s.roots = append(s.roots, r)
	for _, x := range s.list {
		s.gates[r] = append(s.gates[r], announce.New(announce.Options{
			Lanes: lanes, All: x.all, Deliver: func(n filterqueue.Notice) { s.tell(x, r, n) },
			Full: func(n filterqueue.Notice, dropped uint64) {
				if dropped%fullNote == 1 {
					s.log.Error("too many paths wait for a remote, a plugin is not told of some; it must be told by other means what changed",
						zap.String("plugin", x.name), zap.String("path", n.Path), zap.Uint64("dropped", dropped))
				}
			},
		}))
	}
}

// tell hands one notice to one plugin.
func (s *Set) tell(x *listener, r Root, n filterqueue.Notice) {
	op := plugins.Changed
	if n.Deleted {
		op = plugins.Deleted
	}
	ev := plugins.Event{Root: r.WatchPath(), Path: n.Path, Op: op, Dir: n.Dir, Kind: n.Op, Seq: s.seq.Add(1)}
	if x.watch != "" {
		ev.Root = r.Dir()
		rebased, ok := plugins.Rebase(ev, x.dir)
		if !ok {
			return
		}
		ev, ev.Root = rebased, x.watch
	}
	x.runner.Add(ev)
	if n.Dir && n.Op == fsevent.Create {
		s.finder.add(find{x: x, root: r, path: n.Path, seen: n.At})
	}
}

// Notify tells the root's gates about changes; nil without plugins.
func (s *Set) Notify(r Root) filterqueue.Notify {
	if len(s.list) == 0 {
		return nil
	}
	return func(n filterqueue.Notice) {
		n.At = time.Now()
		for _, g := range s.gates[r] {
			g.Changed(n, n.At)
		}
	}
}

// NotifyAtOnce tells the plugins about changes without waiting for any remote: for a
// plugin that runs alone.
func (s *Set) NotifyAtOnce(r Root) filterqueue.Notify {
	return func(n filterqueue.Notice) {
		n.At = time.Now()
		for _, x := range s.list {
			s.tell(x, r, n)
		}
	}
}

// Settled returns what a lane calls for each path that it has brought to its remote,
// or that has failed; nil without plugins.
func (s *Set) Settled(r Root, lane string) func(path string, tree, ok bool, taken time.Time) {
	if len(s.list) == 0 {
		return nil
	}
	return func(path string, tree, ok bool, taken time.Time) {
		for _, g := range s.gates[r] {
			g.Settled(lane, path, tree, ok, taken)
		}
	}
}

// Trouble returns what a lane calls when its remote stops serving, and when it
// serves again.
func (s *Set) Trouble(r Root, lane string) func(down bool) {
	return func(down bool) {
		for _, g := range s.gates[r] {
			g.Down(lane, down)
		}
	}
}

// Each calls f with the name and the figures of each plugin: with the paths that
// wait for the sync, and those that were dropped before they reached its queue.
func (s *Set) Each(f func(name string, stats plugins.Stats)) {
	for i, x := range s.list {
		st := x.runner.Stats()
		for _, gates := range s.gates {
			st.Pending += gates[i].Waiting()
			st.Dropped += gates[i].Dropped()
		}
		st.Dropped += s.finder.count()
		f(x.name, st)
	}
}
