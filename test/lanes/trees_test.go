package lanes

import (
	"os"
	"sync/atomic"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
)

// The brake holds the deletions of a tree, and one entry of the tree fails.
func TestABrakedTreeOfWhichAnEntryFails(t *testing.T) {
	t.Parallel()
	var held atomic.Bool
	held.Store(true)
	b := newBed(t, with{module: []string{"uid = nobody"}, files: []string{"d/old"}, options: func(o *setup) {
		o.Held = func(string, bool) string {
			if held.Load() {
				return "held"
			}
			return ""
		}
	}})
	must(t, os.Chmod(b.dst+"/d", 0o777))
	put(t, b.dst, "d/sub/", "")
	must(t, os.RemoveAll(b.src+"/d"))
	put(t, b.src, "d/new", "1")
	put(t, b.src, "d/sub/f", "1") // on the target sub belongs to root
	b.Mark("d", dirty.Tree|dirty.Gone)
	b.arrives("d/new", "1")
	testkit.Eventually(t, patient, "something fails", func() bool { return len(b.failing()) > 0 })
	held.Store(false)
	must(t, os.Chmod(b.dst+"/d/sub", 0o777))
	testkit.Eventually(t, patient, "d/old is gone", func() bool {
		must(t, b.RetryNow(t.Context()))
		return b.there("d/old") == "<none>"
	})
}

// A directory has taken the place of another one, and the target cannot list one directory in it.
func TestAReplacedTreeNarrowed(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{module: []string{"uid = nobody"}, there: []string{"d/sub/old", "d/gone"}})
	must(t, os.Chmod(b.dst+"/d", 0o777))
	must(t, os.Chown(b.dst+"/d", 65534, 65534))
	must(t, os.Chmod(b.dst+"/d/sub", 0o733))
	put(t, b.src, "d/sub/new", "1")
	b.Mark("d", dirty.Tree|dirty.Gone)
	b.arrives("d/sub/new", "1")
	b.arrives("d/gone", "<none>")
	testkit.Eventually(t, patient, "d/sub fails", func() bool { return len(b.failing()) > 0 })
	must(t, os.Chmod(b.dst+"/d/sub", 0o777))
	must(t, b.RetryNow(t.Context()))
	b.idle()
	if got := b.there("d/sub/old"); got != "<none>" {
		t.Errorf("d/sub/old is %q", got)
	}
}

// With -L rsync sends what is behind a link.
func TestALinkToADirectoryThatIsFollowed(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	put(t, out, "in/f", "1")
	b := newBed(t, with{params: "-artuzL"})
	must(t, os.Symlink(out+"/in", b.src+"/l"))
	b.Mark("l", dirty.Content)
	b.idle()
	if got := b.there("l/f"); got != "1" {
		t.Errorf("l/f is %q", got)
	}
	must(t, os.Mkdir(b.src+"/n", 0o755))
	must(t, os.Symlink(out+"/in", b.src+"/n/l"))
	b.Mark("n", dirty.Tree)
	b.idle()
	if got := b.there("n/l/f"); got != "1" {
		t.Errorf("n/l/f is %q", got)
	}
}

// A directory has taken the place of another one, and contains a link that leads nowhere.
func TestADanglingLinkAndAReplacedDirectory(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{params: "-artuzL", files: []string{"d/old"}})
	must(t, os.RemoveAll(b.src+"/d"))
	put(t, b.src, "d/new", "1")
	must(t, os.Symlink("nowhere", b.src+"/d/l"))
	b.Mark("d", dirty.Tree|dirty.Gone)
	b.arrives("d/new", "1")
	b.idle()
	if got := b.there("d/old"); got != "<none>" {
		t.Errorf("d/old is %q", got)
	}
}
