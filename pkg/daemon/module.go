package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/rsync"
)

// RunModule runs one plugin alone (-m): every selected event goes to it as it
// comes, and no rsync runs.
func (d *Daemon) RunModule(ctx context.Context, conf confxml.Config) error {
	defer d.close()
	s := &site{daemon: d, conf: conf, log: d.log}
	if err := s.buildPlugins([]confxml.PluginRef{{Name: s.daemon.opts.Module}}, true); err != nil {
		return err
	}
	if err := s.daemon.banner.Module(s.daemon.opts.Module); err != nil {
		return err
	}
	x := s.plugins.list[0]
	watch, err := moduleWatch(conf, x.watch)
	if err != nil {
		return err
	}
	if s.daemon.opts.Module == "socket" {
		s.socketBanner(watch)
	}
	dir, err := resolve(watch)
	if err != nil {
		return fmt.Errorf("%s: plugin %s: %w; create the directory or correct watch=", s.conf.File, x.name, err)
	}
	r := d.newRoot(confxml.LocalPath{Watch: watch}, dir)
	r.launcher = rsync.NewLauncher(nil, nil)
	r.notify = func(n filterqueue.Notice) {
		n.At = time.Now()
		s.tell(x, r, n)
	}
	r.queue = filterqueue.New(filterqueue.Options{
		Switches: s.conf.Inotify, Filter: s.compileFilter(), Root: r.descriptor, Logger: s.log.Named("filterqueue"),
		Notify: r.notify,
	})
	if r.watch, err = d.newWatch(dir, conf); err != nil {
		return err
	}
	s.roots = []*root{r}
	if err := s.openState(); err != nil {
		s.log.Warn("no status: there is no place for its socket", zap.Error(err))
	}
	d.current.Store(s)
	defer s.close()
	return s.runModule(ctx, r)
}

func (s *site) runModule(ctx context.Context, r *root) error {
	r.watch.serve(r)
	watching, endWatch := context.WithCancel(ctx)
	r.watch.start(watching)
	defer r.watch.stop()
	defer endWatch()
	group, ctx := errgroup.WithContext(ctx)
	s.runPlugins(ctx, group)
	if s.stateDir != "" {
		group.Go(func() error { return s.newPage().Run(ctx) })
	}
	group.Go(func() error { return r.watchFailure(ctx) })
	group.Go(func() error { return r.queue.Run(ctx) })
	group.Go(func() error { return r.scan(ctx) })
	group.Go(func() error { return s.daemon.ticks.run(ctx) })
	group.Go(func() error {
		select {
		case <-r.watched:
		case <-ctx.Done():
			return nil
		}
		if err := s.daemon.writePIDFile(s.conf); err != nil {
			return err
		}
		if err := s.daemon.child.Ready(); err != nil {
			return err
		}
		s.daemon.ready()
		return nil
	})
	return group.Wait()
}

// moduleWatch is the directory that a plugin alone watches: its own, or for
// command that of the sync.
func moduleWatch(conf confxml.Config, own string) (string, error) {
	if own != "" {
		return own, nil
	}
	if len(conf.LocalPaths) > 0 && conf.LocalPaths[0].Watch != "" {
		return conf.LocalPaths[0].Watch, nil
	}
	return "", errors.New("no directory to watch: add <localpath watch=\"...\"> to the plugin or to <sersync>")
}

// socketBanner prints 2.5.4's line about where the paths go.
func (s *site) socketBanner(watch string) {
	for _, p := range s.conf.Plugins {
		if p.Name == "socket" {
			s.daemon.banner.SocketPlugin(watch, p.Attributes["deshost/ip"].Value, p.Attributes["deshost/port"].Value)
			return
		}
	}
}
