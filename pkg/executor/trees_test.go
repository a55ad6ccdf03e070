package executor

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

func (b *bed) paused(do func()) {
	b.Helper()
	must(b.T, b.Pause(b.Context(), true))
	do()
	must(b.T, b.Pause(b.Context(), false))
	b.idle()
}

// A new directory in which a file was made and removed again.
func TestANewDirectoryInWhichAFileCameAndWent(t *testing.T) {
	onBed(t, with{there: []string{"day/other"}}, func(t *testing.T, b *bed) {
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
	})
}

// While a tree waits for its turn, the mount that it is in goes away.
func TestAQueuedTreeAndTheBrake(t *testing.T) {
	var may *gate
	var held atomic.Bool
	onBed(t, with{files: []string{"mnt/d/f"}, options: func(o *Options) {
		may = newGate()
		o.Held = func(p string, _ bool) string {
			if held.Load() && strings.HasPrefix(p, "mnt") {
				return "held"
			}
			return ""
		}
	}}, func(t *testing.T, b *bed) {
		for i := range 300 {
			put(t, b.src, fmt.Sprint("slow/", i), "1")
			put(t, b.src, fmt.Sprint("mnt/d/", i), "1")
			put(t, b.dst, fmt.Sprint("mnt/d/", i), "1")
		}
		b.Mark("slow", dirty.Tree)
		b.until("slow runs", func() bool { return b.ran(transport.Tree) == 1 })
		b.Mark("mnt/d", dirty.Tree)
		b.until("both are claimed", func() bool { return b.dirty.Stats().InFlight == 2 })
		held.Store(true)
		must(t, os.Rename(b.src+"/mnt", b.src+"/../away"))
		must(t, os.Mkdir(b.src+"/mnt", 0o755)) // the mount point
		may.open()
		b.arrives("slow/1", "1")
		b.until("the other has been tried", func() bool { return b.ran(transport.Tree) > 1 && b.dirty.Stats().InFlight == 0 })
		if got := b.there("mnt/d/f"); got != "old" {
			t.Errorf("mnt/d/f is %q", got)
		}
	})
}

// The remote was asked about a tree, and entries in it are to be deleted: these deletions have to
// pass the brake.
func TestTheBrakeAndATreeThatWasAskedAbout(t *testing.T) {
	var held atomic.Bool
	held.Store(true)
	onBed(t, with{files: []string{"d/f"}, there: []string{"d/mnt/x"}, options: func(o *Options) {
		o.Held = func(string, bool) string {
			if held.Load() {
				return "held"
			}
			return ""
		}
	}}, func(t *testing.T, b *bed) {
		b.Mark("d", dirty.Tree|dirty.Gone|dirty.Extras)
		b.until("it was asked for and sent", func() bool { return b.ran() > 1 && b.dirty.Stats().InFlight == 0 })
		if got := b.there("d/mnt/x"); got != "there" {
			t.Errorf("d/mnt/x is %q", got)
		}
	})
}

// A file of a large dirty tree is replaced by a file of the same size and time.
func TestATwinInATree(t *testing.T) {
	var files []string
	for i := range 300 {
		files = append(files, fmt.Sprint("d/", i))
	}
	onBed(t, with{files: files}, func(t *testing.T, b *bed) {
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
	})
}

// While nobody watches, a file is replaced by one of the same size and time, in a directory that is
// new to the scan as well. Its tree is compared by content, since equal size and time prove
// nothing.
func TestATwinThatAScanFindsInATree(t *testing.T) {
	var files []string
	for i := range 300 {
		files = append(files, fmt.Sprint("d/", i))
	}
	onBed(t, with{files: files}, func(t *testing.T, b *bed) {
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
				t.Errorf("files that the scan has found may have changed since %v, not since %v", since, got)
			}
		})
		if got := b.there("d/7"); got != "new" {
			t.Errorf("d/7 is %q", got)
		}
	})
}
