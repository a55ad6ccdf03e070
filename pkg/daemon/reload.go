package daemon

import (
	"context"
	"errors"
	"os"
	"strings"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/confxml"
)

var (
	// errNoReload is about a plugin that runs alone.
	errNoReload = errors.New("a plugin that runs alone reads its configuration once; stop it and start it again")
	// errEnding is about a program that is about to end.
	errEnding = errors.New("the program is stopping")
)

// unusableConfig is the note about a reload whose file is refused.
const unusableConfig = "configuration not usable, the old one stays"

// reloads carries requests for a reload to the goroutine that reads the configuration, and the
// configuration that it has read to the running site.
type reloads struct {
	asked  chan chan<- error   // requests, each with where its answer goes; unbuffered
	ending chan struct{}       // closed once no more requests are read
	usable chan confxml.Config // configurations that have been read and found usable; unbuffered
}

func newReloads() *reloads {
	return &reloads{asked: make(chan chan<- error), ending: make(chan struct{}), usable: make(chan confxml.Config)}
}

// ask has the configuration read again and returns why it cannot be used.
func (r *reloads) ask(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case r.asked <- answer:
	case <-ctx.Done():
		return ctx.Err()
	case <-r.ending:
		return errEnding
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serve calls reload at each hangup and whenever ask is called, one time after the
// other, until ctx ends.
func (r *reloads) serve(ctx context.Context, hangups <-chan os.Signal, reload func(context.Context, chan<- error)) {
	defer close(r.ending)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			reload(ctx, make(chan error, 1))
		case answer := <-r.asked:
			reload(ctx, answer)
		}
	}
}

// reload reads the configuration, answers whether it can be used, and returns once
// the running site has been told of it.
func (d *Daemon) reload(ctx context.Context, answer chan<- error) {
	d.reloading()
	conf, err := d.opt.Read()
	answer <- err
	if err != nil {
		d.notes.Refused(unusableConfig, err, strings.ReplaceAll("correct {file}, and reload again", "{file}", d.opt.Command.Config))
		d.ready()
		return
	}
	d.notes.End(unusableConfig)
	d.log.Info("configuration read again")
	d.warn(conf)
	select {
	case d.reloads.usable <- conf:
	case <-ctx.Done():
	}
}

// warn logs the warnings of a configuration that is used.
func (d *Daemon) warn(conf confxml.Config) {
	for _, w := range conf.Warnings {
		if w.Severity > confxml.Note {
			d.log.Warn("configuration", zap.Stringer("problem", w))
		}
	}
}
