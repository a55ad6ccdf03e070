package executor

import (
	"context"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

// once returns a function that is true only the first time it is called.
func once() func() bool {
	var done atomic.Bool
	return func() bool { return done.CompareAndSwap(false, true) }
}

// gate is opened once; a test and its remote wait for that.
type gate struct{ opened chan struct{} }

func newGate() *gate        { return &gate{make(chan struct{})} }
func (g *gate) open()       { close(g.opened) }
func (g *gate) wait()       { <-g.opened }
func (b *bed) begin() *gate { b.Helper(); return b.wantFull(fullsync.Request{}) }

// wantFull requests a full sync and returns a gate that opens at its end.
func (b *bed) wantFull(f fullsync.Request) *gate {
	b.Helper()
	g := newGate()
	f.Done = func(fullsync.Result) { g.open() }
	must(b.T, b.FullSync(b.Context(), f))
	return g
}

// A full sync fails for one path in its first half, and breaks off in its second half.
func TestAFullSyncThatBreaksOffAtItsQuestion(t *testing.T) {
	first := once()
	onBed(t, with{carry: func(_ context.Context, _ *bed, c transport.Call) (transport.Result, bool) {
		switch c.Batch.Kind {
		case transport.Survey:
			return broken, first()
		default:
			return denied("bad"), c.Batch.Kind == transport.Full
		}
	}}, func(t *testing.T, b *bed) {
		put(t, b.src, "bad", "1")
		b.fullSync(fullsync.Request{Mirror: true})
		b.arrives("bad", "1") // the path is sent by its name, in a run of its own
	})
}

// slowFull is a remote whose full sync reads f, and writes what it has read only when the gate may
// opens.
func slowFull(reading, may **gate) carried {
	return func(_ context.Context, b *bed, c transport.Call) (transport.Result, bool) {
		if c.Batch.Kind != transport.Full || c.Batch.Verify {
			return transport.Result{}, false
		}
		data, err := os.ReadFile(b.src + "/f")
		must(b.T, err)
		info, err := os.Stat(b.src + "/f")
		must(b.T, err)
		(*reading).open()
		(*may).wait()
		put(b.T, b.dst, "f", string(data))
		at(b.T, b.dst+"/f", info.ModTime())
		return transport.Result{}, true
	}
}

// A file is sent beside a full sync. The full sync ends first, and sends the file once more because
// the contents differ.
func TestAFullSyncThatEndsBeforeARunBesideIt(t *testing.T) {
	var reading, pushed, ended *gate
	full, first := slowFull(&reading, &pushed), once()
	onBed(t, with{files: []string{"f"}, options: func(*Options) { reading, pushed, ended = newGate(), newGate(), newGate() },
		carry: func(ctx context.Context, b *bed, c transport.Call) (transport.Result, bool) {
			if c.Batch.Kind == transport.Send && !c.Batch.Verify && slices.Contains(c.Names, "f") && first() {
				r := b.tree.Carry(ctx, c)
				pushed.open()
				ended.wait()
				return r, true
			}
			return full(ctx, b, c)
		}}, func(t *testing.T, b *bed) {
		done := b.begin()
		reading.wait()
		b.write("f", "newer")
		done.wait()
		ended.open()
		b.idle()
		if got := b.there("f"); got != "newer" {
			t.Errorf("f is %q", got)
		}
	})
}

// A file is replaced, beside a full sync, by one of the same size and time.
func TestAFullSyncOverATwin(t *testing.T) {
	var reading, pushed *gate
	onBed(t, with{files: []string{"f"}, carry: slowFull(&reading, &pushed), options: func(*Options) { reading, pushed = newGate(), newGate() }}, func(t *testing.T, b *bed) {
		then := time.Unix(1, 0)
		at(t, b.src+"/f", then)
		at(t, b.dst+"/f", then)
		done := b.begin()
		reading.wait()
		put(t, b.src, "f.new", "new")
		at(t, b.src+"/f.new", then)
		must(t, os.Rename(b.src+"/f.new", b.src+"/f"))
		b.Mark("f", dirty.Content)
		b.arrives("f", "new")
		b.until("done", func() bool { return b.dirty.Stats().InFlight == 0 })
		pushed.open()
		done.wait()
		b.idle()
		if got := b.there("f"); got != "new" {
			t.Errorf("f is %q", got)
		}
	})
}

// A directory disappears while a full sync of a lane with a filter is about to make it.
func TestADirectoryGoesBesideAFullSync(t *testing.T) {
	var reading, may *gate
	first := once()
	onBed(t, with{options: func(o *Options) {
		o.Excluded = func(p string, _ bool) bool { return p == "nothing" }
		reading, may = newGate(), newGate()
	}, carry: func(_ context.Context, b *bed, c transport.Call) (transport.Result, bool) {
		if c.Batch.Verify || c.Batch.Kind != transport.Send || !slices.Contains(c.Names, "d") || !first() {
			return transport.Result{}, false
		}
		reading.open()
		may.wait()
		put(b.T, b.dst, "d/f", "x")
		return transport.Result{}, true
	}}, func(t *testing.T, b *bed) {
		put(t, b.src, "d/f", "x")
		done := b.begin()
		reading.wait()
		b.remove("d")
		b.until("settled", func() bool { s := b.dirty.Stats(); return s.Pending+s.InFlight == 0 })
		may.open()
		done.wait()
		b.idle()
		if got := b.there("d/f"); got != "<none>" {
			t.Errorf("d/f is %q", got)
		}
	})
}

// neverClear is a remote that never says which paths of a full sync have failed.
func neverClear(_ context.Context, _ *bed, c transport.Call) (transport.Result, bool) {
	return unclear, c.Batch.Kind == transport.Full
}

// A full sync never says which paths it has left out: all of them arrive all the same.
func TestAFullSyncThatIsNeverClear(t *testing.T) {
	onBed(t, with{carry: neverClear}, func(t *testing.T, b *bed) {
		put(t, b.src, "bad", "1")
		b.fullSync2(fullsync.Request{})
		b.arrives("bad", "1")
	})
}

// The watch root disappears while the remote answers a question.
func TestTheRootGoesBesideAQuestion(t *testing.T) {
	var asked, may *gate
	var ask sync.Once
	onBed(t, with{files: []string{"d/keep"}, there: []string{"d/gone"}, options: func(o *Options) {
		o.Mirrored, o.MirrorScope = true, Scope{}
		asked, may = newGate(), newGate()
	}, carry: func(_ context.Context, _ *bed, c transport.Call) (transport.Result, bool) {
		if c.Batch.Kind == transport.SurveyFlat {
			ask.Do(asked.open)
			may.wait()
		}
		return transport.Result{}, false
	}}, func(t *testing.T, b *bed) {
		b.Mark("d", dirty.Extras)
		asked.wait()
		b.gone.Store(true)
		may.open()
		b.until("the answer has come", func() bool { return b.dirty.Stats().InFlight == 0 })
		b.gone.Store(false)
		must(t, b.RootChanged(t.Context()))
		b.idle()
		if got := b.there("d/gone"); got != "<none>" {
			t.Errorf("d/gone is %q", got)
		}
	})
}

// A comparison that never says which paths it has left out does not count as one that has found
// everything equal.
func TestAComparisonThatIsNeverClearFails(t *testing.T) {
	onBed(t, with{files: []string{"f"}, carry: neverClear}, func(t *testing.T, b *bed) {
		if r := b.fullSync2(fullsync.Request{Verify: true}); r.Err == nil {
			t.Errorf("%+v", r)
		}
	})
}
