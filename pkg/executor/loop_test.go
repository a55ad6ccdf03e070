package executor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/executor/slots"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

func (b *bed) waiting() int {
	s := b.dirty.Stats()
	return s.Pending + s.InFlight
}

// noRoom leaves no slot free for any run.
func noRoom(o *Options) {
	o.Slots = slots.NewSlots(1, slots.NewTotal(1))
	o.Slots.TryAcquire()
}

// broken is the result of a remote that breaks the connection off.
var broken = transport.Result{Class: transport.Trouble, Broken: true, Reason: "connection reset"}

// A remote that does not answer is probed ever more rarely, and gets no runs meanwhile. It has
// everything within 10 s of its first answer.
func TestARemoteIsLeftAloneWhileItIsDown(t *testing.T) {
	var down atomic.Bool
	var mu sync.Mutex
	var probes []time.Time
	remote := &transporttest.Fake{
		Carry: func(context.Context, transport.Call) transport.Result {
			if down.Load() {
				return broken
			}
			return transport.Result{}
		},
	}
	remote.Answers = func() error {
		mu.Lock()
		probes = append(probes, time.Now())
		mu.Unlock()
		if down.Load() {
			return errors.New("refused")
		}
		return nil
	}
	onBed(t, with{remote: remote}, func(_ *testing.T, b *bed) {
		b.write("a", "1")
		b.after(time.Second)
		if n := b.waiting(); n != 0 {
			b.Fatalf("%d paths wait although the remote serves", n)
		}
		down.Store(true)
		b.write("b", "1")
		b.after(time.Second)
		calls := len(remote.Calls())
		b.write("c", "1")
		b.after(time.Hour)
		if n := len(remote.Calls()) - calls; n != 0 {
			b.Errorf("%d runs to a remote that is down", n)
		}
		mu.Lock()
		for i := 2; i < len(probes); i++ {
			if wait := probes[i].Sub(probes[i-1]); wait > 8*time.Second {
				b.Errorf("the remote was left alone for %v", wait)
			}
		}
		if n := len(probes); n < 450 || n > 1000 {
			b.Errorf("%d probes in an hour", n)
		}
		mu.Unlock()
		down.Store(false)
		b.after(10 * time.Second)
		if n := b.waiting(); n != 0 || remote.IsDown() {
			b.Errorf("%d paths wait, down %v", n, remote.IsDown())
		}
	})
}

// A file system that does not answer delays no request, no outcome and no status, because the loop
// never waits for a disk.
func TestASlowDiskDoesNotHoldUpTheLoop(t *testing.T) {
	var root *gate // the function that opens the watch root waits for this gate
	onBed(t, with{remote: &transporttest.Fake{}, options: func(o *Options) {
		root = newGate()
		open := o.Root
		o.Root = func() *fstree.Root { root.wait(); return open() }
	}}, func(_ *testing.T, b *bed) {
		b.Mark("never/looked/at", dirty.Content)
		b.after(time.Minute)
		if s := b.dirty.Stats(); s.InFlight != 1 {
			b.Fatalf("nothing is being looked at: %+v", s)
		}
		ctx, cancel := context.WithTimeout(b.Context(), time.Second)
		defer cancel()
		must(b.T, b.Pause(ctx, true))
		must(b.T, b.RetryNow(ctx))
		if s := b.Snapshot(time.Now()); s.State != status.LanePaused {
			b.Errorf("the lane is %s", s.State)
		}
		root.open()
		b.after(time.Second)
	})
}

// A run that is under way when the lane is told to stop may go on for a while, and is then ended.
// Its paths stay dirty.
func TestTheDrainIsBounded(t *testing.T) {
	var began chan struct{} // belongs to the bubble
	remote := &transporttest.Fake{Carry: func(ctx context.Context, _ transport.Call) transport.Result {
		close(began)
		<-ctx.Done()
		return transport.Result{Class: transport.Stopped}
	}}
	onBed(t, with{remote: remote, options: func(*Options) { began = make(chan struct{}) }}, func(_ *testing.T, b *bed) {
		b.write("a", "1")
		<-began
		told := time.Now()
		b.stop()
		if took := time.Since(told); took != drainTime {
			b.Errorf("the run was ended after %v, want %v", took, drainTime)
		}
		if s := b.dirty.Stats(); s.Pending != 1 || s.InFlight != 0 {
			b.Errorf("%+v, want one pending", s)
		}
	})
}

