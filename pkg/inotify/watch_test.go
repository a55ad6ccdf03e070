package inotify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/nameset"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// knowledge is a Handler that remembers what it was told.
type knowledge struct {
	vanished func(dir string, entries *nameset.Set)
	mu       sync.Mutex
	lines    []string // everything, in order
	calls    int      // calls running: must never exceed one
	block    chan struct{}
	see      func(fsevent.Event) // called for each event; may be nil
}

func (k *knowledge) add(format string, args ...any) {
	k.mu.Lock()
	block := k.block
	k.calls++
	if k.calls > 1 {
		k.lines = append(k.lines, "BUG: two calls at a time")
	}
	k.lines = append(k.lines, fmt.Sprintf(format, args...))
	k.mu.Unlock()
	if block != nil {
		<-block
	}
	k.mu.Lock()
	k.calls--
	k.mu.Unlock()
}

func (k *knowledge) Event(e fsevent.Event) {
	if k.see != nil {
		k.see(e)
	}
	ops := []string{"?", "create", "close", "modify", "attrib", "delete", "from", "to"}
	kind := "file"
	if e.Dir {
		kind = "dir"
	}
	if e.Covered {
		kind = "covered"
	}
	k.add("%s %s %s", ops[e.Op], kind, e.Path)
}
func (k *knowledge) Overflow() { k.add("overflow") }
func (k *knowledge) Repaired() { k.add("repaired") }
func (k *knowledge) Vanished(dir string, entries *nameset.Set) {
	k.add("vanished %s %d", dir, entries.Len())
	if k.vanished != nil {
		k.vanished(dir, entries)
	}
}
func (k *knowledge) Root(s fsevent.RootState) {
	k.add("root %s", []string{"?", "watched", "gone", "back"}[s])
}
func (k *knowledge) Mount(path string, appeared bool) { k.add("mount %s %v", path, appeared) }
func (k *knowledge) Uncovered(path string, err error) {
	var errno unix.Errno
	if errors.As(err, &errno) {
		k.add("uncovered %s %s", path, unix.ErrnoName(errno))
		return
	}
	k.add("uncovered %s %v", path, err)
}

func (k *knowledge) count(line string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := 0
	for _, l := range k.lines {
		if l == line {
			n++
		}
	}
	return n
}

func (k *knowledge) text() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(k.lines, "\n")
}

// running is a watcher under test.
type running struct {
	*Watcher
	t    testing.TB
	k    *knowledge
	root string
	stop func() error
}

// start runs a watcher and waits until its watches stand.
func start(t testing.TB, root string, opt Options) *running {
	t.Helper()
	r := launch(t, root, opt, &knowledge{})
	r.want("root watched", 1)
	return r
}

func launch(t testing.TB, root string, opt Options, k *knowledge) *running {
	t.Helper()
	w, err := New(root, opt)
	if err != nil {
		t.Fatal(err)
	}
	return adoptWith(t, w, root, k)
}

func adopt(t testing.TB, w *Watcher, root string) *running {
	t.Helper()
	return adoptWith(t, w, root, &knowledge{})
}

func adoptWith(t testing.TB, w *Watcher, root string, k *knowledge) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx, k) }()
	stop := sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(20 * time.Second):
			return errors.New("Run does not return")
		}
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if text := k.text(); strings.Contains(text, "BUG") {
			t.Error("handler calls overlapped")
		}
	})
	return &running{Watcher: w, t: t, k: k, root: root, stop: stop}
}

// until waits for a condition.
func (r *running) until(what string, cond func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			r.t.Fatalf("waited in vain for %s; handler saw:\n%s", what, tail(r.k.text()))
		}
		pause(context.Background(), time.Millisecond)
	}
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

func (r *running) want(line string, n int) {
	r.t.Helper()
	r.until(fmt.Sprintf("%d x %q", n, line), func() bool { return r.k.count(line) >= n })
}

// settled tells whether the watcher has nothing left to do.
func (r *running) settled() bool {
	s := r.cur.Load()
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jobs.idle() && !s.repair.wanted && !s.repair.underWay() &&
		len(s.t.limbo)+len(s.t.doomed)+len(s.out) == 0 && s.t.epoch-s.t.placed >= 2 && queued(s.inst.FD) == 0
}

func queued(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	if err != nil {
		return -1
	}
	return n
}

// audit waits for quiet and compares the watch table with the disk.
func (r *running) audit(skip func(rel string) bool) {
	r.t.Helper()
	r.agree("table differs from the disk", func() []string { return r.compare(skip) })
}

// agree waits for quiet and for a comparison that finds nothing. What looks like
// quiet may be the moment between the reader's read(2) and its turn with the
// table: only a difference that stays is one.
func (r *running) agree(otherwise string, compare func() []string) {
	r.t.Helper()
	r.until("quiet", r.settled)
	var diff []string
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		if diff = compare(); len(diff) == 0 {
			return
		}
		pause(context.Background(), 5*time.Millisecond)
		r.until("quiet", r.settled)
	}
	r.t.Fatalf("%s:\n%s\nhandler saw:\n%s", otherwise, strings.Join(diff, "\n"), tail(r.k.text()))
}

func (r *running) compare(skip func(rel string) bool) []string {
	s := r.cur.Load()
	if s == nil {
		return []string{"no session"}
	}
	var diff []string
	disk := map[string]int32{}
	err := filepath.WalkDir(r.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(r.root, path)
		if rel == "." {
			rel = ""
		} else if skip != nil && skip(rel) {
			return fs.SkipDir
		}
		disk[rel] = 0
		return nil
	})
	if err != nil {
		diff = append(diff, err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	table := map[string]int32{}
	for n := range int32(s.t.size) {
		if s.t.at(n).flags&flagUsed == 0 {
			continue
		}
		path, ok := s.t.appendPath(nil, n)
		if !ok {
			diff = append(diff, fmt.Sprintf("wd %d has no place", s.t.at(n).wd))
			continue
		}
		table[string(path)] = s.t.at(n).wd
	}
	for rel := range disk {
		wd, ok := table[rel]
		if !ok {
			diff = append(diff, "not watched: "+rel)
			continue
		}
		mask := s.w.opt.mask()
		if rel == "" {
			mask |= rootOnly
		}
		real, err := unix.InotifyAddWatch(s.inst.FD, filepath.Join(r.root, rel), mask)
		if err != nil || int32(real) != wd {
			diff = append(diff, fmt.Sprintf("%s: wd %d in the table, %d on disk (%v)", rel, wd, real, err))
		}
	}
	for rel := range table {
		if _, ok := disk[rel]; !ok {
			diff = append(diff, "stale: "+rel)
		}
	}
	if int64(len(table)) != s.w.count.watches.Load() {
		diff = append(diff, fmt.Sprintf("%d watches counted, %d in the table", s.w.count.watches.Load(), len(table)))
	}
	slices.Sort(diff)
	return diff
}

func mkdir(t testing.TB, elem ...string) string {
	t.Helper()
	p := filepath.Join(elem...)
	if err := os.MkdirAll(p, 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

func write(t testing.TB, elem ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(elem...), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// How many entries there are is known as soon as the watches stand.
func TestEntriesAreCounted(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"a", "a/b", "c"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, dir, "f"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := start(t, root, Options{})
	if n := r.Stats().Entries; n != 6 {
		t.Errorf("%d entries, want 6", n)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
