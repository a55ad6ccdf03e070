package plugintest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sersync/sersync/pkg/plugins"
)

const (
	// patience is how long a wait may see no progress at all; a test that needs
	// it has failed.
	patience = 30 * time.Second
	// troubled is how many paths change while a receiver misbehaves.
	troubled = 40
	// stopBound is how long Run may take to return after its context ended.
	stopBound = 5 * time.Second
)

// Subject is one plugin configuration under test.
type Subject struct {
	// New makes a fresh plugin and its receiver. Paths will lie below root. The
	// plugin's time limits should be short, around a second.
	New func(t *testing.T, root string) (plugins.Plugin, Peer)
	// Events is the number of distinct paths; default 10,000.
	Events int
	// Changes is how often one path changes; default 1,000.
	Changes int
	// Lacks lists behaviours that this receiver cannot show.
	Lacks []Behaviour
}

// Run runs the suite.
func Run(t *testing.T, s Subject) {
	if s.Events == 0 {
		s.Events = 10_000
	}
	if s.Changes == 0 {
		s.Changes = 1_000
	}
	run := func(name string, test func(*testing.T)) {
		t.Run(name, func(t *testing.T) {
			// Registered first, so checked after everything else has gone.
			before, files := goleak.IgnoreCurrent(), descriptors(t)
			t.Cleanup(func() {
				goleak.VerifyNone(t, before)
				await(t, "closed descriptors", func() bool { return descriptors(t) <= files },
					func() string { return fmt.Sprintf("%d before, %d after", files, descriptors(t)) })
			})
			test(t)
		})
	}
	run("contract", s.contract)
	run("distinct", s.distinct)
	run("onepath", s.onePath)
	run("names", s.names)
	for _, b := range []Behaviour{Slow, Refuse, Fail, Hang, HalfClose, Garbage, Flood} {
		if !slices.Contains(s.Lacks, b) {
			run(b.String(), func(t *testing.T) { s.trouble(t, b) })
		}
	}
	run("shutdown", s.shutdown)
}

// bench is one plugin with its runner and receiver.
type bench struct {
	t      *testing.T
	root   string
	runner *plugins.Runner
	peer   Peer
	stop   func() // ends Run and waits for it
	seq    uint64
}

func (s Subject) start(t *testing.T) *bench {
	t.Helper()
	root := t.TempDir()
	plugin, peer := s.New(t, root)
	runner := plugins.NewRunner(plugin, plugins.RunnerConfig{}, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- runner.Run(ctx) }()
	b := &bench{t: t, root: root, runner: runner, peer: peer}
	stopped := false
	b.stop = func() {
		if stopped {
			return
		}
		stopped = true
		begin := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if d := time.Since(begin); d > stopBound {
			t.Errorf("run returned %v after its context ended", d)
		}
	}
	t.Cleanup(b.stop)
	return b
}

func (b *bench) add(rel string, op plugins.Op) {
	b.seq++
	b.runner.Add(plugins.Event{Root: b.root, Path: rel, Op: op, Seq: b.seq})
}

func (b *bench) wait(what string, cond func() bool) {
	b.t.Helper()
	await(b.t, what, cond, func() string {
		return fmt.Sprintf("stats %+v, receipts %d", b.runner.Stats(), len(b.peer.Receipts()))
	})
}

// await waits until cond holds, for as long as the state goes on changing.
func await(t *testing.T, what string, cond func() bool, state func() string) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for last := state(); !cond(); {
		select {
		case <-tick.C:
		case <-deadline.C:
			now := state()
			if now == last {
				t.Fatalf("no %s within %v; %s", what, patience, now)
			}
			last = now
			deadline.Reset(patience)
		}
	}
}

// descriptors is how many files this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// waitFor waits until the receiver has every path.
func (b *bench) waitFor(rels []string) {
	b.t.Helper()
	want := make(map[string]bool, len(rels))
	for _, rel := range rels {
		want[b.root+"/"+rel] = true
	}
	known := len(want)
	missing := func() map[string]bool {
		left := make(map[string]bool, known)
		for p := range want {
			left[p] = true
		}
		for _, r := range b.peer.Receipts() {
			delete(left, r.Path)
		}
		return left
	}
	b.wait("empty queue", func() bool { return b.runner.Stats().Pending == 0 })
	b.wait("receipts", func() bool { return len(b.peer.Receipts()) >= known && len(missing()) == 0 })
	for _, r := range b.peer.Receipts() {
		if !want[r.Path] {
			b.t.Fatalf("receiver got %q, which was never an event", r.Path)
		}
	}
	if d := b.runner.Stats().Dropped; d != 0 {
		b.t.Fatalf("%d events dropped", d)
	}
}

