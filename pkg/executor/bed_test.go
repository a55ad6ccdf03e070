package executor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/executor/slots"
	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/ledger"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

// bed is a lane between two directories, with a clock that only the test moves. Files get their
// times from the host's clock, so the fake clock begins at the host's time; a test that lets
// seconds pass sets the times that matter itself.
type bed struct {
	*testing.T
	*Lane
	src, dst string
	remote   *transporttest.Fake
	tree     *transporttest.Tree
	logs     *observer.ObservedLogs
	stop     func() // ends the lane and waits until it has ended

	mu      sync.Mutex
	deleted map[audit.Cause][]string
	failLog []failqueue.Entry
	settled map[string]bool
	gone    atomic.Bool // whether the watch root is gone
	away    atomic.Bool // whether the remote is away
	broken  atomic.Bool // whether no run can be started
	asked   atomic.Int64
}

// with says how a bed is made.
type with struct {
	remote  *transporttest.Fake    // nil: a remote that mirrors into dst, with terms and carry
	terms   func(*transport.Terms) // changes the terms, which otherwise are those of -artuz
	carry   carried                // is called before the remote gets a batch; may be nil
	epoch   bool                   // the fake clock begins where that of every bubble does; then files have times in its future
	options func(*Options)
	lane    func(*Lane) // is called before the lane runs
	files   []string    // in both directories from the start; a name that ends in "/" is a directory
	there   []string    // on the remote only
}

// withoutUpdate changes terms to those without -u.
func withoutUpdate(t *transport.Terms) { t.Update = false }

// carried decides the result of a call; unless it says ok the remote carries the call.
type carried func(ctx context.Context, b *bed, c transport.Call) (r transport.Result, ok bool)

// onBed runs a test of a lane, in a bubble of fake time.
func onBed(t *testing.T, w with, test func(*testing.T, *bed)) {
	t.Helper()
	src, dst, scratch, sent := t.TempDir(), t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "sent")
	synctest.Test(t, func(t *testing.T) {
		b := &bed{T: t, src: src, dst: dst, deleted: map[audit.Cause][]string{}, settled: map[string]bool{}}
		if !w.epoch {
			time.Sleep(time.Until(hostTime(t, scratch)))
		}
		for _, f := range w.files {
			put(t, b.src, f, "old")
			put(t, b.dst, f, "old")
		}
		for _, f := range w.there {
			put(t, b.dst, f, "there")
		}
		opt := b.options(w)
		opt.Scratch, opt.Ledger = filepath.Join(scratch, "times"), ledger.New(sent, func() {})
		if w.options != nil {
			w.options(&opt)
		}
		b.Lane = NewLane(opt)
		if w.lane != nil {
			w.lane(b.Lane)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.Lane.Run(ctx) }()
		b.stop = sync.OnceFunc(func() { cancel(); must(t, <-ended) })
		defer func() {
			b.stop()
			for _, e := range b.logs.All() {
				if t.Failed() {
					t.Log(e.Message, e.ContextMap())
				}
			}
		}()
		test(t, b)
	})
}

// hostTime is the time that a file would get now.
func hostTime(t *testing.T, dir string) time.Time {
	t.Helper()
	put(t, dir, "clock", "")
	info, err := os.Stat(dir + "/clock")
	must(t, err)
	return info.ModTime()
}

// again returns the options for another lane to the same remote.
func (b *bed) again() Options { return *b.opt }

func (b *bed) options(w with) Options {
	core, logs := observer.New(zap.DebugLevel)
	b.logs = logs
	if b.remote = w.remote; b.remote == nil {
		b.mirror(w)
	}
	return Options{
		ID: "bed", Dir: b.src, Transport: b.remote, Slots: slots.NewSlots(10, slots.NewTotal(10)), MayDelete: true,
		Held: func(string, bool) string { return "" },
		Root: func() *fstree.Root {
			root, err := fstree.Open(b.src)
			if err != nil || b.gone.Load() {
				return nil
			}
			return root
		},
		Gone: func() bool { b.asked.Add(1); return b.gone.Load() },
		Deletions: func(c audit.Cause, p []string) {
			b.mu.Lock()
			b.deleted[c] = append(b.deleted[c], p...)
			b.mu.Unlock()
		},
		FailLog: func(e []failqueue.Entry) { b.mu.Lock(); b.failLog = e; b.mu.Unlock() },
		Settled: func(p string, _, ok bool, _ time.Time) {
			b.mu.Lock()
			b.settled[p] = ok
			b.mu.Unlock()
		},
		Logger: zap.New(core),
	}
}

// mirror gives the bed a remote that mirrors into a directory.
func (b *bed) mirror(w with) {
	terms := transport.Terms{Update: true, Times: true, Links: true, Sends: 1}
	if w.terms != nil {
		w.terms(&terms)
	}
	b.tree = &transporttest.Tree{Here: b.src, There: b.dst, Update: terms.Update, HardLinks: terms.HardLinks, Matcher: terms.Matcher}
	b.remote = &transporttest.Fake{Asks: terms, Answers: func() error {
		if b.away.Load() {
			return errors.New("refused")
		}
		return nil
	}}
	b.remote.Begins = func() error {
		if b.broken.Load() {
			return errors.New("no such program")
		}
		return nil
	}
	b.remote.Carry = func(ctx context.Context, c transport.Call) transport.Result {
		time.Sleep(runTakes)
		if b.away.Load() {
			return refused
		}
		if w.carry != nil {
			if r, ok := w.carry(ctx, b, c); ok {
				return r
			}
		}
		return b.tree.Carry(ctx, c)
	}
}

