package dirty

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/nameset"
)

// deletedOf lists those of the names that an item in flight has to have deleted.
func deletedOf(d *Set, it Item, names []string) (lost []string) {
	set := d.Deleted(it.Path)
	for _, name := range names {
		if it.Flags&Gone != 0 && (it.Path == name || under(name, it.Path)) || set.Has(name) {
			lost = append(lost, name)
		}
	}
	return lost
}

// However many deletions collapse into their directory, the directory itself never counts as
// deleted. When there is no room for more hashes, further deletions are forgotten.
func TestACollapsedDirectoryWasNotDeleted(t *testing.T) {
	for _, c := range []struct{ hashes, known, left int }{{1000, 400, 0}, {200, 200, 30}} {
		d := New(t0, Limits{FanOut: 10, Spare: 30, Hashes: c.hashes})
		var names []string
		for i := range 400 {
			name := fmt.Sprintf("d/f%d", i)
			names = append(names, name)
			d.Mark(name, Gone, t0)
		}
		items := d.Take(t0, 10)
		if len(items) != 1 || items[0].Path != "d" || items[0].Flags != Tree|Extras {
			t.Fatalf("took %+v", items)
		}
		if got := deletedOf(d, items[0], append(names, "d/foreign", "d")); len(got) != c.known {
			t.Errorf("%d deletions are known by a hash, want %d", len(got), c.known)
		}
		d.Done(items[0])
		if s := d.Stats(); s.Pending != c.left || d.gone.hashed != 0 || d.gone.named != 0 || len(d.gone.hashes) != 0 {
			t.Errorf("%d hashes, %d names and %d marks are left behind", d.gone.hashed, d.gone.named, s.Pending)
		}
	}
}

// Hashed deletions stay known when their tree is returned, is absorbed, or moves to another set.
func TestHashedDeletionsGoWithTheirTree(t *testing.T) {
	d := New(t0, Limits{FanOut: 1, Spare: 1})
	for _, name := range []string{"a/d/1", "a/d/2", "a/d/3", "a/d/4"} {
		d.Mark(name, Gone|Tree, t0)
	}
	it := d.Take(t0, 1)[0]
	before := deletedOf(d, it, []string{"a/d/2", "a/d/3", "a/d/4/x", "a/d/5"})
	if it.Path != "a/d" || len(before) == 0 {
		t.Fatalf("took %+v which knows %q", it, before)
	}
	d.Return(it, time.Time{})
	d.Mark("a", Tree, t0)
	next := New(t0, Limits{})
	next.TakeFrom(d, t0, func(it Item) time.Time { return it.Since })
	it = next.Take(t0, 1)[0]
	if got := deletedOf(next, it, before); it.Path != "a" || it.Flags != Tree|Extras || len(got) != len(before) {
		t.Errorf("took %+v which knows %q, want %q", it, got, before)
	}
}

func TestMarkDeleted(t *testing.T) {
	d := New(t0, Limits{})
	var gone nameset.Set
	gone.Add(nameset.KeyOf("d/f"))
	d.MarkDeleted("d", 0, &gone, t0)
	d.Mark("d/other", 0, t0)
	for _, it := range d.Take(t0, 10) {
		if knows := d.Deleted(it.Path).Has("d/f"); knows != (it.Path == "d") || (it.Flags == Extras) != knows {
			t.Errorf("%+v knows: %v", it, knows)
		}
	}
	if d.Deleted("d/f") != nil || d.Deleted("nothing") != nil {
		t.Error("something is known of what is not in flight")
	}
}

func TestAwaits(t *testing.T) {
	d := New(t0, Limits{})
	d.Mark("flies", Tree, t0)
	d.Take(t0, 10)
	d.Mark("flies/again", Gone, t0)
	d.Mark("tree", Tree, t0)
	d.Mark("flat", 0, t0)
	for path, want := range map[string]bool{
		"flies": false, "flies/x": false, "flies/again": true, "flies/again/x": false, "tree": true, "tree/x/y": true,
		"flat": true, "flat/x": false, "": false, "nothing": false,
	} {
		if d.Awaits(path) != want {
			t.Errorf("%q: %v", path, !want)
		}
	}
}

// Whatever happens in a set with narrow bounds, a path that was not deleted itself is never handed
// out as deleted, nor known as deleted.
func TestNoBoundWidensADeletion(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 3))
		d := New(t0, Limits{FanOut: 2, Spare: 5, Ceiling: 20, Hashes: 30})
		deleted, names, flying := map[string]bool{}, []string{}, []Item{}
		for i := range 3000 {
			name := fmt.Sprintf("%c/%c/%d", 'a'+r.IntN(3), 'a'+r.IntN(3), r.IntN(20))
			switch n := r.IntN(10); {
			case n < 5 && r.IntN(2) == 0: // every path may be deleted but those that end in 7
				if name[len(name)-1] != '7' {
					deleted[name] = true
					d.Mark(name, Gone, t0)
				}
			case n < 5:
				d.Mark(name[:3], Flags(r.IntN(2))*Tree, t0)
			case n < 7:
				flying = append(flying, d.Take(t0.Add(time.Duration(i)), 1+r.IntN(4))...)
			case len(flying) > 0:
				it := flying[0]
				flying = flying[1:]
				if r.IntN(2) == 0 {
					d.Return(it, time.Time{})
				} else {
					d.Done(it)
				}
			}
			names = append(names, name)
			for _, it := range flying {
				if it.Flags&Gone != 0 && !deleted[it.Path] {
					t.Fatalf("seed %d: %q counts as deleted", seed, it.Path)
				}
				for _, name := range names[max(0, len(names)-50):] {
					if d.Deleted(it.Path).Has(name) && !deleted[name] {
						t.Fatalf("seed %d: %q is known as deleted in %q", seed, name, it.Path)
					}
				}
			}
		}
	}
}
