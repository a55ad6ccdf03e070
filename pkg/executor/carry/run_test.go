package carry

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
)

// Between the look at a file and its run a file of the remote may arrive in its place, and is then
// told apart. A change that was written here meanwhile goes with the run.
func TestWhatIsReplacedAfterTheLookIsToldApart(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if when := time.Now().Add(-age); age > 0 {
			if err := os.Chtimes(filepath.Join(dir, name), when, when); err != nil {
				t.Fatal(err)
			}
		}
	}
	d := &disk.Disk{Open: func() *fstree.Root {
		root, err := fstree.Open(dir)
		if err != nil {
			t.Error(err)
		}
		return root
	}}
	var works []plan.Work
	for _, name := range []string{"stays", "arrives", "written", "attributes", "goes"} {
		put(name, "old", time.Hour)
		w := plan.Work{Item: plan.Item{Path: name, Flags: dirty.Content}, Found: d.Look(name)}
		if name == "attributes" {
			w.Flags = 0
		}
		works = append(works, w)
	}
	put("new", "arrived", time.Minute)
	for _, name := range []string{"arrives", "attributes"} {
		if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		put("new", "arrived", time.Minute)
	}
	put("written", "here", 0)
	if err := os.Remove(filepath.Join(dir, "goes")); err != nil {
		t.Fatal(err)
	}
	c := &Carrier{runner: &runner{Disk: d}}
	replaced, rest := c.replaced(works)
	if len(replaced) != 1 || replaced[0].Path != "arrives" || len(rest) != 4 {
		t.Errorf("replaced %q, the rest %q", plan.NamesOf(replaced), plan.NamesOf(rest))
	}
}
