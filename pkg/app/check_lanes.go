package app

import (
	"context"
	"fmt"
	"time"

	"github.com/sersync/sersync/pkg/busyhours"
	"github.com/sersync/sersync/pkg/checkreport"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/laneconf"
	"github.com/sersync/sersync/pkg/shellwords"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
	publish "github.com/sersync/sersync/pkg/transport/stream"
	"github.com/sersync/sersync/pkg/watchers"
)

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
		lane.Moved = t.AgainstReuse()
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
