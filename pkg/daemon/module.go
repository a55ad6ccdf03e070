package daemon

import (
	"context"
	"fmt"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/laneconf"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/watchroot"
)

// RunModule runs one plugin alone (-m): it gets every selected event at once, and no rsync runs.
func (d *Daemon) RunModule(ctx context.Context, conf confxml.Config) error {
	defer d.close()
	d.warn(conf)
	s := &site{daemon: d, conf: conf, log: d.log, requests: newRequests()}
	if err := s.buildPlugins([]confxml.PluginRef{{Name: s.daemon.opt.Command.Module}}, true); err != nil {
		return err
	}
	if err := s.daemon.opt.Banner.Module(s.daemon.opt.Command.Module); err != nil {
		return err
	}
	watch, err := plugins.WatchAlone(conf, s.plugins.Watch())
	if err != nil {
		return err
	}
	if s.daemon.opt.Command.Module == "socket" {
		s.socketBanner(watch)
	}
	dir, err := laneconf.Dir(watch)
	if err != nil {
		return fmt.Errorf("%s: plugin %s: %w; create the directory or correct watch=", s.conf.File, d.opt.Command.Module, err)
	}
	r := watchroot.New(watchroot.Options{
		Local: confxml.LocalPath{Watch: watch}, Dir: dir, Switches: conf.Inotify, Filter: compileFilter(conf, d.opt.Banner, s.log), Alone: true,
		Ticks: d.ticks, Logger: s.log,
	})
	w, err := watchroot.NewWatch(ctx, r, d.lines.debug(conf.Debug))
	if err != nil {
		return err
	}
	r.Open(w, s.plugins.NotifyAtOnce(r))
	s.roots = []*watchroot.Root{r}
	if s.stores, err = openStores(conf.State, d.disks, d.notes, s.log); err != nil {
		s.log.Warn("no status: there is no directory for its socket", zap.Error(err))
	}
	d.current.Store(s)
	defer s.stores.close()
	return s.runModule(ctx, r, w)
}

func (s *site) runModule(ctx context.Context, r *watchroot.Root, w *watchroot.Watch) error {
	watching, endWatch := context.WithCancel(ctx)
	r.Serve(watching)
	defer w.Stop()
	defer endWatch()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.plugins.Run(ctx, s.running.Wait) })
	if s.stores.dir != "" {
		group.Go(func() error { return s.newPage().Run(ctx) })
	}
	group.Go(func() error { return r.Run(ctx) })
	group.Go(func() error { return s.daemon.ticks.Run(ctx) })
	group.Go(func() error { return s.daemon.output.Run(ctx) })
	group.Go(func() error { return s.daemon.notifySystemd(ctx) })
	group.Go(func() error {
		if !r.Begin(ctx) {
			return nil
		}
		if err := s.daemon.writePIDFile(ctx, s.conf); err != nil {
			return err
		}
		s.daemon.letGo(s.conf.File, s.stores.dir)
		if err := s.daemon.opt.Child.Ready(); err != nil {
			return err
		}
		s.daemon.ready()
		return nil
	})
	return group.Wait()
}

// socketBanner prints 2.5.4's line about where the paths go.
func (s *site) socketBanner(watch string) {
	for _, p := range s.conf.Plugins {
		if p.Name == "socket" {
			s.daemon.opt.Banner.SocketPlugin(watch, p.Attributes["deshost/ip"].Value, p.Attributes["deshost/port"].Value)
			return
		}
	}
}
