package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/daemonize"
	"github.com/sersync/sersync/pkg/logging"
	"github.com/sersync/sersync/pkg/plugins"
)

// Program is one invocation of the binary: Main reads its command line and
// does what it asks for.
type Program struct {
	Argv           []string
	Stdout, Stderr *os.File
	Getenv         func(string) string
}

// Main runs the program and returns its exit status: 0; 1 for a command line,
// configuration or start that cannot work; 255 for a file that is no
// configuration (2.5.4).
func (p Program) Main() int {
	child, err := daemonize.Attach()
	if err != nil {
		_, _ = fmt.Fprintln(p.Stderr, "sersync:", err)
		return 1
	}
	opts, err := cli.Parse(p.Argv)
	banner := cli.Banner{Out: p.Stdout, Err: p.Stderr}
	var usage *cli.UsageError
	if errors.As(err, &usage) {
		banner.System(nil)
		banner.Options(opts)
		banner.UsageError(usage)
		return 1
	}
	switch opts.Action {
	case cli.ShortHelp:
		banner.System(nil)
		banner.Options(opts)
		return exit(cli.WriteShortHelp(p.Stdout))
	case cli.LongHelp:
		return exit(cli.WriteHelp(p.Stdout, opts.Program, p.Getenv))
	case cli.Version:
		_, err := fmt.Fprintln(p.Stdout, cli.VersionLine())
		return exit(err)
	case cli.Check:
		return p.check(opts)
	case cli.Sync:
		return p.sync(opts, child, banner)
	default:
		return p.control(opts)
	}
}

func exit(err error) int {
	if err != nil {
		return 1
	}
	return 0
}

// sync is the main job.
func (p Program) sync(opts cli.Options, child *daemonize.Child, banner cli.Banner) int {
	boundMemory(p.Getenv)
	if child == nil {
		banner.System(raiseLimits(zap.NewNop()))
		banner.Options(opts)
		banner.Reading(opts)
	}
	conf, status := p.load(opts, child)
	if status != 0 {
		return status
	}
	if child == nil {
		banner.Config(conf)
		if opts.Daemon {
			banner.Daemon()
			return daemonize.Start(p.Argv, p.Stderr)
		}
	}
	env := rsyncEnvironment()
	logs, err := logging.Open(conf.Log, conf.Debug, p.Stderr)
	if err != nil {
		return p.fail(child, fmt.Errorf("%s: log: %w", conf.File, err))
	}
	defer func() { _ = logs.Close() }()
	log := logs.Logger()
	warn(log, conf)
	ctx, stop := signals(child)
	defer stop()
	d := New(opts, child, banner, logs, env)
	if opts.Module != "" {
		err = d.RunModule(ctx, conf)
	} else {
		banner.Lanes(conf, opts.Threads)
		endReload := p.reloadOnHangup(ctx, d, opts, child, log)
		err = d.Run(ctx, conf)
		endReload()
	}
	if err != nil {
		console(p, err)
		return p.fail(child, err)
	}
	return 0
}

// warn logs what is odd about a configuration that is used.
func warn(log *zap.Logger, conf confxml.Config) {
	for _, w := range conf.Warnings {
		log.Warn("configuration", zap.Stringer("problem", w))
	}
}

// load reads and checks the configuration. In the daemon's half it is silent
// about what the foreground half has said already.
func (p Program) load(opts cli.Options, child *daemonize.Child) (confxml.Config, int) {
	conf, err := confxml.Load(opts.Config)
	if opts.Module != "" {
		conf.Warnings = append(conf.Warnings, conf.CheckFile()...)
	}
	if err == nil && opts.Module == "" {
		err = conf.ValidateSync()
	}
	if err == nil && opts.Module == "" {
		problems := conf.CheckHost()
		if err = confxml.Fatal(problems); err == nil {
			conf.Warnings = append(conf.Warnings, problems...)
		}
	}
	if err == nil {
		return conf, 0
	}
	var parse *confxml.ParseError
	if errors.As(err, &parse) && child == nil {
		_, _ = io.WriteString(p.Stdout, parse.Report())
	}
	p.fail(child, err)
	return conf, confxml.ExitCode(err)
}

// console prints what 2.5.4 says about a plugin that cannot be used.
func console(p Program, err error) {
	for _, line := range plugins.ConsoleLines(err) {
		_, _ = fmt.Fprintln(p.Stdout, line)
	}
}

// fail says why the program ends, to the waiting parent or on standard error.
func (p Program) fail(child *daemonize.Child, err error) int {
	text := "sersync: " + strings.ReplaceAll(err.Error(), "\n", "\nsersync: ") + "\n"
	if !child.Fail(text) {
		_, _ = io.WriteString(p.Stderr, text)
	}
	return 1
}

// signals ends the returned context at SIGTERM, and in the foreground at
// SIGINT; a second one ends the program at once.
func signals(child *daemonize.Child) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	wanted := []os.Signal{unix.SIGTERM}
	if !child.Detached() {
		wanted = append(wanted, unix.SIGINT)
	}
	received := make(chan os.Signal, 2)
	signal.Notify(received, wanted...)
	quit := make(chan struct{})
	var waiter sync.WaitGroup
	waiter.Go(func() {
		for count := 0; ; count++ {
			select {
			case s := <-received:
				if sig, ok := s.(unix.Signal); ok && count > 0 {
					os.Exit(128 + int(sig))
				}
				cancel()
			case <-quit:
				return
			}
		}
	})
	return ctx, func() {
		cancel()
		signal.Stop(received)
		close(quit)
		waiter.Wait()
	}
}

// reloadOnHangup re-reads the configuration at SIGHUP, in a daemon and under a
// service manager; in the foreground SIGHUP ends the program as it always did.
func (p Program) reloadOnHangup(ctx context.Context, d *Daemon, opts cli.Options, child *daemonize.Child, log *zap.Logger) (end func()) {
	if !child.Detached() && p.Getenv("NOTIFY_SOCKET") == "" {
		return func() {}
	}
	received := make(chan os.Signal, 1)
	signal.Notify(received, unix.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	var waiter sync.WaitGroup
	waiter.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-received:
				p.reload(ctx, d, opts, log)
			}
		}
	})
	return func() {
		signal.Stop(received)
		cancel()
		waiter.Wait()
	}
}

func (p Program) reload(ctx context.Context, d *Daemon, opts cli.Options, log *zap.Logger) {
	d.reloading()
	conf, err := confxml.Load(opts.Config)
	if err == nil {
		err = conf.ValidateSync()
	}
	if err == nil {
		problems := conf.CheckHost()
		err = confxml.Fatal(problems)
		conf.Warnings = append(conf.Warnings, problems...)
	}
	if err != nil {
		log.Error("configuration not usable, the old one stays", zap.Error(err))
		d.ready()
		return
	}
	log.Info("configuration read again")
	warn(log, conf)
	d.Reload(ctx, conf)
}
