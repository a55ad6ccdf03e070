package edge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/edge/edgestatus"
	"github.com/sersync/sersync/pkg/edge/edgexml"
	"github.com/sersync/sersync/pkg/edge/fetch"
	"github.com/sersync/sersync/pkg/edge/follow"
	"github.com/sersync/sersync/pkg/edge/hubclient"
	"github.com/sersync/sersync/pkg/edge/position"
	"github.com/sersync/sersync/pkg/lock"
	"github.com/sersync/sersync/pkg/runcommand"
)

// drainLimit is how long plugins may take to deliver what waits when the edge ends.
const drainLimit = 10 * time.Second

// site is one edge that runs.
type site struct {
	conf   edgexml.Config
	log    *zap.Logger
	client *hubclient.Client
	trees  []*tree
	told   []*listener
}

// tree is one tree with everything that works for it.
type tree struct {
	conf     edgexml.Tree
	follower *follow.Follower
	mirrors  *hubclient.Mirrors
	launcher *child.Launcher
	lock     *lock.Lock
}

// Run follows the trees of a configuration until the context ends.
func Run(ctx context.Context, conf edgexml.Config, log *zap.Logger) error {
	s := &site{conf: conf, log: log}
	defer s.release()
	if err := s.build(ctx); err != nil {
		return err
	}
	return s.run(ctx)
}

func (s *site) build(ctx context.Context) error {
	var err error
	if s.told, err = listeners(s.conf, s.log); err != nil {
		return err
	}
	if s.client, err = hubclient.Connect(ctx, s.conf.Stream, s.conf.Name); err != nil {
		return err
	}
	for _, conf := range s.conf.Trees {
		t, err := s.tree(conf)
		if err != nil {
			return fmt.Errorf("tree %s: %w", conf.Name, err)
		}
		s.trees = append(s.trees, t)
	}
	return nil
}

func (s *site) tree(conf edgexml.Tree) (*tree, error) {
	file, err := position.Open(s.conf.State, conf.Name)
	if err != nil {
		return nil, err
	}
	t := &tree{conf: conf, launcher: child.NewLauncher(runcommand.Environment(os.Environ()), nil)}
	if t.lock, err = lock.Acquire(file.Dir(), conf.Name); err != nil {
		var held *lock.HeldError
		if errors.As(err, &held) {
			return nil, fmt.Errorf("another edge (pid %d) has the state directory %s; stop it, or give this one another in <state dir>", held.PID, file.Dir())
		}
		return nil, err
	}
	var names []string
	for _, u := range conf.Upstreams {
		if u.Mirror != "" {
			names = append(names, u.Mirror)
		}
	}
	t.mirrors = s.client.Mirrors(conf.Name, names)
	t.follower = follow.New(follow.Options{
		Tree: conf, Source: s.client.Tree(conf.Name), File: file, Log: s.log, Changed: s.changed(conf),
		Fetcher: &fetch.Puller{
			Launcher: t.launcher, Program: "rsync", Dir: conf.Dir, Upstreams: fetch.Order(s.conf.Name, conf.Upstreams),
			Options:   fetch.Options{Root: os.Geteuid() == 0, Replace: conf.Deletions != edgexml.DeleteNone},
			Announced: func(mirror string) (uint64, bool) { return t.mirrors.Announced(mirror, t.follower.Figures().Epoch) },
		},
	})
	return t, nil
}

// release gives back the locks and connections that build has taken.
func (s *site) release() {
	for _, t := range s.trees {
		_ = t.lock.Release()
	}
	if s.client != nil {
		s.client.Close()
	}
}

// run works until the context ends, or one part cannot work at all.
func (s *site) run(ctx context.Context) error {
	// What the followers depend on ends after them.
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	var below errgroup.Group
	for _, l := range s.told {
		below.Go(func() error { return l.runner.Run(serving) })
	}
	for _, t := range s.trees {
		below.Go(func() error { return t.launcher.Run(serving) })
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, t := range s.trees {
		group.Go(func() error { return t.follower.Run(ctx) })
		group.Go(func() error { return t.mirrors.Run(ctx) })
		group.Go(func() error { return s.report(ctx, t) })
	}
	group.Go(func() error { return edgestatus.Serve(ctx, s.conf.Status, s.status) })
	_, _ = systemd.SdNotify(false, systemd.SdNotifyReady)
	group.Go(func() error { return s.watchdog(ctx) })
	s.log.Info("following the trees", zap.String("edge", s.conf.Name), zap.Int("trees", len(s.trees)), zap.String("version", cli.ReleaseVersion()))
	err := group.Wait()
	_, _ = systemd.SdNotify(false, systemd.SdNotifyStopping)
	s.drain()
	stopServing()
	return errors.Join(err, below.Wait())
}

// drain has the plugins deliver what waits.
func (s *site) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), drainLimit)
	defer cancel()
	var all sync.WaitGroup
	for _, l := range s.told {
		all.Go(func() { _ = l.runner.Drain(ctx) })
	}
	all.Wait()
}

// watchdog gives the service manager signs of life.
func (s *site) watchdog(ctx context.Context) error {
	every, err := systemd.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		return nil
	}
	tick := time.NewTicker(every / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			_, _ = systemd.SdNotify(false, systemd.SdNotifyWatchdog)
		}
	}
}

// status is the state of the edge.
func (s *site) status() edgestatus.Status {
	now := time.Now()
	all := edgestatus.Status{Edge: s.conf.Name, Version: cli.ReleaseVersion(), Now: now}
	for _, t := range s.trees {
		all.Trees = append(all.Trees, edgestatus.Of(t.conf.Name, t.conf.Dir, t.follower.Figures(), now))
	}
	for _, l := range s.told {
		st := l.runner.Stats()
		all.Plugins = append(all.Plugins, edgestatus.Plugin{Name: st.Name, Pending: st.Pending, Failing: st.Failing, LastError: st.LastError})
	}
	return all
}
