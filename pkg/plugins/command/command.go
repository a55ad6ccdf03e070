// Package command is the plugin that runs a program for each path.
//
// As in 2.5.4, the program gets the words of prefix, the path (WATCH + "/" +
// name), and the words of suffix, runs in the start directory, and is told
// nothing about the kind of change. Unlike there, no shell sees the path:
// prefix and suffix are split into words as a shell would (quotes and $VAR
// work), and the path is one argument whatever its bytes are.
//
// <filter><include expression> keeps the command to paths that match wholly.
// Optional attributes of <param> change the rest: paths (args or stdin: many
// paths per run), separator, batch, env, concurrency, timeout, retry, tries;
// docs/plugins.md explains them.
package command

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/logging"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/expression"
	"github.com/sersync/sersync/pkg/runcommand"
)

// Name is the plugin's name in the configuration.
const Name = "command"

const (
	// defaultTimeout ends a command that never does; 2.5.4 would have lost a
	// worker thread for ever.
	defaultTimeout = 10 * time.Minute
	// workers is how many commands run at a time after syncs, as many as 2.5.4
	// has worker threads by default. With -m it runs one after the other.
	workers      = 10
	defaultBatch = 100
	// maxBatch paths of 4 KiB stay below the kernel's limit for arguments
	// (execve(2): 2 MiB with the default stack).
	maxBatch = 256
)

// runner is the plugin.
type runner struct {
	troubles *logging.Repeat

	// Immutable after New.
	before, after []string // words of prefix and suffix
	paths         string   // each, args, stdin
	separator     byte
	env           []string
	withEnv       bool
	filter        []*expression.Expression
	filtered      bool
	batch         int
	parallel      int
	retry         bool
	tries         int // 0: no limit

	commands *runcommand.Runner
}

// New returns the plugin that conf describes. It starts nothing.
func New(conf confxml.Plugin, deps plugins.Deps) (plugins.Plugin, error) {
	s := plugins.NewSettings(conf, deps)
	p := &runner{
		troubles: logging.NewRepeat(deps.Logger().Named("plugin").With(zap.String("plugin", Name))),
		paths:    s.Choice("param/paths", "each", "args", "stdin"),
		env:      runcommand.Environment(os.Environ()),
		withEnv:  s.Bool("param/env", false),
		commands: &runcommand.Runner{
			Dir: deps.Dir, Timeout: s.Duration("param/timeout", defaultTimeout),
		},
		retry: s.Bool("param/retry", false),
		tries: s.Int("param/tries", 0, 1, 1_000_000),
	}
	p.before = words(s, "param/prefix", s.Required("param/prefix", "/opt/tongbu/mmm.sh"))
	p.after = words(s, "param/suffix", s.Text("param/suffix", ""))
	if len(p.before) == 0 && s.Has("param/prefix") {
		s.Fail("param/prefix", `holds no word; write for example prefix="/opt/tongbu/mmm.sh"`)
	}
	if s.Choice("param/separator", "nul", "newline") == "newline" {
		p.separator = '\n'
	}
	p.batch = 1
	if p.paths != "each" {
		p.batch = s.Int("param/batch", defaultBatch, 1, maxBatch)
	}
	p.parallel = workers
	if deps.Alone {
		p.parallel = 1
	}
	p.parallel = s.Int("param/concurrency", p.parallel, 1, 256)
	if !s.Bool("param/ignoreerror", false) {
		var mu sync.Mutex
		p.commands.Stdout, p.commands.Stderr = lock(&mu, deps.Stdout), lock(&mu, deps.Stderr)
	}
	p.readFilter(s, conf)
	if err := s.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *runner) readFilter(s *plugins.Settings, conf confxml.Plugin) {
	if !conf.FilterOn {
		return
	}
	p.filtered = true
	for _, inc := range conf.Include {
		e, err := expression.Compile(inc.Text)
		if err != nil {
			s.FailAt(inc.Line, "include@expression",
				fmt.Sprintf("%q is not a regular expression: %v; correct it, or write filter start=\"false\"", inc.Text, err),
				"plugin command regular expression error", "error information is:\t"+err.Error())
			continue
		}
		p.filter = append(p.filter, e)
	}
}

// Name is "command".
func (p *runner) Name() string { return Name }

// Limits follows the attributes.
func (p *runner) Limits() plugins.Limits {
	return plugins.Limits{Batch: p.batch, Parallel: p.parallel, Timeout: p.commands.Timeout + runcommand.Slack + 10*time.Second}
}

// Close ends the thread that starts commands. No command runs any more.
func (p *runner) Close() error {
	p.commands.Close()
	return nil
}

// words splits the value of an attribute as a shell splits a command line.
func words(s *plugins.Settings, key, text string) []string {
	fields, err := runcommand.Split(text, os.Getenv)
	if err != nil {
		s.Fail(key, fmt.Sprintf("%q: %v", text, err))
	}
	return fields
}

// locked serialises the output of commands that run at a time.
type locked struct {
	mu *sync.Mutex
	to io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(b)
}

func lock(mu *sync.Mutex, w io.Writer) io.Writer {
	if w == nil {
		return nil
	}
	return &locked{mu: mu, to: w}
}
