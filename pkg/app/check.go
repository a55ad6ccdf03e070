package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sersync/sersync/pkg/busyhours"
	"github.com/sersync/sersync/pkg/checkreport"
	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/laneconf"
	"github.com/sersync/sersync/pkg/notify"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/registry"
	"github.com/sersync/sersync/pkg/safefile"
	"github.com/sersync/sersync/pkg/shellwords"
	"github.com/sersync/sersync/pkg/stream/dial"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
	publish "github.com/sersync/sersync/pkg/transport/stream"
	"github.com/sersync/sersync/pkg/watchers"
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

// problems are all that is wrong with a configuration for a sync, or for a plugin
// alone.
func problems(conf confxml.Config, sync bool) []confxml.Problem {
	all := conf.Problems()
	if !sync {
		all = append(append([]confxml.Problem{}, conf.Warnings...), conf.CheckFile()...)
	}
	var filter *filterqueue.Filter
	var invalid []filterqueue.Problem
	if conf.Filter.On {
		filter, invalid = filterqueue.Compile(conf.Filter.Exclude)
	}
	for _, p := range invalid {
		all = append(all, confxml.Problem{
			File: conf.File, Line: p.Expression.Line, Element: "filter/exclude@expression", Message: p.Cause(),
			Remedy: "correct or remove it", Severity: confxml.Fault,
		})
	}
	if sync {
		all = append(all, leftOut(conf, filter)...)
		all = append(all, unnotified(conf)...)
		all = append(all, unsecured(conf)...)
		all = append(all, unkeyed(conf)...)
		all = append(all, unwatchable(conf, all)...)
	}
	return all
}

// unwatchable is what keeps localpaths from being watched by the back end that they ask for. A
// directory that has a problem among said already is not looked at.
func unwatchable(conf confxml.Config, said []confxml.Problem) (all []confxml.Problem) {
	for _, local := range conf.LocalPaths {
		if slices.ContainsFunc(said, func(p confxml.Problem) bool {
			return p.Line == local.Line && p.Severity >= confxml.Refusal && strings.HasPrefix(p.Element, "sersync/localpath")
		}) {
			continue
		}
		if why := watchers.Unable(local, conf.Inotify); why != nil {
			all = append(all, confxml.Problem{
				File: conf.File, Line: local.Line, Element: "sersync/localpath@backend", Message: why.Cause, Remedy: why.Remedy, Severity: confxml.Refusal,
			})
		}
	}
	return all
}

// unsecured is what keeps the connection to a remote from being secured as tls= asks
// for; nothing is connected.
func unsecured(conf confxml.Config) (all []confxml.Problem) {
	for _, local := range conf.LocalPaths {
		for _, r := range local.Remotes {
			if r.TLS == nil {
				continue
			}
			p := confxml.Problem{File: conf.File, Line: r.Line, Element: "sersync/localpath/remote@tls"}
			l, err := laneconf.Of(conf, local, local.Watch, r)
			switch {
			case errors.Is(err, laneconf.ErrShell):
				p.Message, p.Remedy, p.Severity = laneconf.ErrShell.Error(), "remove one of them", confxml.Refusal
			case err == nil && l.Target.TLS != nil:
				if _, err = l.Target.TLS.Config(); err == nil {
					continue
				}
				p.Message, p.Remedy = l.Target.Explain(err.Error())
				p.Severity = confxml.Fault
			default:
				continue // another check reports it
			}
			all = append(all, p)
		}
	}
	return all
}

// unusable is why a file cannot be used, without its name.
func unusable(err error) string {
	var untrusted *safefile.UntrustedError
	var system syscall.Errno
	switch {
	case errors.As(err, &untrusted):
		return untrusted.Reason
	case errors.As(err, &system):
		return system.Error()
	}
	for _, known := range []error{dial.ErrKey, dial.ErrCA} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return err.Error()
}

