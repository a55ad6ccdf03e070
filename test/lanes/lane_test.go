package lanes

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
)

func TestChangesArriveAndDeletionsFollow(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{files: []string{"keep", "d/gone", "d/keep", "tree/a/b", "tree/c"}})
	b.write("new", "1")
	b.write("deep/er/new", "2")
	b.write("#x", "3")
	b.write("a\nb", "4")
	put(t, b.src, "fresh/x/y", "5")
	b.Mark("fresh", dirty.Tree)
	b.remove("d/gone")
	b.remove("tree")
	b.equal()
	b.idle()
	if got := b.deletions(audit.CauseEvent); !slices.Contains(got, "d/gone") || !slices.Contains(got, "tree") {
		t.Errorf("deletions told: %q", got)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range []string{"new", "deep/er/new", "#x", "a\nb", "fresh", "d/gone", "tree"} {
		if ok, told := b.settled[p]; !ok || !told {
			t.Errorf("%q was not settled", p)
		}
	}
}

func TestTypesThatChangePlaces(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{files: []string{"f", "d/x"}})
	must(t, os.Remove(b.src+"/f"))
	put(t, b.src, "f/in", "1")
	must(t, os.RemoveAll(b.src+"/d"))
	put(t, b.src, "d", "file")
	b.Mark("f", dirty.Tree|dirty.Content)
	b.Mark("d", dirty.Content)
	b.equal()
	b.idle()
	if got := b.deletions(audit.CauseEvent); !slices.Contains(got, "d/x") {
		t.Errorf("deletions told: %q, want what the file has taken the place of", got)
	}
}

func excludeLog(path string, _ bool) bool { return strings.HasSuffix(path, ".log") }

func TestTheUsersOwnExcludesHold(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{params: "-artuz --exclude=/priv/ --exclude=*.bak", files: []string{"priv/x", "d/a.bak", "d/b"}})
	b.write("priv/y", "1")
	b.write("z.bak", "1")
	b.remove("priv/x")
	b.remove("d")
	b.write("last", "1")
	b.arrives("last", "1")
	b.arrives("d/b", "<none>")
	b.idle()
	if b.there("priv/y") != "<none>" || b.there("z.bak") != "<none>" || b.there("priv/x") != "old" || b.there("d/a.bak") != "old" {
		t.Errorf("%q %q %q %q", b.there("priv/y"), b.there("z.bak"), b.there("priv/x"), b.there("d/a.bak"))
	}
}

func TestReceiversThatRefuseAnOption(t *testing.T) {
	t.Parallel()
	testkit.Long(t)
	for _, c := range []struct {
		refuse, without string
		gone            bool
	}{
		{"delete-missing-args", "deletions by patterns", true},
		{"modify-window", "times compared by the second", true},
		{"delete", "no deletions", false},
		{"checksum", "contents not compared", true},
	} {
		t.Run(c.refuse, func(t *testing.T) {
			b := newBed(t, with{module: []string{"refuse options = " + c.refuse}, files: []string{"d/f", "d/a*", "d/ab", "t/x"}, there: []string{"only"}})
			b.write("new", "1")
			put(t, b.src, "tree/x", "2")
			b.Mark("tree", dirty.Tree)
			b.Mark("t", dirty.Extras)
			b.remove("d/f")
			b.remove("d/a*")
			b.arrives("new", "1")
			b.arrives("tree/x", "2")
			if c.gone {
				b.arrives("d/f", "<none>")
				b.arrives("d/a*", "<none>")
			}
			r := b.fullSync2(fullsync.Request{Mirror: true})
			if r.Err != nil || !slices.Equal(b.caps().Without(), []string{c.without}) || b.there("d/ab") != "old" {
				t.Errorf("%+v, %+v, %q", r, b.caps(), b.there("d/ab"))
			}
			b.write("after", "3")
			b.arrives("after", "3")
			if s := b.Snapshot(time.Now()); s.State == status.LaneBackingOff {
				t.Errorf("in trouble: %s", s.Reason)
			}
		})
	}
}

// fullSync2 is fullSync for a lane some of whose paths fail for ever.
func (b *bed) fullSync2(f fullsync.Request) fullsync.Result {
	b.Helper()
	done := make(chan fullsync.Result, 1)
	f.Done = func(r fullsync.Result) { done <- r }
	must(b.T, b.FullSync(b.Context(), f))
	select {
	case r := <-done:
		return r
	case <-time.After(patient):
		b.Fatal("the full sync does not end")
		return fullsync.Result{}
	}
}

func TestAWriteOnlyModuleIsServed(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{module: []string{"write only = yes"}, files: []string{"f"}})
	old := time.Now().Add(-time.Hour)
	put(t, b.src, "f", "older")
	must(t, os.Chtimes(b.src+"/f", old, old))
	b.Mark("f", dirty.Content)
	b.write("g", "1")
	b.arrives("g", "1")
	testkit.Eventually(t, patient, "it is learned", func() bool { return b.caps().NoList })
	b.idle()
}

func TestUnreadableHereIsNoDeletion(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{files: []string{"f"}})
	must(t, os.Remove(b.src+"/f"))
	must(t, os.Symlink(b.dst, b.src+"/link"))
	b.Mark("link/f", dirty.Content) // nothing behind a link is synced
	b.Mark("f", dirty.Gone)
	b.arrives("f", "<none>")
	testkit.Eventually(t, patient, "the link", func() bool {
		st, err := os.Lstat(filepath.Join(b.dst, "link"))
		return err == nil && st.Mode()&os.ModeSymlink != 0
	})
}
