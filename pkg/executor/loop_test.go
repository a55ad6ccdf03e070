package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/executor/slots"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

// fakeLane runs a lane with a remote in memory and a clock that only tests move.
type fakeLane struct {
	*testing.T
	*Lane
	remote *transporttest.Fake
	dir    string
	root   chan struct{} // when it is not nil, the watch root is opened once this is closed
	stop   func()
}

// inBubble runs a test of a fake lane, with a change of its options.
func inBubble(t *testing.T, remote *transporttest.Fake, change func(*fakeLane, *Options), test func(*fakeLane)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeLane{T: t, remote: remote, dir: dir}
		opt := Options{
			ID: "fake", Dir: dir, Transport: remote, Slots: slots.NewSlots(2, slots.NewTotal(2)), MayDelete: true,
			Held: func(string, bool) string { return "" }, Gone: func() bool { return false }, Logger: zap.NewNop(),
			Root: func() *fstree.Root {
				if f.root != nil {
					<-f.root
				}
				root, err := fstree.Open(dir)
				must(t, err)
				return root
			},
		}
		if change != nil {
			change(f, &opt)
		}
		f.Lane = NewLane(opt)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- f.Lane.Run(ctx) }()
		f.stop = sync.OnceFunc(func() { cancel(); must(t, <-ended) })
		defer f.stop()
		test(f)
	})
}

// write changes a file and marks it as its event would.
func (f *fakeLane) write(name string) {
	f.Helper()
	must(f.T, os.WriteFile(filepath.Join(f.dir, name), []byte(name), 0o600))
	f.Mark(name, dirty.Content)
}

// after lets time pass, and all that comes to rest.
func (f *fakeLane) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (f *fakeLane) waiting() int {
	s := f.dirty.Stats()
	return s.Pending + s.InFlight
}

// broken is a result of a remote that does not serve.
var broken = transport.Result{Class: transport.Trouble, Broken: true, Reason: "connection reset"}

// A remote that does not answer is asked ever more rarely, and gets nothing meanwhile. It
// has everything within 10 s of its first answer.
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
	inBubble(t, remote, nil, func(f *fakeLane) {
		f.write("a")
		f.after(time.Second)
		if n := f.waiting(); n != 0 {
			f.Fatalf("%d paths wait although the remote serves", n)
		}
		down.Store(true)
		f.write("b")
		f.after(time.Second)
		calls := len(remote.Calls())
		f.write("c")
		f.after(time.Hour)
		if n := len(remote.Calls()) - calls; n != 0 {
			f.Errorf("%d runs to a remote that is down", n)
		}
		mu.Lock()
		for i := 2; i < len(probes); i++ {
			if wait := probes[i].Sub(probes[i-1]); wait > 8*time.Second {
				f.Errorf("it was left alone for %v", wait)
			}
		}
		if n := len(probes); n < 450 || n > 1000 {
			f.Errorf("%d probes in an hour", n)
		}
		mu.Unlock()
		down.Store(false)
		f.after(10 * time.Second)
		if n := f.waiting(); n != 0 || remote.IsDown() {
			f.Errorf("%d paths wait, down %v", n, remote.IsDown())
		}
	})
}

// A file system that does not answer holds up no request, no outcome and no status: the
// loop waits for no disk.
func TestASlowDiskDoesNotHoldUpTheLoop(t *testing.T) {
	inBubble(t, &transporttest.Fake{}, func(f *fakeLane, _ *Options) { f.root = make(chan struct{}) }, func(f *fakeLane) {
		f.Mark("never/looked/at", dirty.Content)
		f.after(time.Minute)
		if s := f.dirty.Stats(); s.InFlight != 1 {
			f.Fatalf("nothing is being looked at: %+v", s)
		}
		ctx, cancel := context.WithTimeout(f.Context(), time.Second)
		defer cancel()
		must(f.T, f.Pause(ctx, true))
		must(f.T, f.RetryNow(ctx))
		if s := f.Snapshot(time.Now()); s.State != status.LanePaused {
			f.Errorf("the lane is %s", s.State)
		}
		close(f.root)
		f.after(time.Second)
	})
}

