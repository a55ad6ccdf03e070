package dirty

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestAgainstModel(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			x := &modelRun{
				t: t, r: rand.New(rand.NewPCG(seed, 1)), d: New(t0, Limits{}), now: t0,
				m: model{pend: map[string]*modelMark{}, fly: map[string]*modelMark{}},
			}
			for range 600 {
				x.step()
				x.check()
			}
			// From here on nothing changes: everything that is left must come out, each path once.
			for left := 0; x.d.Stats().Pending+x.d.Stats().InFlight > 0; left++ {
				if left > 1000 {
					t.Fatalf("stuck with %+v", x.d.Stats())
				}
				for it, ok := x.pick(); ok; it, ok = x.pick() {
					x.done(it)
				}
				x.now = x.now.Add(time.Second)
				x.take()
			}
			if x.d.root.children != nil || len(x.d.delayed) > 0 || len(x.d.failing) > 0 {
				t.Fatal("something is left behind")
			}
		})
	}
}

type modelRun struct {
	t      *testing.T
	r      *rand.Rand
	d      *Set
	m      model
	now    time.Time
	flying []Item
}

func (x *modelRun) path() string {
	depth := x.r.IntN(4)
	parts := make([]string, depth)
	for i := range parts {
		// Some directories get so many entries that they are not searched in order.
		parts[i] = string(rune('a' + x.r.IntN([]int{2, 12, 3}[i])))
	}
	return strings.Join(parts, "/")
}

func (x *modelRun) flags() Flags {
	f := Flags(x.r.IntN(16))
	if x.r.IntN(3) > 0 {
		f &^= Tree
	}
	return f
}

func (x *modelRun) pick() (Item, bool) {
	if len(x.flying) == 0 {
		return Item{}, false
	}
	i := x.r.IntN(len(x.flying))
	it := x.flying[i]
	x.flying = append(x.flying[:i], x.flying[i+1:]...)
	return it, true
}

func (x *modelRun) take() {
	limit := 1 + x.r.IntN(12)
	can := x.m.takeable(x.now)
	got := x.d.Take(x.now, limit)
	if len(got) != min(limit, len(can)) {
		x.t.Fatalf("took %q, of %d at most %d", paths(got), len(can), limit)
	}
	for i, it := range got {
		if !can[it.Path] {
			x.t.Fatalf("took %q, which is blocked or not pending", it.Path)
		}
		k := x.m.pend[it.Path]
		if it.Flags != k.flags || it.Attempt != k.attempt || it.Looked != k.looked || !it.Since.Equal(k.since) {
			x.t.Fatalf("took %+v, want %+v", it, *k)
		}
		for _, before := range got[:i] {
			if under(before.Path, it.Path) {
				x.t.Fatalf("%q came before its parent %q", before.Path, it.Path)
			}
			if it.Flags&Tree != 0 && under(before.Path, it.Path) || before.Flags&Tree != 0 && under(it.Path, before.Path) {
				x.t.Fatalf("tree and entry together: %q and %q", before.Path, it.Path)
			}
		}
	}
	for _, it := range got {
		k := x.m.pend[it.Path]
		if k.flags&(Extras|Gone) == Extras {
			k.hash(k.gone)
			k.gone = nil
		}
		x.m.fly[it.Path] = k
		delete(x.m.pend, it.Path)
	}
	x.flying = append(x.flying, got...)
}

func (x *modelRun) back() {
	it, ok := x.pick()
	if !ok {
		return
	}
	switch x.r.IntN(4) {
	case 0, 1:
		x.done(it)
	case 2:
		it.Attempt, it.Looked = x.r.IntN(3), x.r.IntN(2) == 0
		if x.r.IntN(3) == 0 {
			it.Flags |= Tree
		}
		var until time.Time
		if x.r.IntN(4) > 0 {
			until = x.now.Add(time.Duration(x.r.IntN(200)) * time.Millisecond)
		}
		x.d.Return(it, until)
		x.m.giveBack(it, until)
	case 3:
		heir, f := it.Path, x.flags()
		if i := strings.LastIndexByte(heir, '/'); i >= 0 {
			heir = heir[:i]
		}
		x.d.Drop(it, heir, f, x.now)
		k := x.m.fly[it.Path]
		delete(x.m.fly, it.Path)
		heir = x.m.mark(heir, f, x.now)
		x.m.pend[heir].since = older(x.m.pend[heir].since, k.since)
		x.m.land(k, x.now)
	}
}

