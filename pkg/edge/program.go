package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/edge/edgestatus"
	"github.com/sersync/sersync/pkg/edge/edgexml"
	"github.com/sersync/sersync/pkg/logging"
)

// defaultConfig is where the packages put the configuration.
const defaultConfig = "/etc/sersync-edge/edge.xml"

// The exit statuses.
const (
	exitOK     = 0
	exitFailed = 1   // a command line or start that cannot work, or a failed check
	exitConfig = 255 // the configuration cannot be used: another start would not help
)

// Program is one invocation of the binary.
type Program struct {
	Argv           []string
	Stdout, Stderr *os.File
}

// options are the command line.
type options struct {
	config string
	check  check
	status ask
	text   text
	flags  *pflag.FlagSet
}

// check is a check of the configuration, and whether it tries what that names.
type check struct{ on, connect bool }

// ask is a question to a running edge, and the form of the answer.
type ask struct{ on, asJSON bool }

// text are the options that only print something.
type text struct{ version, help bool }

func parse(argv []string) (options, error) {
	var o options
	f := pflag.NewFlagSet("sersync-edge", pflag.ContinueOnError)
	f.SortFlags = false
	f.Usage = func() {}
	f.StringVarP(&o.config, "config", "o", defaultConfig, "the configuration `FILE`")
	f.BoolVar(&o.check.on, "check", false, "check the configuration and end")
	f.BoolVar(&o.check.connect, "connect", false, "with --check: try the hub, the upstreams and the directories")
	f.BoolVar(&o.status.on, "status", false, "show the state of the running edge; exit status 0: in sync, 1: working, 2: trouble")
	f.BoolVar(&o.status.asJSON, "json", false, "with --status: as JSON")
	f.BoolVar(&o.text.version, "version", false, "show the version and end")
	f.BoolVarP(&o.text.help, "help", "h", false, "show this text and end")
	o.flags = f
	if err := f.Parse(argv[1:]); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("%q is no option; the configuration is named with -o FILE", f.Arg(0))
	case o.check.connect && !o.check.on:
		return o, errors.New("--connect goes with --check")
	case o.status.asJSON && !o.status.on:
		return o, errors.New("--json goes with --status")
	}
	return o, nil
}

// Main runs the program and returns its exit status.
func (p Program) Main() int {
	o, err := parse(p.Argv)
	switch {
	case err != nil:
		return p.fail(exitFailed, fmt.Errorf("%w; sersync-edge --help shows the options", err))
	case o.text.help:
		_, _ = fmt.Fprintf(p.Stdout, "sersync-edge keeps directories equal to the trees of a stream.\n\nUsage: sersync-edge [-o FILE] [--check [--connect] | --status [--json]]\n\n%s", o.flags.FlagUsages())
		return exitOK
	case o.text.version:
		_, _ = fmt.Fprintln(p.Stdout, strings.Replace(cli.VersionLine(), "sersync ", "sersync-edge ", 1))
		return exitOK
	}
	conf, problems, err := edgexml.Load(o.config)
	if err != nil {
		return p.fail(exitConfig, err)
	}
	problems = append(problems, pluginProblems(conf)...)
	for _, one := range problems {
		text := one.String()
		if cli.Chinese(os.Getenv) {
			text = one.Chinese()
		}
		_, _ = fmt.Fprintln(p.Stderr, text)
	}
	if len(problems.Fatal()) > 0 {
		return exitConfig
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	switch {
	case o.status.on:
		return p.status(ctx, conf, o.status.asJSON)
	case o.check.on:
		return p.check(ctx, conf, o.check.connect, len(problems))
	}
	return p.run(ctx, conf)
}

func (p Program) fail(status int, err error) int {
	_, _ = fmt.Fprintln(p.Stderr, "sersync-edge:", inWords(err))
	return status
}

func (p Program) status(ctx context.Context, conf edgexml.Config, asJSON bool) int {
	if conf.Status.Socket == "" {
		return p.fail(exitFailed, errors.New("there is no socket to ask; name one in <status socket>"))
	}
	s, err := edgestatus.Get(ctx, conf.Status.Socket)
	if err != nil {
		return p.fail(2, err)
	}
	if asJSON {
		err = json.NewEncoder(p.Stdout).Encode(s)
	} else {
		err = s.Text(p.Stdout, cli.Chinese(os.Getenv))
	}
	if err != nil {
		return p.fail(exitFailed, err)
	}
	return s.Level()
}

func (p Program) run(ctx context.Context, conf edgexml.Config) int {
	logs, err := logging.Open(conf.Log, false, p.Stderr)
	if err != nil {
		return p.fail(exitConfig, fmt.Errorf("%s: <log>: %w", conf.File, err))
	}
	defer func() { _ = logs.Close() }()
	if err := Run(ctx, conf, logs.Logger()); err != nil {
		return p.fail(exitFailed, err)
	}
	return exitOK
}
