package dirty

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestChildrenAgainstMap(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	var c children
	want := map[string]*node{}
	for i := range 60_000 {
		// The set grows to some thousand names and shrinks to a few, several times.
		grow := i/10_000%2 == 0
		name := fmt.Sprint(r.IntN(5000))
		switch k := want[name]; {
		case k == nil && (grow || r.IntN(20) == 0):
			k = &node{path: "d/" + name}
			want[name] = k
			c.add(k)
		case k != nil && (!grow || r.IntN(20) == 0):
			delete(want, name)
			c.remove(k)
		}
		if probe := fmt.Sprint(r.IntN(5000)); c.get(probe) != want[probe] || c.get(name) != want[name] {
			t.Fatalf("step %d: %q or %q is not what it shall be", i, probe, name)
		}
	}
	seen := 0
	c.each(func(k *node) {
		seen++
		if want[k.name()] != k {
			t.Fatalf("%q should not be there", k.path)
		}
	})
	if seen != len(want) || c.count() != len(want) {
		t.Fatalf("%d of %d, counted %d", seen, len(want), c.count())
	}
	if slots := len(c.table.Slots()); slots > 16*c.count()+4*maxLinear {
		t.Fatalf("%d slots for %d", slots, c.count())
	}
}
