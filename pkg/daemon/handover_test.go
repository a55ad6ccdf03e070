package daemon

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/sersync/sersync/pkg/announce"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/plugins"
)

// listener is a plugin that notes what it is told.
type listener struct {
	mu  sync.Mutex
	got []string
}

func (l *listener) Name() string           { return "listener" }
func (l *listener) Limits() plugins.Limits { return plugins.Limits{} }
func (l *listener) Close() error           { return nil }

func (l *listener) Deliver(_ context.Context, batch []plugins.Event) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ev := range batch {
		l.got = append(l.got, ev.FullPath())
	}
	return len(batch), nil
}

// siteOf makes as much of a site as a handover looks at: roots, each with the
// lanes "a" and "b", and plugins that want all remotes.
func siteOf(log *zap.Logger, dirs []string, names ...string) *site {
	s := &site{log: log, plugins: &extensions{
		gates: map[*root][]*announce.Gate{}, seq: &atomic.Uint64{}, finder: newFinder(log),
	}}
	for _, name := range names {
		s.plugins.list = append(s.plugins.list, &extension{name: name, all: true, runner: plugins.NewRunner(&listener{}, plugins.RunnerConfig{}, log)})
	}
	d := &Daemon{log: log, ticks: newTicks()}
	for _, dir := range dirs {
		r := d.newRoot(confxml.LocalPath{Watch: dir}, dir)
		r.queue = filterqueue.New(filterqueue.Options{})
		for _, x := range s.plugins.list {
			s.plugins.gates[r] = append(s.plugins.gates[r], announce.New(announce.Options{
				Lanes: []string{"a", "b"}, All: true, Deliver: func(n filterqueue.Notice) { s.tell(x, r, n) },
			}))
		}
		s.roots = append(s.roots, r)
	}
	return s
}

func (s *site) paths(x *extension) (out []string) {
	x.runner.Leave()
	for _, ev := range x.runner.Take() {
		out = append(out, ev.FullPath())
	}
	slices.Sort(out)
	return out
}

// TestInheritPlugins: what a plugin had not got, what waited for its remotes,
// and what was to be listed for it goes to the plugin of its name; what waited
// for a localpath that is gone is told; what a plugin that is gone had not got
// is logged.
func TestInheritPlugins(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	log := zap.New(core)
	old := siteOf(log, []string{"/kept", "/gone"}, "x", "dropped")
	next := siteOf(log, []string{"/new", "/kept"}, "x")
	now := time.Now()
	for _, r := range old.roots {
		for i := range old.plugins.list {
			g := old.plugins.gates[r][i]
			g.Changed(filterqueue.Notice{Path: "waits", Marked: true}, now)
			g.Changed(filterqueue.Notice{Path: "half", Marked: true}, now)
			g.Settled("a", "half", false, true, now)
		}
	}
	for _, x := range old.plugins.list {
		old.tell(x, old.roots[0], filterqueue.Notice{Path: "undelivered"})
		for _, r := range old.roots {
			old.plugins.finder.add(find{x: x, root: r, path: "dir"})
		}
	}
	old.roots[0].links.written(0, 42, now)
	next.inherit(old)

	x := next.plugins.list[0]
	if got := strings.Join(next.paths(x), " "); got != "/gone/half /gone/waits /kept/undelivered" {
		t.Errorf("to deliver: %q", got)
	}
	kept := next.roots[1]
	gate := next.plugins.gates[kept][0]
	if n := gate.Waiting(); n != 2 {
		t.Errorf("%d wait, want 2", n)
	}
	gate.Settled("b", "half", false, true, now)
	if n := gate.Waiting(); n != 1 {
		t.Errorf("%d wait once the last lane has one, want 1: what a lane had settled must stay settled", n)
	}
	for _, want := range []*root{kept, old.roots[1]} {
		if f, ok := next.plugins.finder.next(); !ok || f.x != x || f.root != want || f.path != "dir" {
			t.Errorf("to list: %+v, want %s", f, want.dir)
		}
	}
	if f, ok := next.plugins.finder.next(); ok {
		t.Errorf("to list, too: %+v", f)
	}
	if kept.links.oldest() != now {
		t.Error("the names that were to be looked for are forgotten")
	}
	found := logs.FilterMessage("plugin was taken out of the configuration before everything was delivered").All()
	if len(found) != 1 || found[0].ContextMap()["plugin"] != "dropped" || found[0].ContextMap()["undelivered"] != int64(5) {
		t.Errorf("logged: %v", logs.All())
	}
}

// TestWatermarkWaits: it does not pass what still has to be looked for.
func TestWatermarkWaits(t *testing.T) {
	s := siteOf(zap.NewNop(), []string{t.TempDir()})
	r := s.roots[0]
	now := time.Now()
	if got := r.watermark(now); got != now {
		t.Errorf("nothing is waited for, and it is %v behind", now.Sub(got))
	}
	written := now.Add(-time.Minute)
	r.links.written(0, 42, now.Add(-time.Second))
	r.links.written(0, 43, written)
	if got := r.watermark(now); got != written {
		t.Errorf("%v behind, want a minute", now.Sub(got))
	}
	ended, end := context.WithCancel(t.Context())
	end()
	r.links.look(ended, now)
	if got := r.watermark(now); got != written {
		t.Errorf("after a look that was ended half-way: %v behind, want a minute", now.Sub(got))
	}
	r.links.look(t.Context(), now)
	if got := r.watermark(now); got != now {
		t.Errorf("after the look: %v behind", now.Sub(got))
	}
}

// TestScanEndedHalfWay: it is wanted still, from the earliest time on.
func TestScanEndedHalfWay(t *testing.T) {
	s := siteOf(zap.NewNop(), []string{t.TempDir()})
	r := s.roots[0]
	since := time.Now().Add(-time.Hour)
	r.suspect(since.Add(time.Minute))
	r.suspect(since)
	ended, end := context.WithCancel(t.Context())
	end()
	for range 20 { // it may see first that it is to end, or first that it is to scan
		r.askScan()
		if err := r.scan(ended); err != nil {
			t.Fatal(err)
		}
		if at, holds := r.scanWanted(); at != since || holds != 2 {
			t.Fatalf("wanted from %v on, %d holds; want %v and 2", at, holds, since)
		}
	}
	if !r.find(t.Context(), since) {
		t.Error("it cannot be done at all")
	}
}