// What runs when the lane is told to stop may go on for a while, and is ended then. What
// it was for is dirty still.
func TestTheDrainIsBounded(t *testing.T) {
	var began chan struct{} // of the bubble
	remote := &transporttest.Fake{Carry: func(ctx context.Context, _ transport.Call) transport.Result {
		close(began)
		<-ctx.Done()
		return transport.Result{Class: transport.Stopped}
	}}
	inBubble(t, remote, func(*fakeLane, *Options) { began = make(chan struct{}) }, func(f *fakeLane) {
		f.write("a")
		<-began
		told := time.Now()
		f.stop()
		if took := time.Since(told); took != drainTime {
			f.Errorf("the run was ended after %v, want %v", took, drainTime)
		}
		if s := f.dirty.Stats(); s.Pending != 1 || s.InFlight != 0 {
			f.Errorf("%+v, want one pending", s)
		}
	})
}

// A full sync may overwrite with what it has read before what is sent beside it: that
// goes once more.
func TestWhatChangesBesideAFullSyncGoesOnceMore(t *testing.T) {
	var reading, read chan struct{} // of the bubble
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
	inBubble(t, remote, func(_ *fakeLane, o *Options) {
		o.MayDelete = false
		reading, read = make(chan struct{}), make(chan struct{})
	}, func(f *fakeLane) {
		done := make(chan fullsync.Result, 1)
		must(f.T, f.FullSync(f.Context(), fullsync.Request{Done: func(r fullsync.Result) { done <- r }}))
		<-reading
		f.write("a")
		f.after(time.Second)
		mu.Lock()
		beside := sent
		mu.Unlock()
		if beside != 1 || f.waiting() != 0 {
			f.Errorf("%d runs beside the full sync, %d paths wait", beside, f.waiting())
		}
		close(read)
		if r := <-done; r.Err != nil {
			f.Error(r.Err)
		}
		f.after(time.Second)
		mu.Lock()
		defer mu.Unlock()
		if sent != 2 {
			f.Errorf("sent %d times, want twice", sent)
		}
	})
}

// Where runs are to be had for none, a lane that is told to stop does not wait for one.
func TestAStopEndsTheWaitForASlot(t *testing.T) {
	full := func(f *fakeLane, o *Options) {
		must(f.T, o.Slots.Acquire(f.Context()))
		must(f.T, o.Slots.Acquire(f.Context()))
	}
	inBubble(t, &transporttest.Fake{}, full, func(f *fakeLane) {
		f.write("a")
		must(f.T, f.LookAtTarget(f.Context(), time.Now().Add(time.Hour)))
		f.after(time.Minute)
		told := time.Now()
		f.stop()
		if took := time.Since(told); took != 0 {
			f.Errorf("it took %v", took)
		}
	})
}

// A path that waits for its time costs nothing meanwhile: neither the loop nor the disk
// is busy with it.
func TestWhatWaitsCostsNothing(t *testing.T) {
	var opened atomic.Int64
	inBubble(t, &transporttest.Fake{}, func(_ *fakeLane, o *Options) {
		o.Held = func(string, bool) string { return "held" }
		open := o.Root
		o.Root = func() *fstree.Root { opened.Add(1); return open() }
	}, func(f *fakeLane) {
		f.Mark("gone", dirty.Gone)
		f.after(time.Hour)
		if s := f.dirty.Stats(); s.Pending != 1 {
			f.Errorf("%+v, want one that waits", s)
		}
		if n := opened.Load(); n < 100 || n > 1000 { // each 8 s
			f.Errorf("the watch root was opened %d times in an hour", n)
		}
	})
}

// A stop does not wait for a remote that does not say which release it has.
func TestAStopDoesNotWaitForTheRelease(t *testing.T) {
	var asked *gate
	remote := &transporttest.Fake{Named: func(ctx context.Context) transport.Release {
		asked.open()
		<-ctx.Done()
		return transport.Release{}
	}}
	inBubble(t, remote, func(*fakeLane, *Options) { asked = newGate() }, func(f *fakeLane) {
		asked.wait()
		told := time.Now()
		f.stop()
		if took := time.Since(told); took != 0 {
			f.Errorf("it took %v", took)
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
