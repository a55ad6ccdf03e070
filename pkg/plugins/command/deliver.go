package command

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/runcommand"
)

// Deliver runs the command for the events that the filter lets through.
func (p *runner) Deliver(ctx context.Context, batch []plugins.Event) (int, error) {
	for done := 0; done < len(batch); {
		n, err := p.handle(ctx, batch[done:done+p.span(batch[done:])])
		if err != nil {
			return done, err
		}
		done += n
	}
	return len(batch), nil
}

// span is how many events from the front go into one run. Variables describe
// the whole run, so with env only events of one operation and localpath share
// one.
func (p *runner) span(batch []plugins.Event) int {
	if p.paths == "each" {
		return 1
	}
	if !p.withEnv {
		return len(batch)
	}
	for i, ev := range batch {
		if ev.Op != batch[0].Op || ev.Root != batch[0].Root {
			return i
		}
	}
	return len(batch)
}

// handle makes one run of a batch and returns how many events it covers, at
// least one. An error is about the first.
func (p *runner) handle(ctx context.Context, batch []plugins.Event) (int, error) {
	wanted := make([]plugins.Event, 0, len(batch))
	covered := 0
	for _, ev := range batch {
		ok, err := p.wants(ev)
		if err != nil && covered == 0 {
			return 0, plugins.Permanent(err)
		}
		if err != nil {
			// The next call finds it at the front.
			break
		}
		covered++
		if ok {
			wanted = append(wanted, ev)
		}
	}
	if len(wanted) == 0 {
		return covered, nil
	}
	cut, err := p.commands.Run(ctx, p.words(wanted), p.environ(wanted[0]), p.stdin(wanted))
	if cut > 0 {
		p.troubles.Failed("output", "", "plugin command printed too much, the rest was dropped", zap.Int64("bytes", cut))
	}
	return covered, p.verdict(ctx, wanted[0], err)
}

// wants applies the filter: one expression has to match the whole path.
func (p *runner) wants(ev plugins.Event) (bool, error) {
	if !p.filtered {
		return true, nil
	}
	for _, e := range p.filter {
		if ok, err := e.Whole(ev.FullPath()); err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}

// words is the command line of a run.
func (p *runner) words(batch []plugins.Event) []string {
	args := append([]string(nil), p.before...)
	if p.paths != "stdin" {
		for _, ev := range batch {
			args = append(args, ev.FullPath())
		}
	}
	return append(args, p.after...)
}

// stdin is the list of paths, each with its terminator; nil reads nothing.
func (p *runner) stdin(batch []plugins.Event) []byte {
	if p.paths != "stdin" {
		return nil
	}
	var list []byte
	for _, ev := range batch {
		path := ev.FullPath()
		if p.separator == '\n' {
			path = plugins.EscapeLine(path)
		}
		list = append(list, path...)
		list = append(list, p.separator)
	}
	return list
}

func (p *runner) environ(ev plugins.Event) []string {
	if !p.withEnv {
		return p.env
	}
	env := append([]string(nil), p.env...)
	env = append(env, "SERSYNC_OPERATION="+ev.Op.String(), "SERSYNC_LOCALPATH="+ev.Root)
	if p.paths != "each" {
		return env
	}
	dir := "0"
	if ev.Dir {
		dir = "1"
	}
	return append(env, "SERSYNC_PATH="+ev.FullPath(), "SERSYNC_RELATIVE="+ev.Path,
		"SERSYNC_DIR="+dir, "SERSYNC_SEQ="+strconv.FormatUint(ev.Seq, 10))
}

// verdict decides what a run's end means for its events. 2.5.4 never looked at
// the exit status, so without retry a failed run is logged and done with; a
// command that could not run at all has not been told anything and is tried
// again.
func (p *runner) verdict(ctx context.Context, ev plugins.Event, err error) error {
	var start *runcommand.StartError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, syscall.E2BIG):
		return plugins.Permanent(err)
	case errors.As(err, &start):
		return errors.New(runcommand.Describe(err, "param@prefix"))
	case !p.retry:
		text := runcommand.Describe(err, "param@prefix")
		p.troubles.Failed("run", text, "plugin command failed, goes on", zap.ByteString("path", []byte(ev.FullPath())), zap.String("err", text))
		return nil
	case p.tries > 0 && ev.Attempt+1 >= p.tries:
		return plugins.Permanent(fmt.Errorf("%s, %d times", runcommand.Describe(err, "param@prefix"), p.tries))
	}
	return errors.New(runcommand.Describe(err, "param@prefix"))
}
