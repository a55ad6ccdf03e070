package watchroot

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/lanestate"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeWatcher is a watcher that reports what the test has it report.
type fakeWatcher struct {
	stats fsevent.Stats
	fails error // the error that Run returns at once
}

func (f *fakeWatcher) Stats() fsevent.Stats { return f.stats }

func (f *fakeWatcher) Run(ctx context.Context, _ fsevent.Handler) error {
	if f.fails == nil {
		<-ctx.Done()
	}
	return f.fails
}

func fakeWatch(f *fakeWatcher) *Watch { return &Watch{watcher: f, failed: make(chan error, 1)} }

// options are those of a root with the switches of the shipped configuration.
func options(dir string) Options {
	return Options{
		Local: confxml.LocalPath{Watch: dir}, Dir: dir, Ticks: NewTicks(), Logger: zap.NewNop(),
		Switches: confxml.Switches{Delete: true, CreateFolder: true, CloseWrite: true, MoveFrom: true, MoveTo: true},
	}
}

// rootOf is a root none of whose parts run, with lanes of these names.
func rootOf(dir string, names ...string) *Root { return opened(New(options(dir)), nil, names...) }

// opened opens a root with a fake watcher and with lanes that do not run.
func opened(r *Root, notify filterqueue.Notify, names ...string) *Root {
	for _, name := range names {
		r.Add(executor.NewLane(executor.Options{ID: name, Transport: &transporttest.Fake{}, Logger: zap.NewNop()}))
	}
	r.Open(fakeWatch(&fakeWatcher{}), notify)
	return r
}

