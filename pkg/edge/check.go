package edge

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/edge/edgexml"
	"github.com/sersync/sersync/pkg/edge/fetch"
	"github.com/sersync/sersync/pkg/edge/hubclient"
	"github.com/sersync/sersync/pkg/edge/place"
	"github.com/sersync/sersync/pkg/edge/position"
	"github.com/sersync/sersync/pkg/edge/trouble"
	"github.com/sersync/sersync/pkg/runcommand"
	"github.com/sersync/sersync/pkg/words"
)

// check says whether the configuration can be used, and with connect whether hub, directories and
// upstreams work. It changes nothing.
func (p Program) check(ctx context.Context, conf edgexml.Config, connect bool, warnings int) int {
	chinese := cli.Chinese(os.Getenv)
	in := func(english, translated string) string {
		if chinese {
			return translated
		}
		return english
	}
	_, _ = fmt.Fprintf(p.Stdout, in("%s: edge %s, %d trees, %d warnings\n", "%s：边缘节点 %s，目录树 %d 个，警告 %d 条\n"), conf.File, conf.Name, len(conf.Trees), warnings)
	if !connect {
		return exitOK
	}
	status := exitOK
	say := func(what string, err error) {
		if err == nil {
			_, _ = fmt.Fprintf(p.Stdout, in("ok    %s\n", "正常 %s\n"), what)
			return
		}
		status = exitFailed
		_, _ = fmt.Fprintf(p.Stdout, in("ERROR %s: %s\n", "错误 %s：%s\n"), what, inWords(err))
	}
	client, err := hubclient.Try(ctx, conf.Stream, conf.Name)
	say("hub "+conf.Stream.URL, err)
	if err == nil {
		defer client.Close()
	}
	for _, t := range conf.Trees {
		if client != nil {
			b, err := client.Tree(t.Name).Bounds(ctx)
			say(fmt.Sprintf(in("tree %s, messages %d to %d", "目录树 %s，消息 %d 至 %d"), t.Name, b.First, b.Last), err)
		}
		say(fmt.Sprintf(in("tree %s, directory %s", "目录树 %s，目录 %s"), t.Name, t.Dir), checkDirectory(conf.State, t))
		err := probe(ctx, t, func(u edgexml.Upstream, err error) {
			say(fmt.Sprintf(in("tree %s, upstream %s", "目录树 %s，上游 %s"), t.Name, u.Name()), err)
		})
		if err != nil {
			say(fmt.Sprintf(in("tree %s, upstreams", "目录树 %s，上游"), t.Name), err)
		}
	}
	return status
}

// inWords is an error on one line, in Chinese in a Chinese locale.
func inWords(err error) string {
	if !cli.Chinese(os.Getenv) {
		return err.Error()
	}
	told, ok := errors.AsType[*trouble.Error](err)
	if !ok {
		return words.Chinese(err.Error())
	}
	return trouble.Trouble{Reason: words.Chinese(told.Reason), Detail: told.Detail, Remedy: words.Chinese(told.Remedy)}.String()
}

// checkDirectory checks a directory as a start would.
func checkDirectory(state string, t edgexml.Tree) error {
	at, err := position.Look(state, t.Name)
	switch {
	case errors.Is(err, position.ErrNew):
		_, err = place.New(t.Dir, t.Adopt)
	case err == nil:
		_, _, err = place.Known(t.Dir, at.Directory)
	}
	return err
}

// probe asks every upstream of a tree for the names at its top.
func probe(ctx context.Context, t edgexml.Tree, say func(edgexml.Upstream, error)) error {
	launcher := child.NewLauncher(runcommand.Environment(os.Environ()), nil)
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- launcher.Run(running) }()
	p := &fetch.Puller{Launcher: launcher, Program: "rsync", Dir: t.Dir}
	for _, u := range t.Upstreams {
		say(u, p.Probe(ctx, u))
	}
	stop()
	return <-ended
}
