package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/registry"
	"github.com/sersync/sersync/pkg/rsync"
)

// check is --check: it reads and validates the file, prints what would be
// watched, filtered and run, per lane, and starts nothing.
func (p Program) check(opts cli.Options) int {
	conf, err := confxml.Load(opts.Config)
	var parse *confxml.ParseError
	if errors.As(err, &parse) {
		_, _ = io.WriteString(p.Stdout, parse.Report())
		_, _ = fmt.Fprintln(p.Stderr, "sersync:", err)
		return 1
	}
	if opts.Module != "" {
		conf.PluginRefs = []confxml.PluginRef{{Name: opts.Module}}
	}
	text, ok := Check(conf, opts.Module == "")
	_, _ = io.WriteString(p.Stdout, text)
	if !ok {
		return 1
	}
	return 0
}

// Check describes what a configuration would do and what is wrong with it; ok
// is false when it could not start, or would not do what it says. Without sync
// its plugins run alone.
func Check(conf confxml.Config, sync bool) (text string, ok bool) {
	c := checker{conf: conf, ok: true, alone: !sync}
	if sync {
		c.problems()
	} else {
		c.say(conf.CheckFile())
	}
	c.filter()
	if sync {
		for _, local := range conf.LocalPaths {
			c.local(local)
		}
		c.crontab()
	}
	for _, ref := range conf.PluginRefs {
		c.plugin(ref)
	}
	if c.ok {
		c.line("ok")
	} else {
		c.line("not usable as it is: see the errors above")
	}
	return c.b.String(), c.ok
}

type checker struct {
	conf  confxml.Config
	b     bytes.Buffer
	ok    bool
	alone bool // a plugin without a sync (-m)
}

func (c *checker) line(format string, args ...any) {
	fmt.Fprintf(&c.b, format+"\n", args...)
}

func (c *checker) fail(err error) {
	c.ok = false
	for line := range strings.SplitSeq(err.Error(), "\n") {
		c.line("error: %s", line)
	}
}

// problems lists everything the reader and the look at this host have found.
func (c *checker) problems() {
	all := append([]confxml.Problem{}, c.conf.Warnings...)
	var invalid *confxml.ValidationError
	if err := c.conf.ValidateSync(); errors.As(err, &invalid) {
		all = append(all, invalid.Problems...)
	} else {
		all = append(all, c.conf.CheckHost()...)
	}
	c.say(all)
}

func (c *checker) say(problems []confxml.Problem) {
	for _, p := range problems {
		kind := "warning"
		if p.Fatal || p.CheckFatal {
			kind, c.ok = "error", false
		}
		c.line("%s: %s", kind, p)
	}
}

func (c *checker) filter() {
	if !c.conf.Filter.On {
		return
	}
	_, problems := filterqueue.Compile(c.conf.Filter.Exclude)
	bad := map[int]bool{}
	for _, p := range problems {
		c.ok = false
		bad[p.Expression.Line] = true
		c.line("error: %s:%d: filter/exclude: %s", c.conf.File, p.Expression.Line, p.Message())
	}
	for _, e := range c.conf.Filter.Exclude {
		if !bad[e.Line] {
			c.line("exclude: %s", printable(e.Text))
		}
	}
}

func (c *checker) local(local confxml.LocalPath) {
	c.line("")
	c.line("localpath: %s", printable(local.Watch))
	c.line("  events: %s", strings.Join(switches(c.conf.Inotify), " "))
	if local.DotFiles {
		c.line("  files beginning with a dot: synced")
	}
	for _, r := range local.Remotes {
		c.lane(local, r)
	}
}

// lane shows the commands of one lane, as they would be run in the watch root.
func (c *checker) lane(local confxml.LocalPath, r confxml.Remote) {
	t, err := target(c.conf.File, r)
	if err != nil {
		c.fail(err)
		return
	}
	c.line("  lane: %s", printable(t.Dest()))
	if r.SSH && r.Port != 0 && !r.OwnPort {
		c.line("    note: userDefinedPort has no effect over ssh; port= of <remote> is ssh's port")
	}
	if t.Params.Rules.Opaque {
		c.line("    note: some of the filter rules in commonParams can only be evaluated by rsync: those in files of the tree (-F, dir-merge, .cvsignore) hold in full syncs only, the others not for single files of an excluded directory; --exclude, --exclude-from and <filter> hold everywhere")
	}
	run := rsync.Run{Target: t, MayDelete: c.conf.Inotify.Delete}
	show := func(what string, kind rsync.Kind) {
		run.Kind = kind
		c.line("    %-12s %s", what+":", printable(rsync.Quote(append([]string{c.conf.Rsync.Program}, run.Args()...))))
	}
	show("changes", rsync.Send)
	show("directories", rsync.Tree)
	if c.conf.Inotify.Delete {
		show("deletions", rsync.Delete)
	}
	show("full sync", rsync.Full)
}

func switches(s confxml.Switches) []string {
	var on []string
	for _, x := range []struct {
		name string
		on   bool
	}{
		{"delete", s.Delete}, {"createFolder", s.CreateFolder}, {"createFile", s.CreateFile}, {"closeWrite", s.CloseWrite},
		{"moveFrom", s.MoveFrom}, {"moveTo", s.MoveTo}, {"attrib", s.Attrib}, {"modify", s.Modify},
	} {
		if x.on {
			on = append(on, x.name)
		}
	}
	if len(on) == 0 {
		on = []string{"none"}
	}
	return on
}

func (c *checker) crontab() {
	if c.conf.Crontab.On {
		when := fmt.Sprintf("every %d minutes", int(c.conf.Crontab.Interval.Minutes()))
		if c.conf.Crontab.Cron != "" {
			when = "at " + c.conf.Crontab.Cron
		}
		c.line("")
		c.line("crontab: full sync %s", when)
	}
}

// plugin makes the plugin as a start would; nothing is connected.
func (c *checker) plugin(ref confxml.PluginRef) {
	dir, err := os.Getwd()
	if err != nil {
		c.fail(err)
		return
	}
	deps := plugins.Deps{
		File: c.conf.File, Dir: dir, Alone: c.alone,
		Warn: func(e *plugins.ConfigError) { c.line("warning: %s", e) },
	}
	conf, err := registry.Find(ref.Name, ref.Line, c.conf.Plugins, deps)
	if err == nil {
		_, err = registry.New(conf, deps)
	}
	if err != nil {
		c.fail(err)
		return
	}
	if c.alone {
		c.pluginWatch(conf)
	} else if w := unrelated(c.conf, conf.Watch); w != "" {
		c.line("warning: %s:%d: plugin %s: localpath@watch: %s", c.conf.File, conf.Line, ref.Name, w)
	}
	c.line("plugin: %s", printable(ref.Name))
}

// pluginWatch shows what a plugin alone would watch.
func (c *checker) pluginWatch(conf confxml.Plugin) {
	watch, err := moduleWatch(c.conf, conf.Watch)
	if err == nil {
		_, err = resolve(watch)
	}
	if err != nil {
		c.fail(fmt.Errorf("%s:%d: plugin %s: %w; create the directory or correct watch=", c.conf.File, conf.Line, conf.Name, err))
		return
	}
	c.line("watch: %s", printable(watch))
}