// pending tells how many paths are dirty in each lane.
func pending(r *Root) (n []int) {
	for _, l := range r.Lanes() {
		n = append(n, l.Snapshot(time.Now()).Pending)
	}
	return n
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestEventsReachLanesAndPlugins: a path that the watcher reports is dirty in every lane of the
// root that is served, and the plugins are told.
func TestEventsReachLanesAndPlugins(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f")
	var told []string
	r := opened(New(options(dir)), func(n filterqueue.Notice) { told = append(told, n.Path) }, "a", "b")
	r.watch.serve(r)
	r.watch.Root(fsevent.RootWatched)
	r.watch.Event(fsevent.Event{Path: "f", Op: fsevent.CloseWrite})
	r.Flush()
	if got := pending(r); !slices.Equal(got, []int{1, 1}) {
		t.Errorf("dirty in the lanes: %v", got)
	}
	if !slices.Equal(told, []string{"f"}) {
		t.Errorf("plugins were told of %q", told)
	}
	if r.guard.open() == nil {
		t.Error("the directory that is watched cannot be opened")
	}
}

// TestADirectoryThatIsGone: while the directory is gone it is neither looked at nor compared; once
// there is a directory again, all of it is compared.
func TestADirectoryThatIsGone(t *testing.T) {
	dir := t.TempDir() + "/root"
	write(t, dir+"/f")
	r := rootOf(dir, "a")
	r.watch.serve(r)
	r.watch.Root(fsevent.RootWatched)
	if !r.Begin(t.Context()) || r.guard.held("f", false) != "" {
		t.Error("a directory that is there is held")
	}
	if err := os.Rename(dir, dir+".aside"); err != nil {
		t.Fatal(err)
	}
	r.watch.Root(fsevent.RootGone)
	if s := r.Snapshot(); s.State != status.RootGone || s.Remedy == "" {
		t.Errorf("%+v", s)
	}
	if r.guard.open() != nil || !r.guard.gone() || !r.guard.hidden() {
		t.Error("a root whose directory is gone is still used")
	}
	write(t, dir+"/other")
	r.watch.Root(fsevent.RootBack)
	if s := r.Snapshot(); s.State != status.RootBraked {
		t.Errorf("another directory stands there: %+v", s)
	}
	if r.guard.held("f", false) == "" {
		t.Error("files that another directory lacks are deleted")
	}
	if since, holds := r.scans.wanted(); !since.Equal(everything) || holds != 1 {
		t.Errorf("wanted: a scan since %v for %d", since, holds)
	}
	if got := r.Strange(); !slices.Equal(got, []string{""}) {
		t.Errorf("strange: %q", got)
	}
	if err := r.Accept(); err != nil {
		t.Fatal(err)
	}
	if s := r.Snapshot(); s.State != status.RootWatched || r.guard.held("f", false) != "" || r.guard.hidden() {
		t.Errorf("the operator has accepted it: %+v", s)
	}
}

// TestAnotherDirectoryAtThePath: another directory at the root's path is not opened in its place.
func TestAnotherDirectoryAtThePath(t *testing.T) {
	dir := t.TempDir() + "/root"
	write(t, dir+"/f")
	r := rootOf(dir)
	r.watch.serve(r)
	r.watch.Root(fsevent.RootWatched)
	if err := os.Rename(dir, dir+".aside"); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/f")
	if r.guard.open() != nil {
		t.Error("another directory is opened as the root")
	}
	if fd, done := r.guard.descriptor(); fd >= 0 {
		done()
		t.Error("another directory is looked at as the root")
	}
	if _, err := r.OpenBelow(""); err == nil {
		t.Error("another directory is listed as the root")
	}
}

// TestARecreatedDirectory: where the configuration allows it, deletions are not held for a
// directory that was made anew, and all of it is compared.
func TestARecreatedDirectory(t *testing.T) {
	dir := t.TempDir() + "/root"
	write(t, dir+"/f")
	o := options(dir)
	o.Local.Recreated = true
	r := opened(New(o), nil, "a")
	r.watch.serve(r)
	r.watch.Root(fsevent.RootWatched)
	r.Begin(t.Context())
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	r.watch.Root(fsevent.RootGone)
	write(t, dir+"/other")
	r.watch.Root(fsevent.RootBack)
	if s := r.Snapshot(); s.State != status.RootWatched || r.guard.held("f", false) != "" {
		t.Errorf("%+v", s)
	}
	if got := r.Strange(); !slices.Equal(got, []string{""}) {
		t.Errorf("strange: %q", got)
	}
}

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

// TestUncoveredDirectories: directories that cannot be watched are compared from time to time,
// until they are watched after all.
func TestUncoveredDirectories(t *testing.T) {
	r := rootOf(t.TempDir(), "a")
	for i, step := range []struct {
		path string
		err  error
		want int // how many paths are dirty after a rescan
	}{{"x", errors.New("limit"), 1}, {"y", errors.New("limit"), 2}, {"x", nil, 2}, {"y", nil, 2}} {
		r.notCovered(step.path, step.err)
		r.Rescan()
		if got := pending(r)[0]; got != step.want || len(r.uncovered) != []int{1, 2, 1, 0}[i] {
			t.Errorf("step %d: %d dirty, want %d; without a watch: %v", i, got, step.want, r.uncovered)
		}
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

// TestAWatcherThatFails: a watcher that fails ends the root, with the watcher's reason; a watcher
// that is stopped does not.
func TestAWatcherThatFails(t *testing.T) {
	r := New(options(t.TempDir()))
	no := errors.New("no watches left")
	w := fakeWatch(&fakeWatcher{fails: no})
	r.Open(w, nil)
	if !r.Serve(t.Context()) || r.Serve(t.Context()) {
		t.Error("the watch is to be started once")
	}
	if err := r.Run(t.Context()); !errors.Is(err, no) {
		t.Error(err)
	}
	w.Stop()

	r = rootOf(t.TempDir())
	ctx, end := context.WithCancel(t.Context())
	r.Serve(ctx)
	var runs sync.WaitGroup
	runs.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	end()
	runs.Wait()
	r.watch.Stop()
}

// TestBeginEndsWithItsContext: Begin ends with its context although the watches are never set.
func TestBeginEndsWithItsContext(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	end()
	if rootOf(t.TempDir()).Begin(ctx) {
		t.Error("the root has begun after its context ended")
	}
}

// TestAScanTellsThePlugins: a scan tells the plugins of changes that the watcher has lost, also
// where there is no lane.
func TestAScanTellsThePlugins(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/sub/new")
	write(t, dir+"/old")
	past := time.Now().Add(-time.Hour)
	var mu sync.Mutex
	var told []string
	r := opened(New(options(dir)), func(n filterqueue.Notice) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, n.Path)
	})
	if !r.scans.find(t.Context(), past) {
		t.Fatal("the scan was not carried out")
	}
	slices.Sort(told)
	if got := strings.Join(told, " "); got != "old sub sub/new" {
		t.Errorf("told of %q", got)
	}
	told = nil
	if !r.scans.find(t.Context(), time.Now().Add(time.Hour)) || len(told) != 0 {
		t.Errorf("told of %q, which is older", told)
	}
}

// TestSelfCheck: after a failed self-check, and after an overflow, a scan looks for changes since a
// time at which the watcher had certainly read every event.
func TestSelfCheck(t *testing.T) {
	r := rootOf(t.TempDir(), "a")
	hour := time.Now().Add(-time.Hour)
	r.SelfCheck(hour, time.Now())
	if since, holds := r.scans.wanted(); !since.Equal(hour) || holds != 1 || len(r.scans.asked) != 1 {
		t.Errorf("wanted: since %v for %d", since, holds)
	}
	good := r.opt.Ticks.LastGood()
	r.scans.take()
	r.watch.serve(r)
	r.watch.Overflow()
	// The clock of files and the clock for elapsed time are read one after the other.
	if since, holds := r.scans.wanted(); since.Before(good.Add(-tickEvery)) || holds != 1 {
		t.Errorf("wanted: since %v for %d", since, holds)
	}
}

// TestLastGood: the last good time is counted in ticks, not in time that has passed, because a
// program that was stopped had no ticks meanwhile.
func TestLastGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticks := NewTicks()
		began := time.Now()
		ctx, end := context.WithCancel(t.Context())
		var runs sync.WaitGroup
		runs.Go(func() { _ = ticks.Run(ctx) })
		time.Sleep(tickCount*tickEvery + tickEvery/2)
		if got := ticks.LastGood().Sub(began); got != tickEvery {
			t.Errorf("%v after the start, want that of the first tick", got)
		}
		end()
		runs.Wait()
		stopped := time.Now()
		time.Sleep(time.Hour)
		if got := ticks.LastGood(); got.After(stopped) {
			t.Errorf("%v after the program was stopped", got.Sub(stopped))
		}
	})
}

