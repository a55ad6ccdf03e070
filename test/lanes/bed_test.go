package lanes

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/executor/slots"
	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/ledger"
	"github.com/sersync/sersync/pkg/rsyncopts"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
	"github.com/sersync/sersync/pkg/transport/rsync/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patient is how long a test waits for something that takes milliseconds on an idle machine.
const patient = 20 * time.Second

const (
	bigFile   = 8 << 20          // a file of this size, in bytes, goes in a run of its own, however fast the link is
	drainTime = 10 * time.Second // how long a run may go on when its lane is told to stop
)

// bed is a lane between two directories, with the real rsync.
type bed struct {
	*testing.T
	*executor.Lane
	src, dst string
	daemon   *testkit.RsyncDaemon
	launcher *child.Launcher
	setup    setup
	way      *session.Session
	logs     *observer.ObservedLogs
	stop     func() // ends the lane and waits until it has ended

	mu       sync.Mutex
	commands []string
	deleted  map[audit.Cause][]string
	failLog  []failqueue.Entry
	settled  map[string]bool
	gone     atomic.Bool
	asked    atomic.Int64
}

// with says how a bed is made.
type with struct {
	params  string
	program string     // the rsync of the remote; empty: that of this host
	module  []string   // further lines of the module
	prepare func(*bed) // is called before the options are made; may be nil
	options func(*setup)
	remote  func(*session.Session) transport.Transport // the transport that the lane gets; nil: the session
	files   []string                                   // in both directories from the start; a name that ends in "/" is a directory
	there   []string                                   // on the target only
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newBed(t *testing.T, w with) *bed {
	t.Helper()
	b := &bed{T: t, src: t.TempDir(), dst: t.TempDir(), deleted: map[audit.Cause][]string{}, settled: map[string]bool{}}
	must(t, os.Chmod(filepath.Dir(b.dst), 0o755))
	must(t, os.Chmod(b.dst, 0o777))
	for _, f := range w.files {
		put(t, b.src, f, "old")
		put(t, b.dst, f, "old")
	}
	for _, f := range w.there {
		put(t, b.dst, f, "there")
	}
	b.daemon = testkit.Rsyncd(t, testkit.RsyncdConf{Program: w.program, Modules: []testkit.Module{{Name: "m", Path: b.dst, Options: w.module}}})
	if w.prepare != nil {
		w.prepare(b)
	}
	if w.params == "" {
		w.params = "-artuz"
	}
	params, err := rsync.ParseParams(w.params, rsyncopts.Setting{}, os.Getenv)
	must(t, err)
	opt := b.options(rsync.Target{Host: "127.0.0.1", Name: "m", Port: b.daemon.Port(), Params: params})
	if w.options != nil {
		w.options(&opt)
	}
	b.setup = opt
	b.Lane = executor.NewLane(b.through(w.remote))
	b.start()
	return b
}

// setup is how a lane of a bed is made, and how its remote is reached.
type setup struct {
	executor.Options
	Way session.Options
}

// through returns the options of the lane with its way to the remote, as change makes it.
func (b *bed) through(change func(*session.Session) transport.Transport) executor.Options {
	opt, way := b.setup.Options, b.setup.Way
	way.Dir, way.Root, way.Logger = opt.Dir, opt.Root, opt.Logger
	b.way = session.New(way)
	opt.Transport = b.way
	if change != nil {
		opt.Transport = change(b.way)
	}
	return opt
}

func (b *bed) options(target rsync.Target) setup {
	core, logs := observer.New(zap.DebugLevel)
	b.logs = logs
	env := []string{"PATH=" + os.Getenv("PATH")}
	if password, ok := os.LookupEnv("RSYNC_PASSWORD"); ok {
		env = append(env, "RSYNC_PASSWORD="+password)
	}
	b.launcher = child.NewLauncher(env, nil)
	return setup{Options: executor.Options{
		ID: "bed", Dir: b.src, Slots: slots.NewSlots(10, slots.NewTotal(10)), MayDelete: true,
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
		Scratch: filepath.Join(b.TempDir(), "times"), Ledger: ledger.New(filepath.Join(b.TempDir(), "sent"), func() {}),
		Logger: zap.New(core),
	}, Way: session.Options{
		Target: target, Program: "rsync", Launcher: b.launcher, Plain: b.launcher,
		Commands: func(c string) { b.mu.Lock(); b.commands = append(b.commands, c); b.mu.Unlock() },
	}}
}

// start runs the launcher and the lane until the test ends.
func (b *bed) start() {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	outer, end := context.WithCancel(context.Background())
	ran, launched := make(chan error, 1), make(chan error, 1)
	go func() { launched <- b.launcher.Run(outer) }()
	go func() { ran <- b.Lane.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		must(b.T, <-ran)
		end()
		must(b.T, <-launched)
	})
	b.Cleanup(func() {
		b.stop()
		if b.Failed() {
			for _, e := range b.logs.All() {
				b.Log(e.Message, e.ContextMap())
			}
		}
	})
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
	testkit.Eventually(b.T, patient, name+" is "+text, func() bool { return b.there(name) == text })
}

// idle waits until nothing is dirty and no full sync is wanted.
func (b *bed) idle() {
	b.Helper()
	testkit.Eventually(b.T, patient, "the lane is idle", func() bool {
		snap := b.Snapshot(time.Now())
		return snap.Pending == 0 && snap.InFlight == 0 && snap.Progress == nil
	})
}

func (b *bed) equal() {
	b.Helper()
	testkit.WaitEqual(b.T, b.src, b.dst, testkit.Compare{DotFiles: true}, patient)
}

// fullSync runs one full sync to its end.
func (b *bed) fullSync(f fullsync.Request) fullsync.Result {
	b.Helper()
	done := make(chan fullsync.Result, 1)
	f.Done = func(r fullsync.Result) { done <- r }
	must(b.T, b.FullSync(b.Context(), f))
	select {
	case r := <-done:
		b.idle()
		return r
	case <-time.After(patient):
		b.Fatal("the full sync does not end")
		return fullsync.Result{}
	}
}

func (b *bed) ran(part string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, c := range b.commands {
		if strings.Contains(c, part) {
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

// load is how much work waits in a lane.
type load struct{ Pending, InFlight, Delayed int }

func (b *bed) stats() load {
	s := b.Snapshot(time.Now())
	return load{s.Pending, s.InFlight, s.Failing}
}

// failing are the paths that have failed and wait for another attempt.
func (b *bed) failing() (list []status.Wait) {
	waits, _ := b.Pending(10_000)
	for _, w := range waits {
		if w.Attempt > 0 {
			list = append(list, w)
		}
	}
	return list
}

// down tells whether the lane waits for its remote.
func (b *bed) down() bool { return b.Snapshot(time.Now()).State == status.LaneBackingOff }
