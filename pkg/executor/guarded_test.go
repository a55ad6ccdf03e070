package executor

import (
	"path"
	"slices"
	"testing"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/transport"
)

// byName matches patterns with the last elements of paths.
func byName(t *transport.Terms) {
	t.Matcher = func(patterns []string) func(string, bool) bool {
		return func(name string, _ bool) bool {
			return slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, path.Base(name)); return ok })
		}
	}
}

// A directory is gone here, and holds files on the remote that the patterns of a full sync keep:
// its other files are deleted, and then the lane forgets the directory.
func TestWhatPatternsKeepIsForgotten(t *testing.T) {
	onBed(t, with{files: []string{"f"}, there: []string{"gone/only", "gone/only.php", "gone/deep/x", "gone/deep/y.php"}, terms: byName}, func(t *testing.T, b *bed) {
		must(t, b.fullSync(fullsync.Request{Mirror: true, Excludes: []string{"*.php"}}).Err)
		for name, want := range map[string]string{"gone/only": "<none>", "gone/deep/x": "<none>", "gone/only.php": "there", "gone/deep/y.php": "there"} {
			if got := b.there(name); got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
		b.stop()
		if len(b.guarded.dirs) != 0 {
			t.Errorf("remembered for ever: %v", b.guarded.dirs)
		}
	})
}
