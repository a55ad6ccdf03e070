package outcome

import (
	"fmt"
	"slices"
	"testing"
)

func TestLately(t *testing.T) {
	var l Lately
	for _, path := range []string{"a", "b", "d/a", "d/b", "e/f/a", "d/c", "z"} {
		l.Begin(path)
	}
	if got, want := l.Dirs(), []string{"e/f", "d", ""}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for i := range 2 * mostLately {
		l.Begin(fmt.Sprintf("many/%d/f", i))
	}
	got := l.Dirs()
	if len(got) != mostLately || got[0] != fmt.Sprintf("many/%d", mostLately) || got[mostLately-1] != fmt.Sprintf("many/%d", 2*mostLately-1) {
		t.Errorf("%d, from %q to %q", len(got), got[0], got[len(got)-1])
	}
}
