package carry

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport"
)

// The other names of a file go with it, but for those that are excluded. They are looked for in the
// whole watch root, and so only when a list lacks some.
func TestOtherNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "p", "alone"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, other := range map[string]string{"b": "a", "out": "a", "q": "p"} {
		if err := os.Link(filepath.Join(dir, other), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	looked := 0
	r := &runner{
		Disk: &disk.Disk{
			Open: func() *fstree.Root {
				root, err := fstree.Open(dir)
				if err != nil {
					t.Error(err)
				}
				return root
			},
			Excluded: func(path string, _ bool) bool { return path == "out" },
			Terms:    transport.Terms{HardLinks: true},
		},
		names: func(_ context.Context, inodes map[uint64]bool) []string {
			looked = len(inodes)
			return []string{"a", "b", "out"}
		},
	}
	for _, c := range []struct {
		names, all, several string
		looked              int // for how many files
	}{
		{"alone", "alone", "", 0},
		{"p q alone", "p q alone", "p q", 0},
		{"p q p", "p q p", "p q", 0},
		{"a alone", "a alone b", "a b", 1},
		{"a a", "a a b", "a b", 1},
		{"a p q", "a p q b", "a p q b", 1},
		{"a b", "a b", "a b", 1}, // the third one is excluded
	} {
		looked = 0
		all, several, otherOf := r.withOtherNames(t.Context(), strings.Fields(c.names))
		if !slices.Equal(all, strings.Fields(c.all)) || !slices.Equal(several, strings.Fields(c.several)) || looked != c.looked {
			t.Errorf("%s: %q, of files with several names %q, looked for %d; want %+v", c.names, all, several, looked, c)
		}
		if added := len(all) > len(strings.Fields(c.names)); added != (otherOf["b"] == "a") || added != (len(otherOf) > 0) {
			t.Errorf("%s: other names %v", c.names, otherOf)
		}
	}
}
