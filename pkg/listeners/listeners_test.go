package listeners

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/announce"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/plugins"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is a plugin that notes the paths that it is told of.
type receiver struct {
	mu  sync.Mutex
	got []string
}

func (l *receiver) Name() string           { return "receiver" }
func (l *receiver) Limits() plugins.Limits { return plugins.Limits{} }
func (l *receiver) Close() error           { return nil }

func (l *receiver) Deliver(_ context.Context, batch []plugins.Event) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ev := range batch {
		l.got = append(l.got, ev.FullPath())
	}
	return len(batch), nil
}

func (l *receiver) told() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(slices.Values(l.got))
}

// fakeRoot is a watch root that leaves out entries with the name "skip".
type fakeRoot struct{ dir string }

func (r *fakeRoot) Dir() string                      { return r.dir }
func (r *fakeRoot) WatchPath() string                { return r.dir }
func (r *fakeRoot) Skip(path string, _, _ bool) bool { return filepath.Base(path) == "skip" }
func (r *fakeRoot) OpenBelow(path string) (int, error) {
	return unix.Open(filepath.Join(r.dir, path), unix.O_RDONLY|unix.O_DIRECTORY, 0)
}

// setOf makes plugins of these names, which want all remotes, for roots with the lanes "a" and "b".
func setOf(log *zap.Logger, dirs []string, names ...string) *Set {
	s := &Set{log: log, gates: map[Root][]*announce.Gate{}, seq: &atomic.Uint64{}, finder: newFinder(log)}
	for _, name := range names {
		s.list = append(s.list, &listener{name: name, all: true, runner: plugins.NewRunner(&receiver{}, plugins.RunnerConfig{}, log)})
	}
	for _, dir := range dirs {
		s.Connect(&fakeRoot{dir}, []string{"a", "b"})
	}
	return s
}

// undelivered are the paths of which a plugin has not been told.
func undelivered(x *listener) (out []string) {
	x.runner.Leave()
	for _, ev := range x.runner.Take() {
		out = append(out, ev.FullPath())
	}
	slices.Sort(out)
	return out
}

// TestInheritPlugins: after a reload the plugin of the same name gets the paths that the old one
// had not delivered, those that were waiting for remotes, and the directories that were to be
// listed. Paths that waited for a localpath that is gone are told at once. Paths that a removed
// plugin had not delivered are logged.
func TestInheritPlugins(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	log := zap.New(core)
	old := setOf(log, []string{"/kept", "/gone"}, "x", "dropped")
	next := setOf(log, []string{"/new", "/kept"}, "x")
	now := time.Now()
	for _, r := range old.roots {
		for i := range old.list {
			g := old.gates[r][i]
			g.Changed(filterqueue.Notice{Path: "waits", Marked: true}, now)
			g.Changed(filterqueue.Notice{Path: "half", Marked: true}, now)
			g.Settled("a", "half", false, true, now)
		}
	}
	for _, x := range old.list {
		old.tell(x, old.roots[0], filterqueue.Notice{Path: "undelivered"})
		for _, r := range old.roots {
			old.finder.add(find{x: x, root: r, path: "dir"})
		}
	}
	next.Inherit(old, func(o Root) Root {
		i := slices.IndexFunc(next.roots, func(r Root) bool { return r.Dir() == o.Dir() })
		if i < 0 {
			return nil
		}
		return next.roots[i]
	})

	x := next.list[0]
	if got := strings.Join(undelivered(x), " "); got != "/gone/half /gone/waits /kept/undelivered" {
		t.Errorf("to deliver: %q", got)
	}
	kept := next.roots[1]
	gate := next.gates[kept][0]
	if n := gate.Waiting(); n != 2 {
		t.Errorf("%d wait, want 2", n)
	}
	gate.Settled("b", "half", false, true, now)
	if n := gate.Waiting(); n != 1 {
		t.Errorf("%d wait once the last lane has one, want 1: what a lane had settled must stay settled", n)
	}
	for _, want := range []Root{kept, old.roots[1]} {
		if f, ok := next.finder.next(); !ok || f.x != x || f.root != want || f.path != "dir" {
			t.Errorf("to list: %+v, want %s", f, want.Dir())
		}
	}
	if f, ok := next.finder.next(); ok {
		t.Errorf("to list, too: %+v", f)
	}
	found := logs.FilterMessage("plugin was taken out of the configuration before everything was delivered").All()
	if len(found) != 1 || found[0].ContextMap()["plugin"] != "dropped" || found[0].ContextMap()["undelivered"] != int64(5) {
		t.Errorf("logged: %v", logs.All())
	}
}