// unkeyed is what keeps a stream from being published: an address that cannot be read, files that
// cannot be used. It connects to nothing.
func unkeyed(conf confxml.Config) (all []confxml.Problem) {
	for _, local := range conf.LocalPaths {
		for _, to := range local.Streams {
			way := laneconf.Way(to)
			if _, err := way.Servers(); err != nil {
				all = append(all, confxml.Problem{
					File: conf.File, Line: to.Line, Element: "sersync/localpath/stream@url", Severity: confxml.Fault,
					Message: fmt.Sprintf("%q is no address of NATS servers", to.URL),
					Remedy:  "write nats://HOST:PORT or tls://HOST:PORT, several with commas between them",
				})
			}
			if to.Creds == "" {
				continue // the reader has said so
			}
			key := way
			key.CA = ""
			p := confxml.Problem{File: conf.File, Line: to.Line, Element: "sersync/localpath/stream@creds", Severity: confxml.Fault}
			file, err := way.Creds, key.Check()
			if err == nil {
				p.Element = "sersync/localpath/stream@ca"
				file, err = way.CA, way.Check()
			}
			if err == nil {
				continue
			}
			reason, remedy := publish.Explain(err)
			p.Message, p.Remedy = fmt.Sprintf("%s: %s (%s)", file, reason, unusable(err)), remedy
			all = append(all, p)
		}
	}
	return all
}

