package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// neighbour makes, closes and removes files beside a watch root, on the same file
// system.
type neighbour struct {
	dirs   []string
	events atomic.Int64
}

const (
	// busy is how many events a second a busy neighbour causes.
	busy = 50_000
	// eventsOf is how many events a file causes that comes and goes: create, close, delete.
	eventsOf = 3
)

func newNeighbour(b *testing.B) *neighbour {
	b.Helper()
	n, base := &neighbour{}, b.TempDir()
	for i := range 100 {
		n.dirs = append(n.dirs, fmt.Sprintf("%s/out%02d", base, i))
		if err := os.Mkdir(n.dirs[i], 0o755); err != nil {
			b.Fatal(err)
		}
	}
	return n
}

// run makes and removes files until ctx ends, in short bursts, at the rate busy.
func (n *neighbour) run(ctx context.Context) error {
	const burst = 250
	began := time.Now()
	for i := 0; ctx.Err() == nil; {
		for range burst {
			path := filepath.Join(n.dirs[i%len(n.dirs)], fmt.Sprint("file", i))
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
			if err != nil {
				return err
			}
			f.Close()
			if err := os.Remove(path); err != nil {
				return err
			}
			i++
		}
		n.events.Add(burst * eventsOf)
		due := began.Add(time.Second / busy * time.Duration(i*eventsOf))
		select {
		case <-time.After(time.Until(due)): // returns at once when the file system was too slow
		case <-ctx.Done():
		}
	}
	return nil
}

// BenchmarkNeighbour measures what a program costs that changes many files on the same file system,
// outside of the watch root: while nothing happens inside of it, and while files are written there.
func BenchmarkNeighbour(b *testing.B) {
	once(b)
	c := productWith(b, byFanotify, byMark)
	in := watch(b, c.dst)
	n := newNeighbour(b)
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	var failed error
	wg.Go(func() { failed = n.run(ctx) })
	<-time.After(time.Second)

	window := time.Duration(scale(30)) * time.Second
	before, events, began := tree(c.pid).cpu, n.events.Load(), time.Now()
	<-time.After(window)
	took := time.Since(began).Seconds()
	share, rate := 100*(tree(c.pid).cpu-before)/took, float64(n.events.Load()-events)/took

	for i := range scale(40) {
		c.times = append(c.times, c.change(in, small(i)))
		<-time.After(300 * time.Millisecond)
	}
	s := spec{dirs: 10, files: scale(1000), least: 1 << 10, most: 2 << 10}
	s.make(b, c.src, "burst")
	if _, ok := arrived(c.dst, s.paths("burst")); !ok {
		b.Fatal("files that were written beside a busy neighbour are missing")
	}
	if err := os.RemoveAll(filepath.Join(c.src, "burst")); err != nil {
		b.Fatal(err)
	}
	if _, ok := vanished(filepath.Join(c.dst, "burst")); !ok {
		b.Fatal("files that were removed beside a busy neighbour are still there")
	}
	cancel()
	wg.Wait()
	if failed != nil {
		b.Fatal(failed)
	}
	const most = 5
	f := c.figure()
	add(b, row{
		Work: "a busy neighbour on the same file system, fanotify", Goal: fmt.Sprintf("%d events per second outside: <= %d %% of a core, nothing lost", busy, most),
		Reached: fmt.Sprintf("%.0f events per second, %.1f %%; one small file meanwhile p50 %.1f ms, p95 %.1f ms; %d files came and went", rate, share, f.P50, f.P95, s.files),
		OK:      share <= most && rate >= 0.95*busy, Figures: []figure{f},
	})
}