// TestWhatIsRemembered: the state comes back after a restart, together with the choice of files
// that it was saved under.
func TestWhatIsRemembered(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f")
	r := New(options(dir))
	since := time.Unix(1_700_000_000, 0)
	saved := lanestate.State{Differences: []lanestate.Difference{{Kind: string(status.Differing), Count: 2, Since: since, Names: []string{"x", "y"}}}}
	opt := executor.Options{ID: "a", Transport: &transporttest.Fake{}, Logger: zap.NewNop()}
	r.Recall(&opt, saved)
	r.Add(executor.NewLane(opt))
	r.Open(fakeWatch(&fakeWatcher{}), nil)
	r.watch.serve(r)
	r.watch.Root(fsevent.RootWatched)
	r.Begin(t.Context())
	state := r.StateOf(r.Lanes()[0], "digest", time.Now())
	if Chosen(state) != "digest" || Chosen(lanestate.State{}) != "" || state.Lane != "a" || state.RootIdentity.IsZero() {
		t.Errorf("%+v", state)
	}
	if len(state.Differences) != 1 || state.Differences[0].Count != 2 || !state.Differences[0].Since.Equal(since) {
		t.Errorf("differences %+v", state.Differences)
	}
	again := New(options(dir))
	again.Recall(&opt, state)
	if again.guard.remembered().IsZero() {
		t.Error("the brake has forgotten the directory")
	}
}

// TestReappeared: a state that was saved while a part of the tree could not be seen is saved once
// more when all of the tree can be seen.
func TestReappeared(t *testing.T) {
	r := rootOf(t.TempDir(), "a")
	lane := r.Lanes()[0]
	lane.Complete()
	if state := r.StateOf(lane, "", time.Now()); state.Watermark.IsZero() || r.Reappeared() {
		t.Errorf("all of it can be seen: %+v", state)
	}
	r.guard.withhold()
	if state := r.StateOf(lane, "", time.Now()); !state.Watermark.IsZero() || r.Reappeared() {
		t.Errorf("not all of it can be seen: %+v", state)
	}
	r.guard.withheld.Store(false)
	if !r.Reappeared() || r.Reappeared() {
		t.Error("the state is not saved again exactly once")
	}
}

// TestInventory: an inventory is kept where a lost deletion would have to be noticed.
func TestInventory(t *testing.T) {
	mayDelete := func(r *Root) *Root {
		r.Add(executor.NewLane(executor.Options{ID: "a", MayDelete: true, Transport: &transporttest.Fake{}, Logger: zap.NewNop()}))
		r.Open(fakeWatch(&fakeWatcher{}), nil)
		r.watch.serve(r)
		return r
	}
	moves, stays := options(""), options("")
	stays.Switches.MoveFrom = false
	for name, c := range map[string]struct {
		w    *Watch
		want bool
	}{
		"no root yet":      {fakeWatch(nil), false},
		"lanes that care":  {mayDelete(New(moves)).watch, true},
		"moves do not":     {mayDelete(New(stays)).watch, false},
		"nothing mirrored": {rootOf("").watch, false},
	} {
		if got := c.w.inventory(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestWatermarkWaits: the watermark does not pass changes that still have to be looked for.
func TestWatermarkWaits(t *testing.T) {
	r := rootOf(t.TempDir())
	now := time.Now()
	if got := earliest(now, r.queue.Stats().Oldest, r.links.Oldest()); got != now {
		t.Errorf("nothing is waited for, and the watermark is %v behind", now.Sub(got))
	}
	written := now.Add(-time.Minute)
	r.links.Met("f", fsevent.FileID{Ino: 42}, now.Add(-time.Second), true)
	r.links.Met("g", fsevent.FileID{Ino: 43}, written, true)
	if got := earliest(now, r.queue.Stats().Oldest, r.links.Oldest()); got != written {
		t.Errorf("%v behind, want a minute", now.Sub(got))
	}
}

// TestScanEndedHalfWay: a scan that ended half way is still wanted, from its earliest time on.
func TestScanEndedHalfWay(t *testing.T) {
	r := rootOf(t.TempDir())
	since := time.Now().Add(-time.Hour)
	r.scans.suspect(since.Add(time.Minute))
	r.scans.suspect(since)
	ended, end := context.WithCancel(t.Context())
	end()
	for range 20 { // the scan may notice its end before it notices that it has to scan, or after
		r.scans.ask()
		if err := r.scans.run(ended); err != nil {
			t.Fatal(err)
		}
		if at, holds := r.scans.wanted(); at != since || holds != 2 {
			t.Fatalf("wanted from %v on, %d holds; want %v and 2", at, holds, since)
		}
	}
	if !r.scans.find(t.Context(), since) {
		t.Error("the scan cannot be carried out at all")
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
