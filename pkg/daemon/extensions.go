package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/announce"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/registry"
)

// extension is one plugin and its queue.
type extension struct {
	name   string
	watch  string // the plugin's own watch path; empty: that of the localpath
	dir    string // watch, absolute and without links
	all    bool   // when="all"
	runner *plugins.Runner
}

// extensions are the plugins of one program.
type extensions struct {
	list   []*extension
	seq    *atomic.Uint64 // of the last event; it goes on over reloads
	finder *finder
	// handover is set while a new configuration takes over: what is pending is
	// for its plugins.
	handover atomic.Bool
	// gates hold the notices back, per root and plugin, until its lanes have
	// settled them.
	gates map[*root][]*announce.Gate
}

// pluginDrain is how long plugins may go on delivering at the end.
const pluginDrain = 3 * time.Second

// fullNote: of so many notices that find no room at a gate, one is logged.
const fullNote = 10_000

// buildPlugins makes what <sersync><plugin> asks for.
func (s *site) buildPlugins(refs []confxml.PluginRef, alone bool) error {
	s.plugins = &extensions{
		gates: map[*root][]*announce.Gate{}, seq: &atomic.Uint64{}, finder: newFinder(s.log.Named("plugins")),
	}
	if old := s.daemon.current.Load(); old != nil {
		s.plugins.seq = old.plugins.seq
	}
	dir, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("start directory: %w", err)
	}
	deps := plugins.Deps{
		Log: s.log.Named("plugins"), File: s.conf.File, Dir: dir, Alone: alone, Stdout: s.daemon.banner.Out, Stderr: s.daemon.banner.Err,
	}
	for _, ref := range refs {
		conf, err := registry.Find(ref.Name, ref.Line, s.conf.Plugins, deps)
		if err != nil {
			return err
		}
		p, err := registry.New(conf, deps)
		if err != nil {
			return err
		}
		x := &extension{
			name: ref.Name, watch: conf.Watch, all: ref.WhenAll,
			runner: plugins.NewRunner(p, plugins.RunnerConfig{}, s.log.Named("plugins")),
		}
		if x.watch != "" {
			x.dir = realPath(x.watch)
		}
		s.plugins.list = append(s.plugins.list, x)
		if problem := unrelated(s.conf, x.watch); problem != "" && !alone {
			s.log.Warn("plugin", zap.String("plugin", x.name), zap.String("problem", problem),
				zap.String("file", s.conf.File), zap.Int("line", conf.Line))
		}
	}
	return nil
}

// unrelated says what is wrong with a plugin's own watch path that has nothing
// to do with what is synced: it would never hear of anything. "" means nothing.
func unrelated(conf confxml.Config, watch string) string {
	if watch == "" {
		return ""
	}
	for _, local := range conf.LocalPaths {
		if plugins.Related(realPath(local.Watch), realPath(watch)) {
			return ""
		}
	}
	return "no localpath has to do with " + strconv.Quote(watch) + ": the plugin hears of nothing; correct watch=, or remove it to hear of every localpath"
}

// realPath is a watch path as roots have it; what does not exist stays as it
// is.
func realPath(watch string) string {
	if dir, err := resolve(watch); err == nil {
		return dir
	}
	if abs, err := filepath.Abs(watch); err == nil {
		return abs
	}
	return watch
}

// runPlugins runs the plugins' queues. They outlive ctx and the lanes for a
// moment, to hand over what was synced last.
func (s *site) runPlugins(ctx context.Context, group *errgroup.Group) {
	if len(s.plugins.list) > 0 {
		group.Go(func() error { return s.runFinder(ctx, s.plugins.finder) })
	}
	for _, x := range s.plugins.list {
		running, stop := context.WithCancel(context.WithoutCancel(ctx))
		group.Go(func() error { return x.runner.Run(running) })
		group.Go(func() error {
			<-ctx.Done()
			defer stop()
			if s.plugins.handover.Load() {
				x.runner.Leave()
				return nil
			}
			s.running.Wait() // what still runs is told of, too
			drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), pluginDrain)
			defer cancel()
			if err := x.runner.Drain(drain); err != nil {
				s.log.Warn("plugin not drained", zap.Error(err))
			}
			return nil
		})
	}
}

// connectGates gives each root its gates, one per plugin.
func (s *site) connectGates(r *root) {
	var ids []string
	for _, l := range r.lanes {
		ids = append(ids, l.ID())
	}
	for _, x := range s.plugins.list {
		s.plugins.gates[r] = append(s.plugins.gates[r], announce.New(announce.Options{
			Lanes: ids, All: x.all, Deliver: func(n filterqueue.Notice) { s.tell(x, r, n) },
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
func (s *site) tell(x *extension, r *root, n filterqueue.Notice) {
	op := plugins.Changed
	if n.Deleted {
		op = plugins.Deleted
	}
	ev := plugins.Event{Root: r.local.Watch, Path: n.Path, Op: op, Dir: n.Dir, Mask: n.Mask, Seq: s.plugins.seq.Add(1)}
	if x.watch != "" {
		ev.Root = r.dir
		rebased, ok := plugins.Rebase(ev, x.dir)
		if !ok {
			return
		}
		ev, ev.Root = rebased, x.watch
	}
	x.runner.Add(ev)
	if n.Dir && n.Mask&unix.IN_CREATE != 0 {
		s.plugins.finder.add(find{x: x, root: r, path: n.Path, seen: n.At})
	}
}

// notifier tells the root's gates about changes; nil without plugins.
func (s *site) notifier(r *root) filterqueue.Notify {
	if len(s.plugins.list) == 0 {
		return nil
	}
	return func(n filterqueue.Notice) {
		n.At = time.Now()
		for _, g := range s.plugins.gates[r] {
			g.Changed(n, n.At)
		}
	}
}

func (s *site) settled(r *root, id string) func(string, bool, bool, time.Time) {
	if len(s.plugins.list) == 0 {
		return nil
	}
	return func(path string, tree, ok bool, taken time.Time) {
		for _, g := range s.plugins.gates[r] {
			g.Settled(id, path, tree, ok, taken)
		}
	}
}

func (s *site) trouble(r *root, id string) func(bool) {
	return func(down bool) {
		for _, g := range s.plugins.gates[r] {
			g.Down(id, down)
		}
	}
}

// gate is that of one root and plugin.
func (x *extensions) gate(r *root, e *extension) *announce.Gate {
	return x.gates[r][slices.Index(x.list, e)]
}

// stats are the plugin's figures, with the paths that wait for the sync and
// those that were dropped before they reached its queue.
func (x *extensions) stats(e *extension) plugins.Stats {
	st := e.runner.Stats()
	i := slices.Index(x.list, e)
	for _, gates := range x.gates {
		st.Pending += gates[i].Waiting()
		st.Dropped += gates[i].Dropped()
	}
	st.Dropped += x.finder.count()
	return st
}
