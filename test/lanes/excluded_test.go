package lanes

import (
	"os"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
)

// A file that the module excludes is left out. It does not fail, it is counted, and it is logged
// once. When a directory is deleted here, the remote keeps only the entries of it that the module
// hides.
func TestWhatTheRemoteExcludesIsNotWanted(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{
		module: []string{"exclude = lost+found/ *.log"}, files: []string{"d/x", "e/x", "f/x"}, there: []string{"d/lost+found/kept", "only"},
	})
	put(t, b.src, "lost+found/x", "1")
	put(t, b.src, "tree/a.log", "1")
	put(t, b.src, "tree/b", "1")
	b.fullSync(fullsync.Request{Mirror: true})
	if b.there("only") != "<none>" || b.there("tree/b") != "1" {
		t.Error("the rest was not mirrored")
	}
	b.write("a.log", "1")
	b.write("tree/lost+found/y", "1")
	put(t, b.src, "e/new.log", "1")
	put(t, b.src, "e/new", "1")
	b.Mark("e", dirty.Tree)
	b.arrives("e/new", "1")
	b.remove("d")
	b.arrives("d/x", "<none>")
	b.remove("f")
	b.arrives("f", "<none>")
	count := func(n int) {
		t.Helper()
		testkit.Eventually(t, patient, "in sync, and all that is excluded is counted", func() bool {
			s := b.Snapshot(time.Now())
			return s.State == status.LaneInSync && s.Pending+s.Failing == 0 && s.Excluded == n
		})
	}
	count(5)
	b.remove("a.log")
	b.remove("tree")
	count(2)
	must(t, os.Remove(b.src+"/e/new.log"))
	b.fullSync(fullsync.Request{})
	count(1)
	if n := b.logs.FilterMessageSnippet("own configuration excludes").Len(); n != 1 {
		t.Errorf("the log says it %d times", n)
	}
	if b.there("d/lost+found/kept") != "there" {
		t.Error("what the remote hides was removed")
	}
	if s := b.Snapshot(time.Now()); len(s.Failures) > 0 {
		t.Errorf("failures: %+v", s.Failures)
	}
}
