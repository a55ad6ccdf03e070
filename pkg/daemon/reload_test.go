package daemon

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/logging"
	"github.com/sersync/sersync/pkg/status"
)

// quiet is a daemon none of whose parts run.
func quiet(t *testing.T, o Options) *Daemon {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = null.Close() })
	if o.Logging, err = logging.Open(confxml.Log{}, false, null); err != nil {
		t.Fatal(err)
	}
	o.Banner = cli.Banner{Out: null, Err: null}
	return New(o)
}

// TestReload: whoever asks for a reload is told whether the file can be used, and only a usable
// configuration reaches the running site. A refusal is shown until a reload succeeds.
func TestReload(t *testing.T) {
	hangups := make(chan os.Signal)
	var refused error
	conf := confxml.Config{File: "c.xml"}
	d := quiet(t, Options{
		Command: cli.Options{Config: "/etc/c.xml"}, Hangups: hangups,
		Read: func() (confxml.Config, error) { return conf, refused },
	})
	ctx, end := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { d.reloads.serve(ctx, d.opt.Hangups, d.reload) })
	defer serving.Wait()
	defer end()

	refused = errors.New("line 3 is wrong")
	if err := d.Do(t.Context(), status.Reload, ""); !errors.Is(err, refused) {
		t.Errorf("asked: %v", err)
	}
	hangups <- unix.SIGHUP // received only after the request has been answered
	hangups <- unix.SIGHUP
	notes := d.notes.All()
	if len(notes) != 1 || notes[0].Subject != unusableConfig || !strings.Contains(notes[0].Remedy, "/etc/c.xml") {
		t.Errorf("notes %+v", notes)
	}
	select {
	case <-d.reloads.usable:
		t.Error("a configuration that was refused takes effect")
	default:
	}
}

// TestReloadTakesEffect reloads a file that can be used, and ends the daemon.
func TestReloadTakesEffect(t *testing.T) {
	d := quiet(t, Options{Read: func() (confxml.Config, error) { return confxml.Config{File: "new.xml"}, nil }})
	d.notes.Refused(unusableConfig, errors.New("before"), "")
	ctx, end := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { d.reloads.serve(ctx, d.opt.Hangups, d.reload) })
	if err := d.Do(t.Context(), status.Reload, ""); err != nil {
		t.Error(err)
	}
	if conf := <-d.reloads.usable; conf.File != "new.xml" {
		t.Errorf("the site is told of %q", conf.File)
	}
	if notes := d.notes.All(); len(notes) != 0 {
		t.Errorf("notes %+v", notes)
	}
	end()
	serving.Wait()
	if err := d.Do(t.Context(), status.Reload, ""); !errors.Is(err, errEnding) {
		t.Errorf("at the end: %v", err)
	}
}

func TestNoReloadOfAPluginAlone(t *testing.T) {
	d := quiet(t, Options{Command: cli.Options{Module: "socket"}})
	if err := d.Do(t.Context(), status.Reload, ""); !errors.Is(err, errNoReload) {
		t.Error(err)
	}
}
