package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/checkreport"
	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/words"
)

// check is --check: it reads and validates the file, prints what would be
// watched, filtered and run, per lane, asks the remotes which rsync they have, and
// starts nothing.
func (p Program) check(opts cli.Options) int {
	conf, err := confxml.Load(opts.Config)
	var parse *confxml.ParseError
	if errors.As(err, &parse) {
		return p.unreadable(opts, parse)
	}
	if opts.Module != "" {
		conf.PluginRefs = []confxml.PluginRef{{Name: opts.Module}}
	}
	var said answers
	if opts.Module == "" && !opts.Connect {
		said = askRemotes(context.Background(), conf)
	}
	report := check(context.Background(), conf, opts.Module == "", said)
	if cli.Chinese(p.Getenv) {
		report.Say = inChinese
	}
	if opts.Connect {
		ctx, stop := signals(nil)
		tried, err := connect(ctx, conf, cli.Chinese(p.Getenv))
		stop()
		if err != nil {
			return p.fail(nil, err)
		}
		report.Tried = tried
	}
	write := report.WriteText
	if opts.JSON {
		write = report.WriteJSON
	}
	if err := write(p.Stdout); err != nil || !report.OK() {
		return 1
	}
	return 0
}

// unreadable reports a file that is no configuration.
func (p Program) unreadable(opts cli.Options, parse *confxml.ParseError) int {
	if opts.JSON {
		_ = checkreport.Report{File: opts.Config, Problems: []confxml.Problem{parse.Problem()}}.WriteJSON(p.Stdout)
		return 1
	}
	_, _ = io.WriteString(p.Stdout, parse.Report())
	if cli.Chinese(p.Getenv) {
		_, _ = fmt.Fprintln(p.Stderr, "sersync:", parse.Problem().In(inChinese))
	} else {
		_, _ = fmt.Fprintln(p.Stderr, "sersync:", parse)
	}
	return 1
}

// inChinese translates a sentence of --check into Chinese. A name before the cause stays as it is.
func inChinese(s string) string {
	if said := words.Chinese(s); said != s {
		return said
	}
	head, cause, named := strings.Cut(s, ": ")
	if !named {
		return s
	}
	return head + ": " + words.Chinese(cause)
}

// check describes what a configuration would do and what is wrong with it. Without sync the
// configuration is for plugins that run alone (-m).
func check(ctx context.Context, conf confxml.Config, sync bool, said answers) checkreport.Report {
	c := checker{conf: conf, alone: !sync, said: said}
	c.report.File = conf.File
	c.say(problems(conf, sync)...)
	c.filter()
	if sync {
		for _, local := range conf.LocalPaths {
			c.local(ctx, local)
		}
		if t := conf.Crontab; t.On {
			c.report.Crontab = when(t.Interval, t.Cron)
		}
		if v := conf.Verify; v.On {
			c.report.Verify = when(v.Interval, v.Cron)
			if v.Repair {
				c.report.Verify += ", and repair what differs"
			}
		}
	}
	for _, ref := range conf.PluginRefs {
		c.plugin(ref)
	}
	return c.report
}

type checker struct {
	conf   confxml.Config
	report checkreport.Report
	alone  bool // a plugin without a sync (-m)
	said   answers
}

func (c *checker) say(problems ...confxml.Problem) {
	c.report.Problems = append(c.report.Problems, problems...)
}

// note reports what is worth knowing; what several remotes share is reported once.
func (c *checker) note(line int, element, message, remedy string) {
	p := confxml.Problem{File: c.conf.File, Line: line, Element: element, Message: message, Remedy: remedy}
	if !slices.Contains(c.report.Problems, p) {
		c.say(p)
	}
}

// fail reports an error that ends a start. An error may join several.
func (c *checker) fail(err error) {
	var plugin *plugins.ConfigError
	joined, several := err.(interface{ Unwrap() []error })
	switch {
	case several:
		for _, e := range joined.Unwrap() {
			c.fail(e)
		}
	case errors.As(err, &plugin):
		c.pluginProblem(plugin, confxml.Refusal)
	default:
		c.say(confxml.Problem{File: c.conf.File, Message: err.Error(), Severity: confxml.Refusal})
	}
}

func (c *checker) filter() {
	if !c.conf.Filter.On {
		return
	}
	_, invalid := filterqueue.Compile(c.conf.Filter.Exclude)
	bad := map[confxml.Expression]bool{}
	for _, p := range invalid {
		bad[p.Expression] = true
	}
	for _, e := range c.conf.Filter.Exclude {
		if !bad[e] {
			c.report.Excludes = append(c.report.Excludes, e.Text)
		}
	}
}

// wrong tells whether the file has an error in an element, or its attributes.
func (c *checker) wrong(line int, element string) bool {
	return slices.ContainsFunc(c.report.Problems, func(p confxml.Problem) bool {
		return p.Line == line && p.Severity >= confxml.Fault && strings.HasPrefix(p.Element, element)
	})
}

// when says how often something runs.
func when(interval time.Duration, spec string) string {
	if spec != "" {
		return "at " + spec
	}
	return fmt.Sprintf("every %d minutes", int(interval.Minutes()))
}