// refusing answers every batch that names the path with this result.
func refusing(path string, r transport.Result) carried {
	return func(_ context.Context, _ *bed, c transport.Call) (transport.Result, bool) {
		return r, slices.Contains(c.Names, path)
	}
}

// heldUp makes the batches for which held is true wait until the gate opens or until they are
// ended; all others go at once.
func heldUp(g **gate, held func(transport.Call) bool) carried {
	return func(ctx context.Context, _ *bed, c transport.Call) (transport.Result, bool) {
		if held(c) {
			select {
			case <-(*g).opened:
			case <-ctx.Done():
				return transport.Result{Class: transport.Stopped}, true
			case <-c.Stop:
				return transport.Result{Class: transport.Stopped}, true
			}
		}
		return transport.Result{}, false
	}
}

// runTakes is how long each run takes. If runs took no time, a run that is repeated at once would
// leave no time for the work that waits.
const runTakes = 60 * time.Millisecond

// refused is the result of a remote that is away.
var refused = transport.Result{Class: transport.Trouble, Reason: "the remote refuses the connection", Remedy: "start it", WaitStatus: 10 << 8, Exit: 10}

// unclear is a result that says that something has failed, but names no path.
var unclear = transport.Result{Class: transport.Partly, Unclear: true, Reason: "strange"}

// denied is the result of a remote that is not allowed to write one path.
func denied(path string) transport.Result {
	return transport.Result{Class: transport.Partly, Reason: "denied", Failed: []transport.PathError{{Path: path, Remote: true, Errno: 13, Text: "denied"}}}
}

func put(t testing.TB, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if strings.HasSuffix(name, "/") {
		must(t, os.MkdirAll(file, 0o755))
		return
	}
	must(t, os.MkdirAll(filepath.Dir(file), 0o755))
	must(t, os.WriteFile(file, []byte(text), 0o644))
}

// write changes a file in the watch root and marks it as its events would.
func (b *bed) write(name, text string) {
	b.Helper()
	put(b.T, b.src, name, text)
	b.Mark(name, dirty.Content)
}

func (b *bed) remove(name string) {
	b.Helper()
	flags := dirty.Gone
	if st, err := os.Lstat(filepath.Join(b.src, name)); err == nil && st.IsDir() {
		flags |= dirty.Tree
	}
	must(b.T, os.RemoveAll(filepath.Join(b.src, name)))
	b.Mark(name, flags)
}

func (b *bed) there(name string) string {
	data, err := os.ReadFile(filepath.Join(b.dst, name))
	if err != nil {
		if _, err := os.Lstat(filepath.Join(b.dst, name)); err == nil {
			return "<no file>"
		}
		return "<none>"
	}
	return string(data)
}

func (b *bed) arrives(name, text string) {
	b.Helper()
	b.until(name+" is "+text, func() bool { return b.there(name) == text })
}

// until lets time pass until holds returns true. It asks each time the lane has nothing to do, and
// ever more rarely.
func (b *bed) until(what string, holds func() bool) {
	b.Helper()
	began := time.Now()
	for step := 5 * time.Millisecond; ; step = min(2*step, 200*time.Millisecond) {
		if synctest.Wait(); holds() {
			return
		}
		if time.Since(began) > patient {
			b.Fatalf("after %v still not: %s", patient, what)
		}
		time.Sleep(step)
	}
}

// idle waits until nothing is dirty and no full sync is wanted.
func (b *bed) idle() {
	b.Helper()
	b.until("the lane is idle", func() bool {
		s := b.dirty.Stats()
		return s.Pending == 0 && s.InFlight == 0 && b.Snapshot(time.Now()).Progress == nil
	})
}

// after lets time pass, and then waits until nothing has anything to do.
func (b *bed) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (b *bed) equal() {
	b.Helper()
	b.until("both directories are equal", func() bool {
		s := b.dirty.Stats()
		return s.InFlight == 0 && s.Pending <= s.Delayed && len(testkit.Equal(b.src, b.dst, testkit.Compare{DotFiles: true})) == 0
	})
}

// fullSync runs one full sync to its end.
func (b *bed) fullSync(f fullsync.Request) fullsync.Result {
	b.Helper()
	r := b.fullSync2(f)
	b.idle()
	return r
}

// ran counts the batches of these kinds so far; without a kind it counts all.
func (b *bed) ran(kinds ...transport.Kind) (n int) {
	for _, c := range b.remote.Calls() {
		if len(kinds) == 0 || slices.Contains(kinds, c.Batch.Kind) {
			n++
		}
	}
	return n
}

func (b *bed) deletions(c audit.Cause) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := slices.Clone(b.deleted[c])
	slices.Sort(out)
	return slices.Compact(out)
}

func (b *bed) caps() transport.Capabilities { return b.Remember(time.Now()).Caps }
