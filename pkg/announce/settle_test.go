package announce

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/filterqueue"
)

// TestDropsAreReported: each path that is dropped is reported.
func TestDropsAreReported(t *testing.T) {
	var full []string
	g := New(Options{Lanes: []string{"a"}, All: true, Max: 1, Deliver: func(filterqueue.Notice) {},
		Full: func(n filterqueue.Notice, dropped uint64) { full = append(full, fmt.Sprint(n.Path, dropped)) }})
	play(g, "+f@1 +g@1 +f@2 +h@3")
	if !slices.Equal(full, []string{"g1", "h2"}) {
		t.Errorf("reported %q", full)
	}
}

// TestOrder: while lanes and events race, the last notice of a path that is delivered is its newest
// one.
func TestOrder(t *testing.T) {
	const changes = 3000
	var last int64
	g := New(Options{Lanes: []string{"a", "b"}, Deliver: func(n filterqueue.Notice) {
		if n.At.UnixNano() < last {
			t.Errorf("notice %d after %d", n.At.UnixNano(), last)
		}
		last = n.At.UnixNano()
	}})
	done := make(chan struct{})
	var lanes sync.WaitGroup
	for _, lane := range []string{"a", "b"} {
		lanes.Go(func() {
			for {
				g.Settled(lane, "f", false, true, time.Now())
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range changes {
		g.Changed(filterqueue.Notice{Path: "f", Marked: true, At: time.Unix(0, int64(i))}, time.Now())
	}
	close(done)
	lanes.Wait()
	for _, lane := range []string{"a", "b"} {
		g.Settled(lane, "f", false, true, time.Now())
	}
	if last != changes-1 {
		t.Errorf("the last notice told is %d", last)
	}
}

// TestTreeModel compares the tree of paths with a map that gets the same calls.
func TestTreeModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var tr tree
	model := map[string]*entry{}
	for range 20_000 {
		var names []string
		for range 1 + r.IntN(4) {
			names = append(names, fmt.Sprint(r.IntN(4)))
		}
		path := strings.Join(names, "/")
		switch {
		case r.IntN(2) == 0:
			tr.remove(path)
			delete(model, path)
		case tr.find(path) == nil:
			model[path] = &entry{notice: filterqueue.Notice{Path: path}}
			tr.put(path, model[path])
		}
		below := 0
		for p := range model {
			if p == path || strings.HasPrefix(p, path+"/") {
				below++
			}
		}
		if got := tr.within(path); len(got) != below || tr.size != len(model) || tr.find(path) != model[path] {
			t.Fatalf("%s: %d of %d below, size %d of %d", path, len(got), below, tr.size, len(model))
		}
	}
	for p := range model {
		tr.remove(p)
	}
	if tr.size != 0 || len(tr.root.below) != 0 {
		t.Errorf("emptied, it holds %d and %d nodes", tr.size, len(tr.root.below))
	}
}

// BenchmarkSettledTrees settles directories while many paths wait.
func BenchmarkSettledTrees(b *testing.B) {
	g := New(Options{Lanes: []string{"a"}, All: true, Deliver: func(filterqueue.Notice) {}})
	now := time.Now()
	for i := range 99_000 {
		g.Changed(filterqueue.Notice{Path: fmt.Sprintf("other/%d/%d", i%100, i), Marked: true}, now)
	}
	b.ResetTimer()
	for range b.N {
		g.Changed(filterqueue.Notice{Path: "d/f", Marked: true}, now)
		g.Settled("a", "d", true, true, now)
	}
}
