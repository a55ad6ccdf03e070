package executor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
)

func (b *bed) paused(do func()) {
	b.Helper()
	must(b.T, b.Pause(b.Context(), true))
	do()
	must(b.T, b.Pause(b.Context(), false))
	b.idle()
}

// A new directory in which something came and went.
func TestANewDirectoryInWhichAFileCameAndWent(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{there: []string{"day/other"}})
	b.paused(func() {
		put(t, b.src, "day/mine", "1")
		b.Mark("day", dirty.Tree)
		b.Mark("day/tmp", dirty.Content)
		b.Mark("day/tmp", dirty.Gone)
	})
	b.arrives("day/mine", "1")
	if got := b.there("day/other"); got != "there" {
		t.Errorf("day/other is %q", got)
	}
}

// A tree that waits for its turn behind another, while a mount goes.
func TestAQueuedTreeAndTheBrake(t *testing.T) {
	t.Parallel()
	flag := filepath.Join(t.TempDir(), "go")
	var held atomic.Bool
	b := newBed(t, with{files: []string{"mnt/d/f"}, options: func(o *setup) {
		o.Way.Program = scripted(t, `if grep -qaz '^slow$' "$list"; then while ! [ -e `+flag+` ]; do sleep 0.05; done; fi`)
		o.Held = func(p string, _ bool) string {
			if held.Load() && strings.HasPrefix(p, "mnt") {
				return "held"
			}
			return ""
		}
	}})
	for i := range 300 {
		put(t, b.src, fmt.Sprint("slow/", i), "1")
		put(t, b.src, fmt.Sprint("mnt/d/", i), "1")
		put(t, b.dst, fmt.Sprint("mnt/d/", i), "1")
	}
	b.Mark("slow", dirty.Tree)
	testkit.Eventually(t, patient, "slow runs", func() bool { return b.ran("--recursive") == 1 })
	b.Mark("mnt/d", dirty.Tree)
	testkit.Eventually(t, patient, "both are claimed", func() bool { return b.dirty.Stats().InFlight == 2 })
	held.Store(true)
	must(t, os.Rename(b.src+"/mnt", b.src+"/../away"))
	must(t, os.Mkdir(b.src+"/mnt", 0o755)) // the mount point
	put(t, filepath.Dir(flag), "go", "")
	b.arrives("slow/1", "1")
	testkit.Eventually(t, patient, "the other has been tried", func() bool { return b.ran("--recursive") > 1 && b.dirty.Stats().InFlight == 0 })
	if got := b.there("mnt/d/f"); got != "old" {
		t.Errorf("mnt/d/f is %q", got)
	}
}

// What is asked for and deletes inside passes by the brake.
func TestTheBrakeAndATreeThatWasAskedAbout(t *testing.T) {
	t.Parallel()
	var held atomic.Bool
	held.Store(true)
	b := newBed(t, with{files: []string{"d/f"}, there: []string{"d/mnt/x"}, options: func(o *setup) {
		o.Held = func(string, bool) string {
			if held.Load() {
				return "held"
			}
			return ""
		}
	}})
	b.Mark("d", dirty.Tree|dirty.Gone|dirty.Extras)
	testkit.Eventually(t, patient, "it was asked for and sent", func() bool { return b.ran("") > 1 && b.dirty.Stats().InFlight == 0 })
	if got := b.there("d/mnt/x"); got != "there" {
		t.Errorf("d/mnt/x is %q", got)
	}
}

// The brake holds what a tree deletes, and one entry of it fails.
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
	put(t, b.src, "d/sub/f", "1") // sub is root's there
	b.Mark("d", dirty.Tree|dirty.Gone)
	b.arrives("d/new", "1")
	testkit.Eventually(t, patient, "something fails", func() bool { return len(b.dirty.Failing(9)) > 0 })
	held.Store(false)
	must(t, os.Chmod(b.dst+"/d/sub", 0o777))
	testkit.Eventually(t, patient, "d/old is gone", func() bool {
		must(t, b.RetryNow(t.Context()))
		return b.there("d/old") == "<none>"
	})
}

// A directory took another's place, and the target cannot list one in it.
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
	testkit.Eventually(t, patient, "d/sub fails", func() bool { return len(b.dirty.Failing(9)) > 0 })
	must(t, os.Chmod(b.dst+"/d/sub", 0o777))
	must(t, b.RetryNow(t.Context()))
	b.idle()
	if got := b.there("d/sub/old"); got != "<none>" {
		t.Errorf("d/sub/old is %q", got)
	}
}

// A file of a large dirty tree is replaced by a twin.
func TestATwinInATree(t *testing.T) {
	t.Parallel()
	var files []string
	for i := range 300 {
		files = append(files, fmt.Sprint("d/", i))
	}
	b := newBed(t, with{files: files})
	at := time.Unix(1, 0)
	must(t, os.Chtimes(b.dst+"/d/7", at, at))
	b.paused(func() {
		b.Mark("d", dirty.Tree)
		put(t, b.src, "n", "new")
		must(t, os.Chtimes(b.src+"/n", at, at))
		must(t, os.Rename(b.src+"/n", b.src+"/d/7"))
		b.Mark("d/7", dirty.Content)
	})
	if got := b.there("d/7"); got != "new" {
		t.Errorf("d/7 is %q", got)
	}
}

// A file is replaced by a twin while nobody looks, in a directory that is new to
// the scan as well: its tree is compared, and equal size and time are no answer.
func TestATwinThatAScanFindsInATree(t *testing.T) {
	t.Parallel()
	var files []string
	for i := range 300 {
		files = append(files, fmt.Sprint("d/", i))
	}
	b := newBed(t, with{files: files})
	at := time.Unix(1, 0)
	must(t, os.Chtimes(b.dst+"/d/7", at, at))
	since := time.Now().Add(-time.Minute)
	b.paused(func() {
		put(t, b.src, "n", "new")
		must(t, os.Chtimes(b.src+"/n", at, at))
		must(t, os.Rename(b.src+"/n", b.src+"/d/7"))
		b.Suspect(since)
		if _, err := CatchUp(t.Context(), since, []*Lane{b.Lane}, nil); err != nil {
			t.Fatal(err)
		}
		b.Settled()
		b.Lane.mu.Lock()
		f := outcome.Flight{Oldest: b.oldestFoundLocked()}
		b.Lane.mu.Unlock()
		if got := f.StandsFor(plan.Work{Item: plan.Item{Since: time.Now()}}); !got.Equal(since) {
			t.Errorf("what the scan has found may have changed since %v, not %v", since, got)
		}
	})
	if got := b.there("d/7"); got != "new" {
		t.Errorf("d/7 is %q", got)
	}
}

// -L sends what is behind a link.
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

// A link that leads nowhere in a directory that took another's place.
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
