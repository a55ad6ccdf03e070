// Package app is one invocation of the program, from its command line to its exit
// status: the sync, a check of the configuration, or a request to a sync that runs.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"sync"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/daemon"
	"github.com/sersync/sersync/pkg/daemonize"
	"github.com/sersync/sersync/pkg/logging"
	"github.com/sersync/sersync/pkg/pid1"
	"github.com/sersync/sersync/pkg/plugins"
)

// Program is one invocation of the binary: Main reads its command line and
// does what it asks for.
type Program struct {
	Argv           []string
	Stdout, Stderr *os.File
	Getenv         func(string) string

	contained bool // below the first process of a container
}

// Main runs the program and returns its exit status: 0; 1 for a command line,
// configuration or start that cannot work; 255 for a file that is no
// configuration (2.5.4).
func (p Program) Main() int {
	if pid1.Needed() {
		return pid1.Run(p.Argv, p.Stderr)
	}
	p.contained = pid1.Attach()
	child, err := daemonize.Attach()
	if err != nil {
		_, _ = fmt.Fprintln(p.Stderr, "sersync:", err)
		return 1
	}
	opts, err := cli.Parse(p.Argv)
	if p.contained && opts.Daemon {
		opts.Daemon = false
		_, _ = fmt.Fprintln(p.Stderr, "sersync: -d: it stays in the foreground, because the container would end when it returns; leave -d out")
	}
	banner := cli.Banner{Out: p.Stdout, Err: p.Stderr}
	var usage *cli.UsageError
	if errors.As(err, &usage) {
		banner.System(nil)
		banner.Options(opts)
		banner.UsageError(usage)
		return 1
	}
	if opts.Action == cli.Init {
		opts.InitConfig(os.Geteuid() == 0)
		return p.initialise(opts)
	}
	if opts.Action != cli.ShortHelp { // 2.5.4 does not look for a file there
		opts.FindConfig(exists)
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

// exists reports whether something has this name, readable or not.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
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
	ctx, stop := signals(child)
	defer stop()
	hangups, endHangups := p.hangups(opts, child)
	defer endHangups()
	d := daemon.New(daemon.Options{
		Command: opts, Child: child, Banner: banner, Logging: logs, Env: env, Proxied: proxied(),
		Read: func() (confxml.Config, error) { return read(opts.Config) }, Hangups: hangups,
	})
	if opts.Module != "" {
		err = d.RunModule(ctx, conf)
	} else {
		err = d.Run(ctx, conf)
	}
	if err != nil {
		console(p, err)
		return p.fail(child, err)
	}
	return 0
}

// load reads and checks the configuration. The daemon's half of -d does not repeat the warnings
// that the foreground half has printed.
func (p Program) load(opts cli.Options, child *daemonize.Child) (confxml.Config, int) {
	var conf confxml.Config
	var err error
	if opts.Module == "" {
		conf, err = read(opts.Config)
	} else if conf, err = confxml.Load(opts.Config); err == nil {
		conf.Warnings = problems(conf, false)
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

// read reads the configuration for a sync, with all its problems among the warnings; the error
// names the problems that must keep the sync from starting.
func read(file string) (confxml.Config, error) {
	conf, err := confxml.Load(file)
	if err == nil {
		conf.Warnings = problems(conf, true)
		err = confxml.Fatal(conf.Warnings)
	}
	return conf, err
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

// hangups are the SIGHUPs that ask a sync for a reload: in a daemon, under a service manager and in a
// container. Anywhere else SIGHUP ends a program in the foreground, as with 2.5.4.
func (p Program) hangups(opts cli.Options, child *daemonize.Child) (received <-chan os.Signal, end func()) {
	signals := make(chan os.Signal, 1)
	if opts.Module == "" && (child.Detached() || p.contained || p.Getenv("NOTIFY_SOCKET") != "") {
		signal.Notify(signals, unix.SIGHUP)
	}
	return signals, func() { signal.Stop(signals) }
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
					os.Exit(128 + int(sig)) //nolint:forbidigo // a second signal ends the program wherever it is
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
