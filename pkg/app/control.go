package app

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/discover"
	"github.com/sersync/sersync/pkg/instance"
	"github.com/sersync/sersync/pkg/lanestate"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/statusclient"
)

// control talks to the running instance of a configuration file.
func (p Program) control(opts cli.Options) int {
	if opts.All {
		return p.showAll(opts)
	}
	if opts.Action == cli.ShowLog {
		return p.showLog(opts)
	}
	shown := opts.Action == cli.Status || opts.Action == cli.Wait
	socket, err := p.socket(opts)
	switch {
	case err != nil && shown:
		return statusclient.Explain(p.showing(opts, ""), err)
	case err != nil:
		_, _ = fmt.Fprintln(p.Stderr, "sersync:", err)
		return int(status.NotRunning)
	}
	ctx, stop := signals(nil)
	defer stop()
	if shown {
		return statusclient.Show(ctx, p.showing(opts, socket))
	}
	return p.ask(ctx, opts, socket)
}

// showAll shows every instance on this host. Root is shown those of other
// users, too: their processes are found by what they listen on.
func (p Program) showAll(opts cli.Options) int {
	wanted, others, err := lanestate.Dirs("")
	if err != nil {
		return statusclient.Explain(p.showing(opts, ""), err)
	}
	ctx, stop := signals(nil)
	defer stop()
	return statusclient.ShowAll(ctx, p.showing(opts, ""), discover.Sockets("/proc", append(others, wanted)))
}

// socket finds the socket of the instance. An instance can be reached even if an edit has made its
// configuration file unreadable since.
func (p Program) socket(opts cli.Options) (string, error) {
	conf, err := confxml.Load(opts.Config)
	if err != nil {
		if path, ferr := instance.FindSocket("", opts.Config, opts.Module); ferr == nil && exists(path) {
			return path, nil
		}
		return "", err
	}
	if conf.Host.Socket != "" && opts.Module == "" {
		return conf.Host.Socket, nil
	}
	return instance.FindSocket(conf.State.Dir, opts.Config, opts.Module)
}

// showing is how the status is shown.
func (p Program) showing(opts cli.Options, socket string) statusclient.Options {
	o := statusclient.Options{Socket: socket, JSON: opts.JSON, Wait: opts.Action == cli.Wait, Out: p.Stdout, Err: p.Stderr}
	if opts.WaitLimit != cli.NoLimit {
		o.Timeout = opts.WaitLimit
	}
	o.Render = status.RenderOptions{Color: p.colours(), Lang: p.language(), Width: p.width()}
	return o
}

// ask sends a lane action and reports the answer.
func (p Program) ask(ctx context.Context, opts cli.Options, socket string) int {
	verbs := map[cli.Action]status.Verb{
		cli.Resync: status.Resync, cli.AcceptEmpty: status.AcceptEmpty,
		cli.Pause: status.Pause, cli.Resume: status.Resume,
	}
	client := statusclient.New(socket)
	switch opts.Action {
	case cli.Verify:
		return statusclient.Verify(ctx, client, opts.Lanes, opts.JSON, p.language(), p.Stdout, p.Stderr)
	case cli.Where:
		return statusclient.Where(ctx, client, opts.Path, opts.JSON, p.language(), p.Stdout, p.Stderr)
	case cli.Pending:
		return statusclient.Pending(ctx, client, opts.Lanes, opts.JSON, p.language(), p.Stdout, p.Stderr)
	case cli.Stop:
		return statusclient.Stop(ctx, client, opts.Config, p.language(), p.Stdout, p.Stderr)
	case cli.Reload:
		return statusclient.Reload(ctx, client, opts.Config, p.language(), p.Stdout, p.Stderr)
	default:
		return statusclient.Act(ctx, client, verbs[opts.Action], opts.Lanes, p.language(), p.Stdout, p.Stderr)
	}
}

// colours tells whether the output may be coloured: only on a terminal, and only if the user has
// not forbidden it (no-color.org).
func (p Program) colours() bool { return p.Getenv("NO_COLOR") == "" && p.width() > 0 }

// width is that of the terminal, 0 when standard output is none.
func (p Program) width() int {
	size, err := unix.IoctlGetWinsize(int(p.Stdout.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

func (p Program) language() status.Lang {
	if cli.Chinese(p.Getenv) {
		return status.Chinese
	}
	return status.English
}
