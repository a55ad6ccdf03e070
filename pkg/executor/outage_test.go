package executor

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

// looks counts how often the loop asks whether the root is gone during a time. It asks a few times
// in each of its rounds.
func (b *bed) looks(d time.Duration) int64 {
	before := b.asked.Load()
	<-time.After(d)
	return b.asked.Load() - before
}

func TestStoppingDoesNotWaitForASlot(t *testing.T) {
	onBed(t, with{options: noRoom}, func(t *testing.T, b *bed) {
		b.write("f", "1")
		must(t, b.FullSync(t.Context(), fullsync.Request{}))
		b.until("both wait", func() bool { return b.Snapshot(time.Now()).Progress != nil })
		if n := b.looks(200 * time.Millisecond); n > 70 {
			t.Errorf("%d looks while waiting for a slot: the loop spins", n)
		}
		start := time.Now()
		b.stop()
		if took := time.Since(start); took != 0 {
			t.Errorf("stopping took %v", took)
		}
		if s := b.dirty.Stats(); s.Pending != 1 {
			t.Errorf("%+v: what was not sent is not dirty any more", s)
		}
	})
}

func TestALostRootSendsAndDeletesNothing(t *testing.T) {
	onBed(t, with{files: []string{"f", "d/x"}}, func(t *testing.T, b *bed) {
		b.gone.Store(true)
		must(t, b.RootChanged(t.Context()))
		away := b.src + ".away"
		must(t, os.Rename(b.src, away))
		for _, p := range []string{"f", "d", "d/x", ""} {
			b.Mark(p, dirty.Gone|dirty.Tree)
		}
		if !testkit.Settled(300*time.Millisecond, patient, func() string { return fmt.Sprint(b.ran()) }) {
			t.Error("the loop does not rest")
		}
		must(t, os.Rename(away, b.src))
		put(t, b.src, "g", "1")
		b.Mark("g", 0)
		b.gone.Store(false)
		must(t, b.RootChanged(t.Context()))
		b.arrives("g", "1")
		b.idle()
		if b.there("f") != "old" || b.there("d/x") != "old" {
			t.Error("deleted")
		}
	})
}

func TestSmallFilesPassABigOne(t *testing.T) {
	var may *gate
	onBed(t, with{options: func(*Options) { may = newGate() },
		carry: heldUp(&may, func(c transport.Call) bool { return slices.Contains(c.Names, "big") })}, func(t *testing.T, b *bed) {
		b.write("big", strings.Repeat("x", 12<<20))
		b.until("the big one is on its way", func() bool { return b.dirty.Stats().InFlight == 1 && b.ran() > 0 })
		b.write("small", "1")
		b.arrives("small", "1")
		if n := b.looks(200 * time.Millisecond); n > 100 {
			t.Errorf("%d looks while a big file is on its way: the loop spins", n)
		}
		if b.there("big") != "<none>" {
			t.Error("the big file was faster: the test shows nothing")
		}
		may.open()
		b.equal()
	})
}

func TestPauseCollects(t *testing.T) {
	onBed(t, with{}, func(t *testing.T, b *bed) {
		must(t, b.Pause(t.Context(), true))
		b.write("f", "1")
		if !testkit.Settled(200*time.Millisecond, patient, func() string { return b.there("f") }) || b.there("f") != "<none>" {
			t.Error("sent while paused")
		}
		if s := b.Snapshot(time.Now()); s.State != status.LanePaused || s.Pending != 1 {
			t.Errorf("%+v", s)
		}
		if n := b.looks(200 * time.Millisecond); n > 70 {
			t.Errorf("%d looks while paused: the loop spins", n)
		}
		must(t, b.Pause(t.Context(), false))
		b.arrives("f", "1")
	})
}