func (x *modelRun) done(it Item) {
	x.d.Done(it)
	k := x.m.fly[it.Path]
	delete(x.m.fly, it.Path)
	x.m.land(k, x.now)
}

func (x *modelRun) step() {
	x.now = x.now.Add(time.Duration(x.r.IntN(20)) * time.Millisecond)
	switch n := x.r.IntN(100); {
	case n < 55:
		p, f := x.path(), x.flags()
		x.d.Mark(p, f, x.now)
		x.m.mark(p, f, x.now)
	case n < 75:
		x.take()
	case n < 98:
		x.back()
	default:
		x.d.RetryNow()
		for p := range x.m.pend {
			if k := x.m.pend[p]; k != nil {
				k.notBefore = time.Time{}
				x.m.absorbBelow(p)
			}
		}
	}
}

// check compares the whole state and the counters with the model.
func (x *modelRun) check() {
	x.t.Helper()
	var oldest time.Time
	failing := 0
	note := func(k *modelMark) {
		if oldest.IsZero() || k.since.Before(oldest) {
			oldest = k.since
		}
		if k.attempt > 0 {
			failing++
		}
	}
	for p, k := range x.m.pend {
		note(k)
		n := x.d.root.find(p)
		if n == nil || n.pend == nil || n.pend.item().Flags != k.flags || int(n.pend.attempt) != k.attempt ||
			n.pend.item().Looked != k.looked || (n.pend.where == delayedUntil) != !k.notBefore.IsZero() {
			x.t.Fatalf("%q is lost or differs from %+v", p, *k)
		}
		x.names(p, n.pend, k)
	}
	for p, k := range x.m.fly {
		note(k)
		x.names(p, x.d.root.find(p).fly, k)
	}
	want := Stats{Pending: len(x.m.pend), InFlight: len(x.m.fly), Delayed: failing, Oldest: oldest}
	if got := x.d.Stats(); !got.Oldest.Equal(want.Oldest) || got.Pending != want.Pending ||
		got.InFlight != want.InFlight || got.Delayed != want.Delayed {
		x.t.Fatalf("stats %+v, want %+v", got, want)
	}
	if got := len(x.d.Failing(1000)); got != failing {
		x.t.Fatalf("%d failing, want %d", got, failing)
	}
	checkCounts(x.t, x.d.root)
}

// names compares the deletions that wait for a tree.
func (x *modelRun) names(path string, m *mark, k *modelMark) {
	x.t.Helper()
	if k.flags&Gone == 0 && !maps.Equal(topmost(x.d.gone.names[m]), topmost(k.gone)) {
		x.t.Fatalf("for %q wait %v, want %v", path, x.d.gone.names[m], k.gone)
	}
	for p := range k.deleted {
		if !x.d.gone.hashes[m].Has(p) {
			x.t.Fatalf("for %q: %q is not known as deleted", path, p)
		}
	}
}

// topmost leaves out the deletions below a directory that is deleted as well: whether these are
// named, too, depends on the order of the marks.
func topmost(gone map[string]Flags) map[string]Flags {
	out := maps.Clone(gone)
	maps.DeleteFunc(out, func(p string, _ Flags) bool {
		for dir, f := range gone {
			if f&Tree != 0 && under(p, dir) {
				return true
			}
		}
		return false
	})
	return out
}

// checkCounts compares the counts that each node keeps with what is below it.
func checkCounts(t *testing.T, n *node) (pend, fly int32) {
	t.Helper()
	var dirty int32
	n.each(func(k *node) {
		p, f := checkCounts(t, k)
		if k.pend == nil && k.fly == nil && k.children == nil {
			t.Fatalf("%q was not removed", k.path)
		}
		if p > 0 {
			dirty++
		}
		pend, fly = pend+p, fly+f
	})
	if n.pendBelow != pend || n.flyBelow != fly || n.dirtyKids != dirty {
		t.Fatalf("%q counts %d %d %d, has %d %d %d", n.path, n.pendBelow, n.flyBelow, n.dirtyKids, pend, fly, dirty)
	}
	if n.pend != nil {
		pend++
	}
	if n.fly != nil {
		fly++
	}
	return pend, fly
}
