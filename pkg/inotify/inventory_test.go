package inotify

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/nameset"

	"github.com/sersync/sersync/pkg/fsevent/watchertest"
)

func TestNamesAgainstMap(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	var s names64
	want := map[nameset.Name]nameset.Name{}
	for i := range 60_000 {
		n := nameset.NameOf(fmt.Append(nil, r.IntN(3000)))
		if grow := i/10_000%2 == 0; grow || r.IntN(20) == 0 {
			bit := nameset.Name(r.IntN(2))
			s.set(n, bit)
			want[n] = bit
		} else {
			s.remove(n)
			delete(want, n)
		}
		if i%1000 > 0 {
			continue
		}
		if s.table.Len() != len(want) || len(s.marked(0))+len(s.marked(1)) != len(want) {
			t.Fatalf("%d names, want %d", s.table.Len(), len(want))
		}
		for n, bit := range want {
			if s.table.Get(hashOf(n), same(n)) != n|bit {
				t.Fatalf("%x is lost", n)
			}
		}
	}
	s.mark(1)
	if len(s.marked(0)) != 0 {
		t.Error("not all are marked")
	}
}

func TestInventory(t *testing.T) {
	v := newInventory()
	list := func(names ...string) {
		var batch []fstree.Entry
		for _, n := range names {
			batch = append(batch, fstree.Entry{Name: []byte(n)})
		}
		v.listed(1, batch)
	}
	event := func(name string, op fsevent.Op) { v.event(1, []byte(name), op, true) }
	lost := func(want ...string) {
		t.Helper()
		got := v.lost()[1]
		var all []nameset.Name
		for _, w := range want {
			all = append(all, nameset.NameOf([]byte(w)))
		}
		slices.Sort(got)
		slices.Sort(all)
		if !slices.Equal(got, all) {
			t.Errorf("lost %d names, want %q", len(got), want)
		}
	}
	list("a", "b", "c", "d")
	lost() // without an overflow nothing counts as lost
	event("b", fsevent.Delete)
	v.overflow()
	event("new", fsevent.Create)
	event("c", fsevent.MovedFrom)
	list("a", "c") // c was listed before it was moved away
	lost("d")
	v.calm()
	v.overflow()
	event("e", fsevent.MovedTo)
	v.overflow() // a second overflow while the first one is being repaired: e has to be seen again
	list("a")
	lost("e", "new")
	v.overflow()
	v.forget(1)
	lost()
	var none *inventory
	none.event(1, nil, fsevent.Create, true)
	none.listed(1, nil)
	none.overflow()
	none.forget(1)
	none.calm()
	if none.lost() != nil {
		t.Error("an inventory that is nil has lost something")
	}
}

// An entry that existed before an overflow and is gone after it is reported, whatever came and went
// before the overflow. Nothing else is reported.
func TestWhatVanishesInAnOverflowIsTold(t *testing.T) {
	base := t.TempDir()
	root, outside := watchertest.Mkdir(t, base, "root"), watchertest.Mkdir(t, base, "out")
	for _, f := range []string{"top", "stays", "gone-before"} {
		watchertest.Write(t, root, f)
	}
	for _, dir := range []string{"d", "moves", "whole/sub", "stale"} {
		watchertest.Write(t, watchertest.Mkdir(t, root, dir), "f")
		watchertest.Write(t, filepath.Join(root, dir), "keep")
	}
	var mu sync.Mutex
	told := map[string]*nameset.Set{}
	k := &watchertest.Told{Vanish: func(dir string, entries *nameset.Set) {
		mu.Lock()
		defer mu.Unlock()
		told[dir] = entries
	}}
	r := launch(t, root, Options{CloseWrite: true, kernel: shortQueue(t, 32), Inventory: func() bool { return true }}, k)
	r.Want("root watched", 1)
	r.Audit(nil)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Remove(filepath.Join(root, "gone-before")))
	watchertest.Rename(t, filepath.Join(root, "moves"), filepath.Join(root, "d", "moved"))
	watchertest.Write(t, root, "d", "came")
	must(os.Remove(filepath.Join(root, "stale", "f")))
	r.Want("close file d/came", 1)
	r.Want("delete file stale/f", 1)
	r.Audit(nil)

	release := r.Told.Hold()
	watchertest.Write(t, root, "first")
	r.Want("create file first", 1)
	for i := range 50 {
		watchertest.Write(t, root, fmt.Sprint("flood", i))
	}
	for _, f := range []string{"top", "d/f", "d/came", "d/moved/f"} {
		must(os.Remove(filepath.Join(root, f)))
	}
	must(os.RemoveAll(filepath.Join(root, "whole")))
	watchertest.Rename(t, filepath.Join(root, "stale"), filepath.Join(outside, "stale"))
	release()
	r.Want("repaired", 1)

	mu.Lock()
	defer mu.Unlock()
	known := func(path string) bool {
		for _, entries := range told {
			if entries.Has(path) {
				return true
			}
		}
		return false
	}
	for path, want := range map[string]bool{
		"top": true, "d/f": true, "d/came": true, "d/moved/f": true, "whole": true, "stale": true,
		"stays": false, "gone-before": false, "d/moved": false, "d/keep": false, "d/moved/keep": false, "moves": false,
		"moves/f": false, "foreign": false, "d/foreign": false, "first": false, "stale/f": false,
	} {
		if known(path) != want {
			t.Errorf("%s: told %v", path, !want)
		}
	}
}

// BenchmarkInventoryMemory reports how many bytes one entry costs.
func BenchmarkInventoryMemory(b *testing.B) {
	const n = 1_000_000
	for _, size := range []int{10, 100, 10_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var before, after runtime.MemStats
			for b.Loop() {
				runtime.GC()
				runtime.ReadMemStats(&before)
				v := newInventory()
				for i := range n {
					v.add(int32(i/size), nameset.NameOf(fmt.Append(nil, i)))
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				runtime.KeepAlive(v)
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/entry")
		})
	}
}
