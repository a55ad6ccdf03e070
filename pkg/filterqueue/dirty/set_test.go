package dirty

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"
)

var t0 = time.Unix(1_700_000_000, 0)

func at(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }

func paths(items []Item) []string {
	out := make([]string, 0, len(items))
	for _, it := range items {
		out = append(out, it.Path)
	}
	return out
}

func wantPaths(t *testing.T, got []Item, want ...string) {
	t.Helper()
	p := paths(got)
	if len(p) != len(want) {
		t.Fatalf("took %q, want %q", p, want)
	}
	for i := range p {
		if p[i] != want[i] {
			t.Fatalf("took %q, want %q", p, want)
		}
	}
}

func TestTakesOldestFirstAndForgetsOnDone(t *testing.T) {
	d := New(t0, Limits{})
	d.Mark("b", 0, at(0))
	d.Mark("a/x", Content, at(1))
	d.Mark("b", Content, at(2))
	got := d.Take(at(3), 10)
	wantPaths(t, got, "b", "a/x")
	if got[0].Flags != Content || !got[0].Since.Equal(at(0)) {
		t.Fatalf("item %+v: flags and first mark were not kept", got[0])
	}
	d.Done(got[0])
	d.Done(got[1])
	if s := d.Stats(); s != (Stats{}) {
		t.Fatalf("stats %+v after all was done", s)
	}
	if d.root.children != nil {
		t.Fatal("nodes are left behind")
	}
}

func TestTheLatestMarkIsKept(t *testing.T) {
	d := New(t0, Limits{})
	d.Mark("f", Content, at(1))
	d.Mark("f", Content, at(2))
	for _, want := range []int{2, 2, 5, 5} {
		got := d.Take(at(9), 9)
		wantPaths(t, got, "f")
		if !got[0].Last.Equal(at(want)) || !got[0].Since.Equal(at(1)) {
			t.Fatalf("%+v: want the first mark of 1 and the latest one of %d", got[0], want)
		}
		if want == 2 && got[0].Attempt == 1 {
			d.Mark("f", Arrival, at(5))
		}
		got[0].Attempt++
		d.Return(got[0], time.Time{})
	}
}

func TestRemarkInFlightStaysDirty(t *testing.T) {
	d := New(t0, Limits{})
	d.Mark("d", Tree|Gone, at(0))
	first := d.Take(at(1), 1)
	d.Mark("d", 0, at(2))
	wantPaths(t, d.Take(at(3), 9))
	d.Done(first[0])
	got := d.Take(at(4), 9)
	wantPaths(t, got, "d")
	if got[0].Flags != Tree|Gone || !got[0].Since.Equal(at(2)) {
		t.Fatalf("item %+v: want tree and gone inherited, and the age of the second mark", got[0])
	}
}

func TestLookedIsReadyOnFreshEvent(t *testing.T) {
	for _, c := range []struct {
		name    string
		attempt int
		want    []string
	}{
		{"second look", 0, []string{"f"}},
		{"failed", 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := New(t0, Limits{})
			d.Mark("f", 0, at(0))
			it := d.Take(at(0), 1)[0]
			it.Looked, it.Attempt = true, c.attempt
			d.Return(it, at(1000))
			wantPaths(t, d.Take(at(1), 9))
			if next, ok := d.NextReady(at(1)); !ok || !next.Equal(at(1000)) {
				t.Fatalf("next ready %v %v", next, ok)
			}
			d.Mark("f", 0, at(2))
			wantPaths(t, d.Take(at(3), 9), c.want...)
		})
	}
}

func TestFailingTreeDoesNotHoldUpNewChanges(t *testing.T) {
	d := New(t0, Limits{})
	d.Mark("d", Tree, at(0))
	it := d.Take(at(0), 1)[0]
	it.Attempt = 3
	d.Return(it, at(60_000))
	d.Mark("d/new", Content, at(1))
	wantPaths(t, d.Take(at(2), 9), "d/new")
	if f := d.Failing(9); len(f) != 1 || f[0].Path != "d" || f[0].Attempt != 3 {
		t.Fatalf("failing %+v", f)
	}
	d.RetryNow()
	wantPaths(t, d.Take(at(3), 9)) // d/new is still in flight
	d.Done(Item{Path: "d/new"})
	wantPaths(t, d.Take(at(4), 9), "d")
}

func TestReadySignals(t *testing.T) {
	d := New(t0, Limits{})
	signalled := func() bool {
		select {
		case <-d.Ready():
			return true
		default:
			return false
		}
	}
	d.Mark("a", 0, at(0))
	if !signalled() {
		t.Fatal("no signal for a mark")
	}
	it := d.Take(at(1), 9)[0]
	d.Mark("a", 0, at(2))
	if signalled() {
		t.Fatal("signal for a mark that is blocked")
	}
	d.Done(it)
	if !signalled() {
		t.Fatal("no signal when the flight ended")
	}
	d.Mark("b", 0, at(3))
	d.Mark("c", 0, at(3))
	signalled()
	d.Take(at(4), 1)
	if !signalled() {
		t.Fatal("no signal for what Take left")
	}
}

func TestClockSetBackMakesOldestEarlier(t *testing.T) {
	d := New(t0, Limits{})
	d.Mark("a", 0, at(3_600_000))
	d.Mark("b", 0, at(0))
	if o := d.Stats().Oldest; o.After(at(0)) {
		t.Fatalf("oldest %v is later than a change that is still dirty", o)
	}
}

