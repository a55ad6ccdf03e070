package lanes

import (
	"fmt"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
)

// TestFullSyncPatterns: files that the patterns of a full sync leave out stay on the target, also
// in directories that are gone here; everything else there is deleted.
func TestFullSyncPatterns(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{
		files: []string{"f", "here/f"},
		there: []string{
			"top", "top.php", "here/only", "here/only.php", "gone/only", "gone/only.php", "gone/whole/x", "gone/deep/x", "gone/deep/y.php",
			"info/x", "all/x", "all/y/z",
		},
	})
	if r := b.fullSync(fullsync.Request{Mirror: true, Excludes: []string{"*.php", "info/*"}}); r.Err != nil {
		t.Fatal(r.Err)
	}
	for name, want := range map[string]string{
		"f": "old", "here/f": "old", "top.php": "there", "here/only.php": "there", "gone/only.php": "there", "gone/deep/y.php": "there", "info/x": "there",
		"top": "<none>", "here/only": "<none>", "gone/only": "<none>", "gone/whole": "<none>", "gone/deep/x": "<none>", "all": "<none>",
	} {
		testkit.Eventually(t, patient, fmt.Sprint(name, " is ", want), func() bool { return b.there(name) == want })
	}
	b.idle()
	if b.there("gone/only.php") != "there" || b.there("gone/deep/y.php") != "there" {
		t.Error("what the patterns keep was deleted late")
	}
	if n := len(b.deletions(audit.CauseMirror)); n < 6 {
		t.Errorf("the audit knows of %q", b.deletions(audit.CauseMirror))
	}

	b.write("here/new.php", "1")
	b.arrives("here/new.php", "1")
	b.remove("here") // the patterns do not apply to an event
	testkit.Eventually(t, patient, "the directory is gone with all it held", func() bool { return b.there("here") == "<none>" })
}
