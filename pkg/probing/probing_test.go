package probing

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestAgainstAMap makes the same calls to a table and to a map. Most hashes collide.
func TestAgainstAMap(t *testing.T) {
	hash := func(n int) uint64 { return uint64(n) % 23 * 0x9e3779b97f4a7c15 }
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var table Table[int]
		want := map[int]bool{}
		for step := range 4000 {
			n := 1 + rnd.IntN(200)
			is := func(other int) bool { return other == n }
			if rnd.IntN(5) < 2+step/2000 {
				table.Put(hash(n), n, is, hash)
				want[n] = true
			} else {
				table.Remove(hash(n), is, hash)
				delete(want, n)
			}
			if (table.Get(hash(n), is) == n) != want[n] || table.Len() != len(want) {
				t.Fatalf("seed %d, step %d: %d is there: %v, %d elements, want %d", seed, step, n, !want[n], table.Len(), len(want))
			}
		}
		var got []int
		for _, n := range table.Slots() {
			if n != 0 {
				got = append(got, n)
			}
		}
		if slices.Sort(got); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
			t.Fatalf("seed %d: %v", seed, got)
		}
	}
}

// TestShrinks: a table that has become small gives its memory back.
func TestShrinks(t *testing.T) {
	hash := func(n int) uint64 { return uint64(n) * 0x9e3779b97f4a7c15 >> 20 }
	var table Table[int]
	for n := 1; n <= 100_000; n++ {
		table.Put(hash(n), n, func(o int) bool { return o == n }, hash)
	}
	if full := len(table.Slots()); full > 400_000 {
		t.Errorf("%d slots for 100,000 elements", full)
	}
	for n := 11; n <= 100_000; n++ {
		table.Remove(hash(n), func(o int) bool { return o == n }, hash)
	}
	if left := len(table.Slots()); left > 160 {
		t.Errorf("%d slots for %d elements", left, table.Len())
	}
	for n := 1; n <= 10; n++ {
		if table.Get(hash(n), func(o int) bool { return o == n }) != n {
			t.Errorf("%d is lost", n)
		}
	}
}