func TestCollapse(t *testing.T) {
	d := New(t0, Limits{FanOut: 50, Spare: 200})
	for i := range 200 {
		d.Mark(fmt.Sprintf("other/%d/f", i/10), 0, at(0))
	}
	d.Mark("big/flying", 0, at(1))
	var flying Item
	for _, it := range d.Take(at(1), 1000) {
		if it.Path == "big/flying" {
			flying = it
			continue
		}
		d.Done(it)
	}
	for i := range 400 {
		d.Mark(fmt.Sprintf("spare/%d/%d", i%20, i), 0, at(2))
	}
	for i := range 100_000 {
		d.Mark(fmt.Sprintf("big/%d/x", i), Gone, at(3))
	}
	if s := d.Stats(); s.Pending > 500 || s.Collapsed != 1 {
		t.Fatalf("stats %+v: want one directory in the place of its entries", s)
	}
	d.Done(flying)
	for _, it := range d.Take(at(4), 1000) {
		if it.Path != "big" {
			continue
		}
		if it.Flags != Tree|Extras || !it.Since.Equal(at(3)) {
			t.Fatalf("collapsed directory %+v", it)
		}
		return
	}
	t.Fatal("the collapsed directory does not come out")
}

func TestIsBoundedForAnyShape(t *testing.T) {
	d := New(t0, Limits{FanOut: 64, Spare: 100, Ceiling: 1000})
	r := rand.New(rand.NewPCG(1, 2))
	for range 60_000 {
		d.Mark(fmt.Sprintf("%d/%d/%d/%d", r.IntN(60), r.IntN(60), r.IntN(60), r.IntN(60)), 0, at(0))
	}
	if s := d.Stats(); s.Pending > 4000 {
		t.Fatalf("%d pending", s.Pending)
	}
	checkCounts(t, d.root)
}

func TestConcurrentUse(t *testing.T) {
	d := New(t0, Limits{})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 3000 {
				d.Mark(fmt.Sprintf("%d/%d", i%7, (i*w)%50), Flags(i%16), at(i))
				if i%3 != 0 {
					continue
				}
				for _, it := range d.Take(at(i), 5) {
					if i%2 == 0 {
						d.Done(it)
					} else {
						d.Return(it, at(i+1))
					}
				}
			}
		})
	}
	wg.Wait()
	checkCounts(t, d.root)
	if s := d.Stats(); s.InFlight != 0 {
		t.Fatalf("stats %+v", s)
	}
}

// BenchmarkMarkTakeDone measures the way of one path: mark, take, done.
func BenchmarkMarkTakeDone(b *testing.B) {
	const n = 100_000
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("srv/www/%d/file-%d", i/1000, i)
	}
	d := New(t0, Limits{})
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		d.Mark(names[i%n], Content, t0)
		if i%1000 == 999 {
			for _, it := range d.Take(t0, 1000) {
				d.Done(it)
			}
		}
	}
}

// BenchmarkMemory reports the bytes that one pending path costs.
func BenchmarkMemory(b *testing.B) {
	const n = 1_000_000
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("srv/www/%d/file-%d", i/1000, i)
	}
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		d := New(t0, Limits{})
		for _, name := range names {
			d.Mark(name, Content, t0)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if d.Stats().Pending != n {
			b.Fatalf("stats %+v", d.Stats())
		}
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/path")
}

// TestBusyDirectoryIsNotQuadratic empties a set with a directory of very many dirty entries. The
// directory itself is marked again during every run, and each time the remaining entries are put
// behind it.
func TestBusyDirectoryIsNotQuadratic(t *testing.T) {
	const n, batch = 100_000, 10_000
	d := New(t0, Limits{FanOut: n + 1})
	d.Mark("d", 0, at(0))
	for i := range n {
		d.Mark(fmt.Sprintf("d/%d", i), Content, at(0))
	}
	done := map[string]bool{}
	takes := 0
	for ; d.Stats().Pending > 0; takes++ {
		got := d.Take(at(takes), batch)
		if len(got) == 0 || got[0].Path != "d" {
			t.Fatalf("take %d begins with %d paths, not with the directory", takes, len(got))
		}
		if more := d.Take(at(takes), 1); len(more) > 0 {
			t.Fatalf("took %q while its directory was in flight", more[0].Path)
		}
		if len(done) < n {
			d.Mark("d", 0, at(takes))
		}
		for _, it := range got {
			done[it.Path] = true
			d.Done(it)
		}
	}
	if len(done) != n+1 || takes > 2*n/batch {
		t.Errorf("%d paths came out in %d takes, want %d", len(done), takes, n+1)
	}
}

func TestCovers(t *testing.T) {
	d := New(t0, Limits{})
	now := time.Unix(1000, 0)
	for path, f := range map[string]Flags{"flat": 0, "tree": Tree, "flying": Tree, "a/b": 0} {
		d.Mark(path, f, now)
	}
	for _, it := range d.Take(now, 10) {
		if it.Path != "flying" {
			d.Return(it, time.Time{})
		}
	}
	for path, want := range map[string]bool{
		"": false, "flat": true, "flat/x": false, "tree": true, "tree/x": true, "tree/x/y": true, "flying": true, "flying/x": true,
		"a": false, "a/b": true, "a/b/c": false, "a/c": false, "tre": false,
	} {
		if got := d.Covers(path); got != want {
			t.Errorf("%q: %v, want %v", path, got, want)
		}
	}
	d.Mark("", 0, now)
	if !d.Covers("") || d.Covers("a") {
		t.Error("the root alone")
	}
	d.Mark("", Tree, now)
	if !d.Covers("anything/at/all") {
		t.Error("the whole tree")
	}
}