func (s Subject) contract(t *testing.T) {
	b := s.start(t)
	if b.runner.Stats().Name == "" {
		t.Error("plugin has no name")
	}
	b.stop()
	b.add("late", plugins.Changed)
	if got := b.runner.Stats().Dropped; got != 1 {
		t.Errorf("an event after the end: dropped = %d, want 1", got)
	}
}

func (s Subject) distinct(t *testing.T) {
	b := s.start(t)
	var rels []string
	for i := range s.Events {
		rel := fmt.Sprintf("dir%d/file %d", i%100, i)
		rels = append(rels, rel)
		b.add(rel, plugins.Changed)
	}
	b.waitFor(rels)
}

// onePath changes one path again and again; every receipt must show a state
// at least as new as the one before, and the last one the last state.
func (s Subject) onePath(t *testing.T) {
	b := s.start(t)
	file := filepath.Join(b.root, "one")
	for i := 1; i <= s.Changes; i++ {
		next := filepath.Join(b.root, ".next")
		if err := os.WriteFile(next, []byte(strconv.Itoa(i)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, file); err != nil {
			t.Fatal(err)
		}
		b.add("one", plugins.Changed)
	}
	b.wait("empty queue", func() bool { return b.runner.Stats().Pending == 0 })
	b.wait("last state", func() bool {
		got := b.peer.Receipts()
		return len(got) > 0 && got[len(got)-1].State == strconv.Itoa(s.Changes)
	})
	last := 0
	for _, r := range b.peer.Receipts() {
		n, err := strconv.Atoi(r.State)
		if err != nil || r.Path != file {
			t.Fatalf("receipt %q of %q", r.State, r.Path)
		}
		if n < last {
			t.Fatalf("state %d came after state %d", n, last)
		}
		last = n
	}
}

// HostileNames are relative paths that break careless formats.
func HostileNames() []string {
	return []string{
		"new\nline", "cr\r\nX-Evil: 1", "a&b=c;d", "100%", "%41%0a%00", "plus+and space", "tab\there",
		`q"uo'te`, "back`tick$(id)$HOME", `back\slash\n`, "-dash", "#hash?query", "<>|*[a]{b}~",
		"\xff\xfe\x80", "gbk-\xd6\xd0\xce\xc4", "utf-\u4e2d\u6587", "\x01\x7f\x1b[31m", " HTTP/1.0", " ",
		"{}", "d/-rf", "end\\", "end\n", "\n",
	}
}

func (s Subject) names(t *testing.T) {
	b := s.start(t)
	for _, name := range HostileNames() {
		b.add(name, plugins.Changed)
	}
	b.waitFor(HostileNames())
}

// trouble lets the receiver misbehave, changes paths, and has it recover.
func (s Subject) trouble(t *testing.T, mode Behaviour) {
	b := s.start(t)
	// A neighbour of the same kind must not notice.
	neighbour := s.start(t)
	var rels []string
	rels = append(rels, "before")
	b.add("before", plugins.Changed)
	b.wait("first receipt", func() bool { return len(b.peer.Receipts()) > 0 })

	b.peer.Behave(mode)
	for i := range troubled {
		rel := fmt.Sprintf("%s/%d", mode, i)
		rels = append(rels, rel)
		begin := time.Now()
		b.add(rel, plugins.Changed)
		if d := time.Since(begin); d > time.Second {
			t.Errorf("add took %v while the receiver is %s", d, mode)
		}
	}
	neighbour.add("n", plugins.Changed)
	neighbour.wait("neighbour's receipt", func() bool { return len(neighbour.peer.Receipts()) > 0 })
	b.wait("attempt", func() bool {
		st := b.runner.Stats()
		return st.Failed > 0 || st.Delivered > 1
	})
	b.peer.Behave(Serve)
	rels = append(rels, "after")
	b.add("after", plugins.Changed)
	b.waitFor(rels)
}

// shutdown stops while the receiver hangs and much is pending.
func (s Subject) shutdown(t *testing.T) {
	b := s.start(t)
	mode := Hang
	if slices.Contains(s.Lacks, Hang) {
		mode = Slow
	}
	b.peer.Behave(mode)
	for i := range s.Events {
		b.add(fmt.Sprintf("load/%d", i), plugins.Changed)
	}
	b.wait("attempt", func() bool { return b.runner.Stats().InFlight > 0 })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	err := b.runner.Drain(ctx)
	if d := time.Since(begin); d > stopBound {
		t.Errorf("drain took %v", d)
	}
	if err == nil && b.runner.Stats().Pending > 0 {
		t.Error("drain reports success though paths are pending")
	}
	b.stop() // measures itself
	st := b.runner.Stats()
	if st.Delivered+st.Dropped < uint64(s.Events) {
		t.Errorf("%d delivered and %d dropped of %d: some vanished silently", st.Delivered, st.Dropped, s.Events)
	}
}
