package carry

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport"
)

// The other names of a file go with it, but for those that are excluded. They are looked for in the
// whole watch root, and so only when a list lacks some.
func TestOtherNames(t *testing.T) {
	dir := namesOfFiles(t)
	looked := 0
	r := &runner{
		Disk: &disk.Disk{
			Open:     opens(t, dir),
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
		{"p q dir/p alone", "p q dir/p alone", "p q dir/p", 0},
		{"p q p dir/p", "p q p dir/p", "p q dir/p", 0},
		{"a alone", "a alone b", "a b", 1},
		{"a a", "a a b", "a b", 1},
		{"a p q dir/p", "a p q dir/p b", "a p q dir/p b", 1},
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

// namesOfFiles makes a directory with three files, one of which has one name.
func namesOfFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"a", "p", "alone"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]string{"b": "a", "out": "a", "q": "p", "dir/p": "p"} {
		if err := os.Link(filepath.Join(dir, other), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// opens opens a directory as a watch root.
func opens(t *testing.T, dir string) func() *fstree.Root {
	return func() *fstree.Root {
		root, err := fstree.Open(dir)
		if err != nil {
			t.Error(err)
		}
		return root
	}
}

// Of a list in which something was left undone the files go once more that a complaint is about.
func TestWhatIsLeftOnLists(t *testing.T) {
	c := &Carrier{runner: &runner{Disk: &disk.Disk{Open: opens(t, namesOfFiles(t)), Terms: transport.Terms{HardLinks: true}}}}
	complaint := func(path string) []transport.PathError { return []transport.PathError{{Path: path}} }
	for name, x := range map[string]struct {
		result transport.Result
		want   string
	}{
		"all of it arrived":        {transport.Result{}, ""},
		"another file has failed":  {transport.Result{Class: transport.Partly, Failed: complaint("alone")}, ""},
		"one of them has failed":   {transport.Result{Class: transport.Partly, Failed: complaint("p")}, "p q"},
		"one of them has changed":  {transport.Result{Class: transport.Again, Races: complaint("b")}, "a b out"},
		"their directory":          {transport.Result{Class: transport.Partly, Failed: complaint("dir")}, "p q"},
		"it is unknown which":      {transport.Result{Class: transport.Partly, Unclear: true}, "a b out p q"},
		"one of them has gone":     {transport.Result{Vanished: []string{"b"}}, "a b out p q"},
		"another file has gone":    {transport.Result{Vanished: []string{"alone"}}, ""},
		"the run has broken off":   {transport.Result{Class: transport.Trouble}, "a b out p q"},
		"the remote has no option": {transport.Result{Class: transport.Refused}, "a b out p q"},
	} {
		o := outcome.NewOutcome(outcome.Flight{Kind: plan.KindSend})
		o.Began = o.Began.Add(time.Hour) // so that none of the files has changed since then
		o.Several, o.Result = strings.Fields("a b out p q"), x.result
		c.findLinked(t.Context(), &o)
		if got := strings.Join(o.Linked[""], " "); got != x.want {
			t.Errorf("%s: %q, want %q", name, got, x.want)
		}
	}
}