// A full sync may overwrite a file that is sent beside it with an older content that it has read
// before: such a file is sent once more.
func TestWhatChangesBesideAFullSyncGoesOnceMore(t *testing.T) {
	var reading, read chan struct{} // belong to the bubble
	var mu sync.Mutex
	sent := 0
	remote := &transporttest.Fake{Carry: func(_ context.Context, c transport.Call) transport.Result {
		switch {
		case c.Batch.Kind == transport.Full:
			close(reading)
			<-read
		case c.Batch.Kind == transport.Send && !c.Batch.Verify:
			mu.Lock()
			sent++
			mu.Unlock()
		}
		return transport.Result{}
	}}
	onBed(t, with{remote: remote, options: func(o *Options) {
		o.MayDelete = false
		reading, read = make(chan struct{}), make(chan struct{})
	}}, func(_ *testing.T, b *bed) {
		done := make(chan fullsync.Result, 1)
		must(b.T, b.FullSync(b.Context(), fullsync.Request{Done: func(r fullsync.Result) { done <- r }}))
		<-reading
		b.write("a", "1")
		b.after(time.Second)
		mu.Lock()
		beside := sent
		mu.Unlock()
		if beside != 1 || b.waiting() != 0 {
			b.Errorf("%d runs beside the full sync, %d paths wait", beside, b.waiting())
		}
		close(read)
		if r := <-done; r.Err != nil {
			b.Error(r.Err)
		}
		b.after(time.Second)
		mu.Lock()
		defer mu.Unlock()
		if sent != 2 {
			b.Errorf("sent %d times, want twice", sent)
		}
	})
}

// A lane that is told to stop gives up waiting for a slot that it cannot get.
func TestAStopEndsTheWaitForASlot(t *testing.T) {
	onBed(t, with{remote: &transporttest.Fake{}, options: noRoom}, func(_ *testing.T, b *bed) {
		b.write("a", "1")
		must(b.T, b.LookAtTarget(b.Context(), time.Now().Add(time.Hour)))
		b.after(time.Minute)
		told := time.Now()
		b.stop()
		if took := time.Since(told); took != 0 {
			b.Errorf("the stop took %v", took)
		}
	})
}

// A path that waits until it may be tried again costs nothing meanwhile: neither the loop nor the
// disk works for it.
func TestWhatWaitsCostsNothing(t *testing.T) {
	var opened atomic.Int64
	onBed(t, with{remote: &transporttest.Fake{}, options: func(o *Options) {
		o.Held = func(string, bool) string { return "held" }
		open := o.Root
		o.Root = func() *fstree.Root { opened.Add(1); return open() }
	}}, func(_ *testing.T, b *bed) {
		b.Mark("gone", dirty.Gone)
		b.after(time.Hour)
		if s := b.dirty.Stats(); s.Pending != 1 {
			b.Errorf("%+v, want one that waits", s)
		}
		if n := opened.Load(); n < 100 || n > 1000 { // about one every 8 s
			b.Errorf("the watch root was opened %d times in an hour", n)
		}
	})
}

// A lane stops without waiting for a remote that has not answered which release it has.
func TestAStopDoesNotWaitForTheRelease(t *testing.T) {
	var asked *gate
	remote := &transporttest.Fake{Named: func(ctx context.Context) transport.Release {
		asked.open()
		<-ctx.Done()
		return transport.Release{}
	}}
	onBed(t, with{remote: remote, options: func(*Options) { asked = newGate() }}, func(_ *testing.T, b *bed) {
		asked.wait()
		told := time.Now()
		b.stop()
		if took := time.Since(told); took != 0 {
			b.Errorf("the stop took %v", took)
		}
	})
}

// An idle lane stops at once.
func TestAnIdleLaneStopsAtOnce(t *testing.T) {
	onBed(t, with{files: []string{"f"}}, func(_ *testing.T, b *bed) {
		b.write("f", "new")
		b.arrives("f", "new")
		b.idle()
		b.after(time.Minute)
		told := time.Now()
		b.stop()
		if took := time.Since(told); took != 0 {
			b.Errorf("the stop took %v", took)
		}
	})
}

// Two lanes that share one slot get it in turn, and give it back.
func TestLanesShareSlotsInTurn(t *testing.T) {
	onBed(t, with{options: func(o *Options) { o.Slots = slots.NewSlots(1, slots.NewTotal(1)) }}, func(t *testing.T, b *bed) {
		opt, other := b.again(), &transporttest.Fake{Carry: func(context.Context, transport.Call) transport.Result {
			time.Sleep(runTakes)
			return transport.Result{}
		}}
		opt.ID, opt.Transport, opt.Ledger = "other", other, nil
		second := NewLane(opt)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- second.Run(ctx) }()
		const files = 20
		for i := range files {
			name := fmt.Sprint("f", i)
			b.write(name, "1")
			second.Mark(name, dirty.Content)
			time.Sleep(runTakes / 2)
		}
		b.idle()
		b.until("the other lane is idle, too", func() bool { s := second.dirty.Stats(); return s.Pending+s.InFlight == 0 })
		if mine, theirs := b.ran(transport.Send), len(other.Calls()); mine < files/8 || theirs < files/8 {
			t.Errorf("%d and %d runs", mine, theirs)
		}
		cancel()
		must(t, <-ended)
		if !b.opt.Slots.TryAcquire() {
			t.Fatal("a slot was not given back")
		}
		b.opt.Slots.Release()
	})
}
