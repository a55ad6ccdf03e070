package executor

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/nameset"
)

// narrow gives a lane a dirty set that remembers few names.
func narrow(l *Lane) {
	l.dirty = dirty.New(time.Now(), dirty.Limits{FanOut: manyGone, Spare: manyGone})
}

func manyFiles(dir string, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%s/f%d", dir, i))
	}
	return names
}

// While the remote is down, more entries of a directory are deleted than the dirty set keeps by
// name. Entries that another source has put there stay, those that were here are deleted.
func TestCollapsedDeletionsTakeNothingOfOthers(t *testing.T) {
	gone := append(manyFiles("d", manyGone+200), "d/sub")
	onBed(t, with{files: []string{"d/keep"}, there: append(manyFiles("d", manyGone+200), "d/sub/x", "d/foreign", "d/other/foreign"), lane: narrow}, func(t *testing.T, b *bed) {
		must(t, b.Pause(t.Context(), true))
		for _, name := range gone {
			b.Mark(name, dirty.Gone)
		}
		must(t, b.Pause(t.Context(), false))
		b.until("what was deleted here is gone", func() bool {
			left, err := os.ReadDir(b.dst + "/d")
			return err == nil && len(left) == 3
		})
		b.idle()
		for path, want := range map[string]string{"d/foreign": "there", "d/other/foreign": "there", "d/keep": "old"} {
			if got := b.there(path); got != want {
				t.Errorf("%s is %s", path, got)
			}
		}
	})
}

// A full sync remembers which paths are sent beside it: when deletions among them collapse into
// their directory, the directory does not count as deleted.
func TestWhatIsRememberedBesideAFullSyncWidensNothing(t *testing.T) {
	onBed(t, with{files: append(manyFiles("d", 60), "d/keep"), there: []string{"d/foreign"}}, func(t *testing.T, b *bed) {
		must(t, b.Pause(t.Context(), true))
		b.stop()
		l := b.Lane
		l.full.Touched = dirty.New(time.Now(), dirty.Limits{FanOut: 5, Spare: 10})
		now := time.Now()
		for _, name := range manyFiles("d", 60) {
			l.full.Touched.Mark(name, dirty.Gone, now)
		}
		l.loop.fulls.touchAgain(now)
		for _, it := range l.dirty.Take(now, 1000) {
			if it.Flags&dirty.Gone != 0 {
				t.Errorf("%q counts as deleted", it.Path)
			}
			if l.dirty.Deleted(it.Path).Has("d/foreign") || !l.dirty.Deleted(it.Path).Has("d/f40") {
				t.Errorf("%q knows the wrong deletions", it.Path)
			}
		}
	})
}

// Paths that are known to be deleted, although no event said so, are deleted on the remote, and
// nothing else is.
func TestKnownDeletionsGo(t *testing.T) {
	onBed(t, with{files: []string{"d/gone", "d/keep", "gone/x", "gone/y/z"}, there: []string{"d/foreign", "foreign/x"}}, func(t *testing.T, b *bed) {
		must(t, os.Remove(b.src+"/d/gone"))
		must(t, os.RemoveAll(b.src+"/gone"))
		var d, root nameset.Set
		d.Add(nameset.KeyOf("d/gone"))
		root.Add(nameset.KeyOf("gone"))
		b.dirty.MarkDeleted("d", 0, &d, time.Now())
		b.dirty.MarkDeleted("", 0, &root, time.Now())
		b.arrives("d/gone", "<none>")
		b.arrives("gone", "<none>")
		b.idle()
		if b.there("d/foreign") != "there" || b.there("foreign/x") != "there" || b.there("d/keep") != "old" {
			t.Error("something else went with it")
		}
	})
}
