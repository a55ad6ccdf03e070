package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/fanotify"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/inotify"
	"github.com/sersync/sersync/pkg/nameset"
)

// gate is the Handler of a watch root that a test can hold up, so that the kernel's queue fills.
type gate struct {
	queue   *filterqueue.Queue
	watched chan struct{}
	held    chan struct{} // closed when the first event has come
	open    chan struct{} // closed to let the handler go on
	all     chan struct{} // closed when the last event has come
	seen    int
	changes int // how many changes the events were about
	began   time.Time
	allocs  uint64
	took    time.Duration
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

func (g *gate) Event(e fsevent.Event) {
	if g.seen == 0 {
		close(g.held)
		<-g.open
		g.allocs, g.began = mallocs(), time.Now()
	}
	g.seen++
	g.queue.Event(e)
	if e.Path == lastFile && e.Op == fsevent.CloseWrite {
		g.took, g.allocs = time.Since(g.began), mallocs()-g.allocs
		close(g.all)
	}
}

func (g *gate) Overflow()                      {}
func (g *gate) Repaired()                      {}
func (g *gate) Vanished(string, *nameset.Set)  {}
func (g *gate) Mount(string, bool)             {}
func (g *gate) Uncovered(path string, _ error) {}
func (g *gate) Root(s fsevent.RootState) {
	if s == fsevent.RootWatched {
		close(g.watched)
	}
}

// lane is a dirty set of the same kind as that of a lane.
type lane struct{ *dirty.Set }

func (l lane) Mark(path string, f dirty.Flags) { l.Set.Mark(path, f, time.Now()) }

func (l lane) MarkMoved(path, from string, f dirty.Flags) {
	l.Set.Moves().Mark(path, from, f, time.Now())
}

// lastFile is written after all other files.
const lastFile = "last"

// BenchmarkEvents measures how fast the events of a full kernel queue are decoded, filtered and
// queued, with either back end.
func BenchmarkEvents(b *testing.B) {
	once(b)
	inotify.RaiseLimits(zap.NewNop())
	filter, problems := filterqueue.Compile([]confxml.Expression{{Text: `(.*)\.svn`}, {Text: `(.*)\.gz`}, {Text: `^info/*`}, {Text: `^static/*`}})
	if len(problems) > 0 {
		b.Fatal(problems)
	}
	backends := []struct {
		name string
		goal float64 // the least changes a second
		most float64 // the most allocations for a change
		make func(root string) (fsevent.Watcher, error)
	}{
		{"inotify", 500_000, 1, func(root string) (fsevent.Watcher, error) {
			return inotify.New(root, inotify.Options{CloseWrite: true})
		}},
		{"fanotify", 1_000_000, 2, func(root string) (fsevent.Watcher, error) {
			return fanotify.New(root, fanotify.Options{CloseWrite: true})
		}},
	}
	for _, by := range backends {
		s := series{name: "300,000 changes: files created, closed and removed, four filters on"}
		var perSecond, perChange []float64
		for range repeats(5) {
			g := storm(b, by.make, filter, 5000, 20)
			s.add(g.took, 0, 0, 0)
			perSecond = append(perSecond, float64(g.changes)/g.took.Seconds())
			perChange = append(perChange, float64(g.allocs)/float64(g.changes))
			s.note = fmt.Sprintf("%d events told", g.seen)
		}
		rate, allocs := quantile(perSecond, 0.5), quantile(perChange, 0.5)
		add(b, row{
			Work:    "events decoded, filtered and queued (real kernel queue), " + by.name,
			Goal:    fmt.Sprintf(">= %.0f changes per second, <= %.0f allocations each", by.goal, by.most),
			Reached: fmt.Sprintf("%.0f per second, %.2f allocations each", rate, allocs),
			OK:      rate >= by.goal && allocs <= by.most, Figures: []figure{s.figure()},
		})
	}
}

// storm makes and removes files in rounds while the reader is held up, then lets the reader read.
func storm(b *testing.B, by func(root string) (fsevent.Watcher, error), filter *filterqueue.Filter, files, rounds int) *gate {
	b.Helper()
	root := b.TempDir()
	paths := make([]string, files)
	for i := range paths {
		dir := fmt.Sprintf("%s/directory%02d", root, i%30)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		paths[i] = filepath.Join(dir, fmt.Sprintf("some-file-%05d.html", i))
	}
	g := &gate{
		watched: make(chan struct{}), held: make(chan struct{}), open: make(chan struct{}), all: make(chan struct{}),
		changes: 3 * files * rounds,
	}
	g.queue = filterqueue.New(filterqueue.Options{
		Switches: confxml.Switches{Delete: true, CreateFolder: true, CloseWrite: true, MoveFrom: true, MoveTo: true},
		Filter:   filter, Sinks: []filterqueue.Sink{lane{dirty.New(time.Now(), dirty.Limits{})}},
	})
	w, err := by(root)
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { err = w.Run(ctx, g) })
	<-g.watched
	for round := range rounds {
		for _, p := range paths {
			f, err := os.OpenFile(p, os.O_WRONLY|os.O_CREATE, 0o644)
			if err != nil {
				b.Fatal(err)
			}
			f.Close()
		}
		if round == 0 {
			<-g.held
		}
		for _, p := range paths {
			if err := os.Remove(p); err != nil {
				b.Fatal(err)
			}
		}
	}
	write(b, filepath.Join(root, lastFile), nil)
	close(g.open)
	<-g.all
	stop()
	running.Wait()
	if err != nil {
		b.Fatal(err)
	}
	return g
}
