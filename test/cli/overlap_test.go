package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// TestOverlaps has localpaths inside of one another, one directory twice, and one remote twice.
// Each localpath is mirrored to its own remotes, a remote that is named twice is mirrored to once,
// and --check and the log warn of it.
func TestOverlaps(t *testing.T) {
	s := newScene(t)
	inner := s.dir("src/inner")
	var targets []string
	var modules []testkit.Module
	for _, name := range []string{"in", "again"} {
		targets = append(targets, s.dir(name))
		modules = append(modules, testkit.Module{Name: name, Path: s.path(name)})
	}
	other := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: modules})
	inside, again := s.set, s.set
	inside.Watch, inside.Remotes = inner, []string{testkit.At(other.Port(), "in")}
	again.Watch, again.Remotes = s.src+"/", []string{testkit.At(other.Port(), "again")}
	s.set.More = []string{inside.LocalPath(), again.LocalPath()}
	s.set.Remotes = append(s.set.Remotes, s.set.Remotes[0])
	s.configure()
	warnings := []string{"is inside", "is the same directory as in line"}
	out, code := s.ask("--check")
	for _, want := range append(warnings, "twice") {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("--check: exit %d, nothing says %q in\n%s", code, want, out)
		}
	}

	s.write(s.path("src/f"), "text")
	s.write(s.path("src/inner/g"), "text")
	app := s.start("-r")
	all := func() {
		t.Helper()
		s.equal(testkit.Compare{})
		testkit.WaitEqual(t, inner, targets[0], testkit.Compare{}, limit)
		testkit.WaitEqual(t, s.src, targets[1], testkit.Compare{}, limit)
	}
	all()
	for _, want := range append(warnings, "a remote is named twice, it is synced once") {
		s.logs(want)
	}
	s.write(s.path("src/inner/deep/h"), "text")
	s.write(s.path("src/f"), "changed")
	all()
	s.must(os.RemoveAll(s.path("src/inner/deep")))
	s.must(os.Remove(s.path("src/f")))
	all()
	if out, _ := s.ask("--status", "--json"); strings.Count(out, `"id":`) != 3 {
		t.Errorf("three lanes are wanted:\n%s", out)
	}
	// The inner localpath is moved away in one step, and comes back. The outer ones see a deletion,
	// and the inner one sees that its root is gone.
	s.must(os.Rename(inner, s.path("inner that went")))
	s.equal(testkit.Compare{})
	s.write(filepath.Join(inner, "back"), "text")
	s.equal(testkit.Compare{})
	testkit.Eventually(t, limit, "the inner one goes on", func() bool { return s.text(filepath.Join(targets[0], "back")) == "text" })
	if got := s.text(filepath.Join(targets[0], "g")); got != "text" {
		t.Errorf("the inner localpath's target lost what the root had that is gone: %q", got)
	}
	s.stop(app)
}
