package watchroot

import (
	"errors"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

// TestAReloadKeepsWhatIsKnown: a root that takes over the watch of the root before it knows
// everything that that one knew.
func TestAReloadKeepsWhatIsKnown(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f")
	old := rootOf(dir, "a")
	old.watch.serve(old)
	old.watch.Root(fsevent.RootWatched)
	old.Begin(t.Context())
	old.watch.Uncovered("deep", errors.New("no watches left"))
	old.watch.Overflow()
	old.guard.withhold()
	since, _ := old.scans.wanted()

	next := New(options(dir))
	next.Add(executor.NewLane(executor.Options{ID: "a", Transport: &transporttest.Fake{}, Logger: zap.NewNop()}))
	next.Open(old.watch, nil)
	old.watch.serve(next)
	if !next.Begin(t.Context()) {
		t.Fatal("the next root waits for watches that are set already")
	}
	if got, holds := next.scans.wanted(); !got.Equal(since) || holds != 1 || len(next.scans.asked) != 1 {
		t.Errorf("wanted: a scan since %v for %d, want since %v", got, holds, since)
	}
	if s := next.Snapshot(); s.State != old.Snapshot().State || !s.Since.Equal(old.Snapshot().Since) {
		t.Errorf("%+v, before %+v", s, old.Snapshot())
	}
	if !next.guard.withheld.Load() || next.guard.remembered().IsZero() {
		t.Error("the brake has forgotten the identity of the root")
	}
	before := pending(next)[0]
	next.Rescan()
	if got := pending(next)[0]; got != before+1 {
		t.Errorf("%d paths are dirty after the directory without a watch was compared again, want %d", got, before+1)
	}
	old.watch.Event(fsevent.Event{Path: "g", Op: fsevent.CloseWrite})
	old.Flush()
	if got := pending(old)[0]; got != 0 {
		t.Errorf("the root before still gets %d events", got)
	}
}

// TestBridge: a change between two watches is found, together with the changes that the scan before
// was to find.
func TestBridge(t *testing.T) {
	dir := t.TempDir()
	old, next := rootOf(dir, "a"), rootOf(dir, "a")
	hour := time.Now().Add(-time.Hour)
	old.scans.putBack(hour, 1)
	next.Bridge(old)
	next.Bridge(old) // old's second lane
	if since, holds := next.scans.wanted(); !since.Equal(hour) || holds != 1 {
		t.Errorf("wanted: since %v for %d", since, holds)
	}
	next.watch.serve(next)
	next.watch.Root(fsevent.RootWatched)
	if next.Begin(t.Context()); len(next.scans.asked) != 1 {
		t.Error("the scan is not asked for")
	}
	alone := rootOf(dir, "a")
	good := alone.opt.Ticks.LastGood()
	alone.Bridge(nil)
	// The clock of files and the clock for elapsed time are read one after the other.
	if since, holds := alone.scans.wanted(); since.Before(good.Add(-tickEvery)) || since.After(time.Now()) || holds != 1 {
		t.Errorf("wanted: since %v for %d", since, holds)
	}
}

// TestKeyOf: a reload keeps the watch if, and only if, nothing that concerns it has changed.
func TestKeyOf(t *testing.T) {
	conf := func(change func(*confxml.Config)) (c confxml.Config) {
		c.Inotify = options("").Switches
		c.Filter.Exclude = []confxml.Expression{{Text: "x"}}
		change(&c)
		return c
	}
	r := New(options("/d"))
	same := r.KeyOf(conf(func(*confxml.Config) {}))
	for name, c := range map[string]struct {
		change func(*confxml.Config)
		stays  bool
	}{
		"crontab":         {func(c *confxml.Config) { c.Crontab.On = true }, true},
		"closeWrite":      {func(c *confxml.Config) { c.Inotify.CloseWrite = false }, true},
		"filter, off":     {func(c *confxml.Config) { c.Filter.Exclude = nil }, true},
		"filter":          {func(c *confxml.Config) { c.Filter.On = true }, false},
		"attrib":          {func(c *confxml.Config) { c.Inotify.Attrib = true }, false},
		"modify":          {func(c *confxml.Config) { c.Inotify.Modify = true }, false},
		"delete":          {func(c *confxml.Config) { c.Inotify.Delete = false }, false},
		"moveFrom":        {func(c *confxml.Config) { c.Inotify.MoveFrom = false }, false},
		"debug":           {func(c *confxml.Config) { c.Debug = true }, false},
		"no createFolder": {func(c *confxml.Config) { c.Inotify.CreateFolder = false }, false},
	} {
		if got := r.KeyOf(conf(c.change)); (got == same) != c.stays {
			t.Errorf("%s: %s, before %s", name, got, same)
		}
	}
	second := options("/d")
	second.Number = 1
	if o := New(second); o.KeyOf(conf(func(*confxml.Config) {})) == same || o.Same(r) {
		t.Error("two localpaths of one directory share a watch")
	}
}

// TestLinksGoOver: the next root looks for the names that this root still had to look for.
func TestLinksGoOver(t *testing.T) {
	old, next := rootOf("/d"), rootOf("/d")
	now := time.Now()
	old.links.Met("f", fsevent.FileID{Ino: 42}, now, true)
	next.Inherit(old)
	if next.links.Oldest() != now {
		t.Error("the next root has forgotten the names")
	}
}
