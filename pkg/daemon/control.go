package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/statusclient"
)

// control talks to the running instance of a configuration file.
func (p Program) control(opts cli.Options) int {
	socket, err := p.socket(opts)
	if err != nil {
		_, _ = fmt.Fprintln(p.Stderr, "sersync:", err)
		return int(status.NotRunning)
	}
	ctx, stop := signals(nil)
	defer stop()
	if opts.Action == cli.Status || opts.Action == cli.Wait {
		return p.show(ctx, opts, socket)
	}
	return p.ask(ctx, opts, socket)
}

// socket finds where the instance answers.
func (p Program) socket(opts cli.Options) (string, error) {
	conf, err := confxml.Load(opts.Config)
	if err != nil {
		return "", err
	}
	if conf.Host.Socket != "" && opts.Module == "" {
		return conf.Host.Socket, nil
	}
	dir := conf.State.Dir
	if dir == "" {
		if dir, err = failqueue.DefaultDir(); err != nil {
			return "", fmt.Errorf("state directory: %w; name one with <state dir=\"...\"/>", err)
		}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	return socketPath(dir, opts.Config, opts.Module), nil
}

func (p Program) show(ctx context.Context, opts cli.Options, socket string) int {
	o := statusclient.Options{Socket: socket, JSON: opts.JSON, Wait: opts.Action == cli.Wait, Out: p.Stdout, Err: p.Stderr}
	if opts.WaitLimit != cli.NoLimit {
		o.Timeout = opts.WaitLimit
	}
	o.Render = status.RenderOptions{Color: p.colours(), Lang: p.language(), Width: p.width()}
	return statusclient.Show(ctx, o)
}

// ask sends a lane action and reports what was said to it.
func (p Program) ask(ctx context.Context, opts cli.Options, socket string) int {
	verbs := map[cli.Action]status.Verb{
		cli.Resync: status.Resync, cli.AcceptEmpty: status.AcceptEmpty,
		cli.Pause: status.Pause, cli.Resume: status.Resume,
	}
	lanes := opts.Lanes
	if len(lanes) == 0 {
		lanes = []string{""}
	}
	client := statusclient.New(socket)
	if opts.Action == cli.Verify {
		return statusclient.Verify(ctx, client, lanes, opts.JSON, p.Stdout, p.Stderr)
	}
	for _, lane := range lanes {
		if err := client.Act(ctx, verbs[opts.Action], lane); err != nil {
			_, _ = fmt.Fprintln(p.Stderr, "sersync:", err)
			if errors.Is(err, statusclient.ErrNotRunning) {
				return int(status.NotRunning)
			}
			return 1
		}
	}
	return 0
}

// colours: only on a terminal, and not against the user's wish (no-color.org).
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
