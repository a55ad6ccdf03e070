package executor

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

func TestAnUnclearFailureIsSplitDownToItsPath(t *testing.T) {
	onBed(t, with{carry: refusing("bad", unclear)}, func(t *testing.T, b *bed) {
		must(t, b.Pause(t.Context(), true))
		for i := range 40 {
			b.write(fmt.Sprint("f", i), "1")
		}
		b.write("bad", "1")
		must(t, b.Pause(t.Context(), false))
		for i := range 40 {
			b.arrives(fmt.Sprint("f", i), "1")
		}
		b.until("bad alone is dirty", func() bool {
			s := b.dirty.Stats()
			return s.Pending+s.InFlight == 1 && s.Delayed == 1 && b.there("bad") == "<none>"
		})
	})
}

// A path that changes during its run stays dirty.
func TestAChangeDuringTheRunIsSentAgain(t *testing.T) {
	var may *gate
	onBed(t, with{options: func(*Options) { may = newGate() }, carry: heldUp(&may, func(transport.Call) bool { return true })}, func(t *testing.T, b *bed) {
		b.write("f", "1")
		b.until("the run waits", func() bool { return b.ran() == 1 })
		b.write("f", "22")
		b.write("g", "1") // a second run would not go beside the first one
		if s := b.dirty.Stats(); s.InFlight != 1 || s.Pending != 2 {
			t.Errorf("%+v", s)
		}
		may.open()
		b.arrives("f", "22")
		b.arrives("g", "1")
		b.idle()
		if n := b.ran(); n != 2 {
			t.Errorf("%d runs, want 2: what came in meanwhile goes in one", n)
		}
	})
}

func TestCatchUpFindsWhatChanged(t *testing.T) {
	onBed(t, with{files: []string{"same", "d/changed", "d/gone", "moved/a/b"}, options: func(o *Options) { o.Mirrored, o.MirrorScope = true, Scope{} }}, func(t *testing.T, b *bed) {
		since := time.Now()
		b.until("the clock of the file system has moved on", func() bool {
			put(t, b.src, "tick", "1")
			st, err := os.Stat(b.src + "/tick")
			return err == nil && st.ModTime().After(since)
		})
		put(t, b.src, "d/changed", "new content")
		must(t, os.Remove(b.src+"/d/gone"))
		must(t, os.Rename(b.src+"/moved", b.src+"/here"))
		if _, err := CatchUp(t.Context(), since, []*Lane{b.Lane}, nil); err != nil {
			t.Fatal(err)
		}
		b.equal()
		b.idle()
	})
}

func TestCatchUpWithoutARoot(t *testing.T) {
	onBed(t, with{}, func(t *testing.T, b *bed) {
		b.gone.Store(true)
		if _, err := CatchUp(t.Context(), time.Now(), []*Lane{b.Lane}, nil); !errors.Is(err, transport.ErrRootGone) {
			t.Error(err)
		}
		b.gone.Store(false)
	})
}

// The brake holds a deletion back, and nothing else.
func TestTheBrakeHoldsDeletionsOnly(t *testing.T) {
	held := true
	onBed(t, with{files: []string{"f", "d/x"}, options: func(o *Options) {
		o.Held = func(string, bool) string {
			if held {
				return "the disk is away"
			}
			return ""
		}
		o.Mirrored, o.MirrorScope = true, Scope{}
	}, there: []string{"only"}}, func(t *testing.T, b *bed) {
		b.remove("f")
		b.remove("d")
		b.Mark("", dirty.Extras)
		b.write("g", "1")
		b.arrives("g", "1")
		if r := b.fullSync2(fullsync.Request{Mirror: true}); r.Err != nil {
			t.Fatal(r.Err)
		}
		b.until("only deletions wait", func() bool { s := b.dirty.Stats(); return s.Pending == 2 && s.InFlight == 0 })
		if b.there("f") != "old" || b.there("d/x") != "old" || b.there("only") != "there" {
			t.Error("deleted")
		}
	})
}

// A deletion inside of a tree that is dirty as a whole waits for the brake, too.
func TestTheBrakeForgetsNoDeletionInATree(t *testing.T) {
	var held atomic.Bool
	held.Store(true)
	onBed(t, with{files: []string{"d/x", "d/y"}, options: func(o *Options) {
		o.Held = func(string, bool) string {
			if held.Load() {
				return "the root is another one"
			}
			return ""
		}
	}}, func(t *testing.T, b *bed) {
		must(t, os.Remove(b.src+"/d/x"))
		b.write("d/y", "new")
		b.Mark("d", dirty.Tree|dirty.Gone)
		b.arrives("d/y", "new")
		b.until("it waits", func() bool { s := b.dirty.Stats(); return s.Pending == 1 && s.InFlight == 0 })
		if b.there("d/x") != "old" {
			t.Error("deleted")
		}
		held.Store(false)
		must(t, b.RetryNow(t.Context()))
		b.until("the deletion arrives", func() bool { return b.there("d/x") == "<none>" })
		b.idle()
	})
}