func TestWatermark(t *testing.T) {
	l := NewLane(Options{Transport: &transporttest.Fake{}, Gone: func() bool { return false }, Logger: zap.NewNop()})
	now := time.Now()
	if r := l.Remember(now); !r.Watermark.IsZero() {
		t.Errorf("a lane that knows nothing has a watermark: %v", r.Watermark)
	}
	l.Complete()
	if r := l.Remember(now); !r.Watermark.Equal(now) {
		t.Errorf("%v, want now", r.Watermark)
	}
	l.Suspect(now.Add(-time.Hour))
	l.Suspect(now.Add(-time.Minute))
	if r := l.Remember(now); !r.Watermark.Equal(now.Add(-time.Hour)) {
		t.Errorf("%v, want the older suspicion", now.Sub(r.Watermark))
	}
	l.Settled()
	if r := l.Remember(now); !r.Watermark.Equal(now.Add(-time.Hour)) {
		t.Error("one of two scans released the watermark")
	}
	l.Settled()
	l.Mark("x", 0)
	later := time.Now().Add(time.Hour)
	if r := l.Remember(later); r.Watermark.After(time.Now()) || r.Watermark.Before(now) {
		t.Errorf("a dirty path does not hold it: %v", r.Watermark)
	}
	l.loop.fulls.wantFull(&fullsync.Request{Unknown: true})
	if r := l.Remember(later); !r.Watermark.IsZero() {
		t.Error("a watermark although nothing is known")
	}
}

func TestWantedFullSyncsJoin(t *testing.T) {
	l := NewLane(Options{Transport: &transporttest.Fake{}, Gone: func() bool { return false }, Logger: zap.NewNop()})
	told := 0
	done := func(fullsync.Result) { told++ }
	l.loop.fulls.wantFull(&fullsync.Request{Mirror: true, Done: done})
	l.loop.fulls.wantFull(&fullsync.Request{Unknown: true, Done: done})
	if f := l.full.Want; !f.Mirror || !f.Unknown || len(l.full.Again) != 0 {
		t.Errorf("%+v", f)
	}
	l.full.Want.Done(fullsync.Result{})
	l.full.Running = true
	for range 100 {
		l.loop.fulls.wantFull(&fullsync.Request{Mirror: true, Done: done})
		l.loop.fulls.wantFull(&fullsync.Request{Verify: true})
	}
	if len(l.full.Again) != 2 || told != 2 {
		t.Errorf("%d wait, %d told", len(l.full.Again), told)
	}
}

func TestOwnersOfComplaints(t *testing.T) {
	gone := fstree.Found{State: fstree.Absent}
	works := []plan.Work{
		{Item: plan.Item{Path: "d"}}, {Item: plan.Item{Path: "t", Flags: dirty.Tree}}, {Item: plan.Item{Path: "d/x"}}, {Item: plan.Item{Path: ""}},
		{Item: plan.Item{Path: "n/a"}}, {Item: plan.Item{Path: "n/b/c"}}, {Item: plan.Item{Path: "g"}, Found: gone},
	}
	index := map[string]int{}
	for i, w := range works {
		index[w.Path] = i
	}
	for path, want := range map[string]string{
		"d": "d[0]", "d/x": "d/x[2]", "t/deep/f": "t/deep/f[1]", "t/d": "t/d[1]", "d/other": "d/other[]", "n": "n[4 5]", "n/b": "n/b[5]",
		"g/h/i": "g/h/i[6]", "unknown": "unknown[]", "srv/d": "srv/d[]", "": "[3]",
		"?srv/backup/d/x": "d/x[2]", "?srv/backup/t/y": "t/y[1]", "?srv/unknown": "srv/unknown[]", "?t/d": "t/d[1]",
	} {
		e := transport.PathError{}
		e.Path, e.Elsewhere = strings.CutPrefix(path, "?")
		about, owned := outcome.Claimed(works, index, e)
		if got := about + fmt.Sprint(owned); got != want {
			t.Errorf("%q: %s, want %s", path, got, want)
		}
	}
}