// started makes a set of one plugin, which runs until the test ends or end is called, and returns
// both.
func started(t *testing.T, r Root, all bool) (s *Set, got *receiver, end func()) {
	t.Helper()
	got = &receiver{}
	s = &Set{log: zap.NewNop(), gates: map[Root][]*announce.Gate{}, seq: &atomic.Uint64{}, finder: newFinder(zap.NewNop())}
	s.list = []*listener{{name: "x", all: all, runner: plugins.NewRunner(got, plugins.RunnerConfig{}, zap.NewNop())}}
	s.Connect(r, []string{"a", "b"})
	ctx, cancel := context.WithCancel(t.Context())
	var runs sync.WaitGroup
	runs.Go(func() {
		if err := s.Run(ctx, func() {}); err != nil {
			t.Error(err)
		}
	})
	end = func() { cancel(); runs.Wait() }
	t.Cleanup(end)
	return s, got, end
}

// TestWhatWasSyncedLastIsTold: at the end a plugin is told of the paths that a lane has settled,
// and not of those that no lane has settled.
func TestWhatWasSyncedLastIsTold(t *testing.T) {
	r := &fakeRoot{t.TempDir()}
	s, got, end := started(t, r, false)
	notify := s.Notify(r)
	for _, path := range []string{"sent", "waits"} {
		notify(filterqueue.Notice{Path: path, Marked: true})
	}
	for _, lane := range []string{"a", "b"} {
		s.Settled(r, lane)("sent", false, true, time.Now())
	}
	end()
	if told := got.told(); !slices.Equal(told, []string{r.dir + "/sent"}) {
		t.Errorf("told of %q", told)
	}
}

// TestARemoteThatIsDown: a remote that is down holds nothing back, unless the plugin wants all
// remotes.
func TestARemoteThatIsDown(t *testing.T) {
	for _, all := range []bool{false, true} {
		r := &fakeRoot{t.TempDir()}
		s, got, end := started(t, r, all)
		s.Trouble(r, "b")(true)
		s.Notify(r)(filterqueue.Notice{Path: "f", Marked: true})
		s.Settled(r, "a")("f", false, true, time.Now())
		var pending int
		if s.Each(func(_ string, st plugins.Stats) { pending = st.Pending }); all && pending != 1 {
			t.Errorf("%d wait for all remotes, want 1", pending)
		}
		end()
		if told := got.told(); (len(told) == 1) == all {
			t.Errorf("all %v: told of %q", all, told)
		}
	}
}

// TestANewDirectoryIsListed: the plugins are also told of the entries that a directory had before
// it was watched, except for those that are left out.
func TestANewDirectoryIsListed(t *testing.T) {
	s := setOf(zap.NewNop(), []string{t.TempDir()}, "x")
	r := &fakeRoot{s.roots[0].Dir()}
	if err := os.MkdirAll(r.dir+"/new/deep", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"new/f", "new/deep/g", "new/skip"} {
		if err := os.WriteFile(filepath.Join(r.dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.finder.add(find{x: s.list[0], root: r, path: "new", seen: time.Now()})
	next, _ := s.finder.next()
	if err := s.tellFound(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	want := []string{r.dir + "/new/deep", r.dir + "/new/deep/g", r.dir + "/new/f"}
	if got := undelivered(s.list[0]); !slices.Equal(got, want) {
		t.Errorf("told of %q, want %q", got, want)
	}
	s.NotifyAtOnce(r)(filterqueue.Notice{Path: "new", Dir: true, Op: fsevent.Create})
	if next, ok := s.finder.next(); !ok || next.path != "new" {
		t.Errorf("a new directory is not to be listed: %+v", next)
	}
}

// TestNoPlugins: a set without plugins tells nobody.
func TestNoPlugins(t *testing.T) {
	s, err := New(Options{Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	r := &fakeRoot{"/d"}
	s.Connect(r, []string{"a"})
	if s.Notify(r) != nil || s.Settled(r, "a") != nil {
		t.Error("somebody is told")
	}
	if err := s.Run(t.Context(), func() {}); err != nil {
		t.Error(err)
	}
}
