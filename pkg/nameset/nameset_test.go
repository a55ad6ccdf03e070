package nameset

import (
	"fmt"
	"testing"
)

func TestKeys(t *testing.T) {
	seen := map[Key]string{}
	for _, p := range []string{"", "a", "b", "ab", "a/b", "b/a", "a/a", "a/b/c", "a/bc", "\xff", "a\nb"} {
		k := KeyOf(p)
		if other, taken := seen[k]; taken {
			t.Errorf("%q and %q have one key", p, other)
		}
		seen[k] = p
	}
	if KeyOf("d").Child(NameOf([]byte("f"))) != KeyOf("d/f") {
		t.Error("the key of an entry differs from that of its path")
	}
}

func TestSet(t *testing.T) {
	var none *Set
	if none.Has("a") || none.Len() != 0 {
		t.Error("nil holds something")
	}
	var s Set
	s.Add(KeyOf("d/f"))
	s.AddTree(KeyOf("gone"))
	for path, want := range map[string]bool{
		"d/f": true, "d": false, "d/f/x": false, "d/g": false, "f": false, "": false,
		"gone": true, "gone/x": true, "gone/x/y": true, "gone2": false, "x/gone": false,
	} {
		if got := s.Has(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
	other := Set{}
	other.Join(&s)
	other.Join(nil)
	if other.Len() != s.Len() || !other.Has("gone/x") {
		t.Error("a joined set lacks something")
	}
}

func TestNoCollisionsAmongMany(t *testing.T) {
	seen := map[Key]bool{}
	for i := range 300_000 {
		seen[KeyOf(fmt.Sprintf("d%d/f%d", i%7, i))] = true
	}
	if len(seen) != 300_000 {
		t.Errorf("%d keys", len(seen))
	}
}