// unnotified is what keeps a <notify> from working; nothing is connected.
func unnotified(conf confxml.Config) []confxml.Problem {
	dir, err := os.Getwd()
	if err != nil {
		return nil // a start reports that
	}
	var all []confxml.Problem
	for _, n := range conf.Notify {
		receiver, problems := notify.NewReceiver(n, conf.File, dir)
		if receiver != nil {
			receiver.Close()
		}
		all = append(all, problems...)
	}
	return all
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

func (c *checker) pluginProblem(e *plugins.ConfigError, severity confxml.Severity) {
	element := "plugin " + e.Plugin
	if e.Element != "" {
		element += ": " + e.Element
	}
	message, remedy, _ := strings.Cut(e.Message, "; ")
	c.say(confxml.Problem{File: e.File, Line: e.Line, Element: element, Message: message, Remedy: remedy, Severity: severity})
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

func (c *checker) local(ctx context.Context, local confxml.LocalPath) {
	by := watchers.Choose(ctx, local, local.Watch, c.conf.Inotify)
	l := checkreport.LocalPath{Watch: local.Watch, Backend: by.Backend, Chosen: by.Why, Events: switches(c.conf.Inotify), DotFiles: local.DotFiles}
	for _, r := range local.Remotes {
		if lane, err := laneconf.Of(c.conf, local, local.Watch, r); err == nil { // else CheckHost has said why not
			c.notes(r, lane.Target)
			c.refused(r, lane.Target)
			described := c.lane(lane.Target)
			described.Busy = busy(r.Busy)
			l.Lanes = append(l.Lanes, described)
		}
	}
	for _, to := range local.Streams {
		l.Lanes = append(l.Lanes, checkreport.Lane{Remote: publish.Remote(to.Name), Stream: &checkreport.Stream{
			Hub: to.URL, KeepHours: int(to.Keep.Hours()), SizeMiB: to.Size >> 20, Replicas: to.Replicas,
		}})
	}
	c.report.LocalPaths = append(c.report.LocalPaths, l)
}

func (c *checker) notes(r confxml.Remote, t rsync.Target) {
	if r.SSH && r.Port != 0 && !r.OwnPort {
		c.note(r.Line, "sersync/rsync/userDefinedPort@port", "userDefinedPort has no effect over ssh", "port= of <remote> is ssh's port")
	}
	if t.Params.Rules.Opaque {
		c.note(r.ParamsLine, "sersync/rsync/commonParams@params", "some of the filter rules can only be evaluated by rsync: those in files of the tree (-F, dir-merge, .cvsignore) hold in full syncs only, the others not for single files of an excluded directory",
			"--exclude, --exclude-from and <filter> hold everywhere")
	}
}

// refused reports what the remote itself, and the rsync on this host, object to, unless an error of
// the file explains it already.
func (c *checker) refused(r confxml.Remote, t rsync.Target) {
	if a := c.said[remoteKey(t)]; a.trouble != "" && !c.wrong(r.Line, "sersync/localpath/remote") {
		c.say(confxml.Problem{File: c.conf.File, Line: r.Line, Element: "sersync/localpath/remote", Message: t.Dest() + ": " + a.trouble, Remedy: a.remedy, Severity: confxml.Warning})
	}
	p := confxml.Problem{File: c.conf.File, Line: r.ParamsLine, Element: "sersync/rsync/commonParams@params", Remedy: "correct params=", Severity: confxml.Fault}
	if r.OwnParams {
		p.Element = "sersync/localpath/remote@params"
	}
	if c.wrong(p.Line, p.Element) || c.wrong(r.Line, "sersync/localpath/remote") {
		return
	}
	if cause := refusedHere(c.conf.Rsync.Program, t); cause != "" {
		p.Message = "rsync sends nothing with these parameters: " + cause
		c.say(p)
	}
}

// wrong tells whether the file has an error in an element, or its attributes.
func (c *checker) wrong(line int, element string) bool {
	return slices.ContainsFunc(c.report.Problems, func(p confxml.Problem) bool {
		return p.Line == line && p.Severity >= confxml.Fault && strings.HasPrefix(p.Element, element)
	})
}

// lane shows the commands of one lane, as they would be run in the watch root.
func (c *checker) lane(t rsync.Target) checkreport.Lane {
	lane := checkreport.Lane{Remote: t.Dest(), Release: c.said[remoteKey(t)].release}
	run := rsync.Run{Batch: transport.Batch{MayDelete: c.conf.Inotify.Delete}, Target: t}
	show := func(purpose string, kind transport.Kind) {
		run.Kind = kind
		argv := append([]string{c.conf.Rsync.Program}, run.Args()...)
		lane.Commands = append(lane.Commands, checkreport.Command{Purpose: purpose, Argv: argv, Line: shellwords.Command(argv)})
	}
	show("changes", transport.Send)
	show("directories", transport.Tree)
	if c.conf.Inotify.Delete {
		show("deletions", transport.Delete)
	}
	show("full sync", transport.Full)
	if in := c.conf.Inotify; in.Delete && in.MoveFrom && in.MoveTo {
		if lane.Moved = t.AgainstReuse(); lane.Moved == "" && len(c.report.Excludes) > 0 {
			lane.Moved = "<filter>"
		}
	}
	return lane
}

// busy says at which hours which limits hold.
func busy(s busyhours.Schedule) (all []checkreport.Busy) {
	zone := time.Now().Format("MST")
	for _, h := range s {
		b := checkreport.Busy{Hours: fmt.Sprintf("%s %s %s", h.Span, h.Days, zone)}
		switch {
		case h.Full.Wait:
			b.Rules = append(b.Rules, "full syncs wait")
		case h.Full.BWLimit > 0:
			b.Rules = append(b.Rules, fmt.Sprintf("full syncs send at most %d KiB per second", h.Full.BWLimit))
		}
		switch {
		case h.Large.Wait:
			b.Rules = append(b.Rules, fmt.Sprintf("files of %d MiB and more wait", h.Size>>20))
		case h.Large.BWLimit > 0:
			b.Rules = append(b.Rules, fmt.Sprintf("files of %d MiB and more are sent at no more than %d KiB per second", h.Size>>20, h.Large.BWLimit))
		}
		if b.Rules == nil {
			b.Rules = []string{"no limit, as at other hours"}
		}
		all = append(all, b)
	}
	return all
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
	return on
}

// when says how often something runs.
func when(interval time.Duration, spec string) string {
	if spec != "" {
		return "at " + spec
	}
	return fmt.Sprintf("every %d minutes", int(interval.Minutes()))
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
		Warn: func(e *plugins.ConfigError) { c.pluginProblem(e, confxml.Warning) },
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
	} else if w := plugins.Unrelated(c.conf, conf.Watch); w != "" {
		c.pluginProblem(&plugins.ConfigError{File: c.conf.File, Line: conf.Line, Plugin: ref.Name, Element: "localpath@watch", Message: w}, confxml.Warning)
	}
	c.report.Plugins = append(c.report.Plugins, ref.Name)
}

// pluginWatch shows what a plugin alone would watch.
func (c *checker) pluginWatch(conf confxml.Plugin) {
	watch, err := plugins.WatchAlone(c.conf, conf.Watch)
	if err == nil {
		_, err = laneconf.Dir(watch)
	}
	if err != nil {
		c.fail(&plugins.ConfigError{File: c.conf.File, Line: conf.Line, Plugin: conf.Name, Message: fmt.Sprintf("%v; create the directory or correct watch=", err)})
		return
	}
	c.report.Watch = watch
}
