// Package watchertest is the test suite that every fsevent.Watcher passes: scripts of
// single steps, storms, overflows, mounts, and roots that come and go.
package watchertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/nameset"
)

// Options are those that every watcher has.
type Options struct {
	CloseWrite, Modify, Attrib bool
	// Skip tells below which directories nothing is reported; nil: below none.
	Skip func(rel string) bool
}

// Backend is a kind of watcher.
type Backend struct {
	New func(root string, o Options) (fsevent.Watcher, error)
	// Short is New with a kernel queue of so many events.
	Short func(t testing.TB, events int, root string, o Options) (fsevent.Watcher, error)
	// Settled tells whether a watcher has nothing left to do, as far as one can see
	// from outside.
	Settled func(w fsevent.Watcher) bool
	// Differs compares what a watcher has on record of directories with the disk; nil:
	// it has nothing on record.
	Differs func(w fsevent.Watcher, root string, skip func(rel string) bool) []string
}

// Told is a fsevent.Handler that remembers what it was told, one line for each call.
type Told struct {
	// Vanish, See and Scan are called, too; each may be nil.
	Vanish func(dir string, entries *nameset.Set)
	See    func(fsevent.Event)
	Scan   func() // everything may have changed

	mu    sync.Mutex
	lines []string // everything, in order
	calls int      // calls running: must never exceed one
	block chan struct{}
}

func (k *Told) add(format string, args ...any) {
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

// Hold has all calls wait until release is called.
func (k *Told) Hold() (release func()) {
	block := make(chan struct{})
	k.mu.Lock()
	k.block = block
	k.mu.Unlock()
	return func() {
		k.mu.Lock()
		k.block = nil
		k.mu.Unlock()
		close(block)
	}
}

// Event implements fsevent.Handler: "create file a/b", and "moved a/b to c" where that
// is told, too.
func (k *Told) Event(e fsevent.Event) {
	if k.See != nil {
		k.See(e)
	}
	ops := []string{"?", "create", "close", "modify", "attrib", "delete", "from", "to"}
	kind := "file"
	if e.Dir {
		kind = "dir"
	}
	if e.Covered {
		kind = "covered"
	}
	if e.Arrived {
		kind = "arrived"
	}
	k.add("%s %s %s", ops[e.Op], kind, e.Path)
	if e.From != "" {
		k.add("moved %s to %s", e.From, e.Path)
	}
}

// Overflow implements fsevent.Handler.
func (k *Told) Overflow() { k.add("overflow") }

// Repaired implements fsevent.Handler.
func (k *Told) Repaired() {
	if k.Scan != nil {
		k.Scan()
	}
	k.add("repaired")
}

// Vanished implements fsevent.Handler.
func (k *Told) Vanished(dir string, entries *nameset.Set) {
	k.add("vanished %s %d", dir, entries.Len())
	if k.Vanish != nil {
		k.Vanish(dir, entries)
	}
}

// Root implements fsevent.Handler.
func (k *Told) Root(s fsevent.RootState) {
	if k.Scan != nil && s != fsevent.RootGone {
		k.Scan()
	}
	k.add("root %s", []string{"?", "watched", "gone", "back"}[s])
}

// Mount implements fsevent.Handler.
func (k *Told) Mount(path string, appeared bool) { k.add("mount %s %v", path, appeared) }

// Uncovered implements fsevent.Handler.
func (k *Told) Uncovered(path string, err error) {
	var errno unix.Errno
	if errors.As(err, &errno) {
		k.add("uncovered %s %s", path, unix.ErrnoName(errno))
		return
	}
	k.add("uncovered %s %v", path, err)
}

// Count is how often it was told exactly that.
func (k *Told) Count(line string) int {
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

// Text is all that it was told, a line for each call.
func (k *Told) Text() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(k.lines, "\n")
}

// Running is a watcher that runs until the test ends.
type Running struct {
	fsevent.Watcher
	Told *Told
	Root string

	t       testing.TB
	backend Backend
}

// Start runs a watcher and waits until its watches are set.
func (b Backend) Start(t testing.TB, root string, opt Options) *Running {
	t.Helper()
	r := b.Launch(t, root, opt, &Told{})
	r.Want("root watched", 1)
	return r
}

// Launch runs a watcher.
func (b Backend) Launch(t testing.TB, root string, opt Options, k *Told) *Running {
	t.Helper()
	w, err := b.New(root, opt)
	if err != nil {
		t.Fatal(err)
	}
	return b.Run(t, w, root, k)
}

// short runs a watcher with a short queue.
func (b Backend) short(t testing.TB, events int, root string, opt Options, o *onlooker) *Running {
	t.Helper()
	w, err := b.Short(t, events, root, opt)
	if err != nil {
		t.Fatal(err)
	}
	return b.Run(t, w, root, &Told{See: o.look, Scan: o.scan})
}

// Run runs w, which watches root.
func (b Backend) Run(t testing.TB, w fsevent.Watcher, root string, k *Told) *Running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx, k) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Run does not return")
		}
		if text := k.Text(); strings.Contains(text, "BUG") {
			t.Error("handler calls overlapped")
		}
	})
	return &Running{Watcher: w, Told: k, Root: root, t: t, backend: b}
}

// Until waits for a condition.
func (r *Running) Until(what string, cond func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			r.t.Fatalf("waited in vain for %s; handler saw:\n%s", what, tail(r.Told.Text()))
		}
		pause(time.Millisecond)
	}
}

// Unmount unmounts a file system, which the watcher may use for a moment.
func (r *Running) Unmount(dir string) {
	r.t.Helper()
	r.Until("the unmount of "+dir, func() bool { return unix.Unmount(dir, 0) == nil })
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

func pause(d time.Duration) { <-time.After(d) }

// Want waits until the handler was told a line n times.
func (r *Running) Want(line string, n int) {
	r.t.Helper()
	r.Until(fmt.Sprintf("%d x %q", n, line), func() bool { return r.Told.Count(line) >= n })
}

// Quiet waits until the watcher has nothing left to do.
func (r *Running) Quiet() {
	r.t.Helper()
	r.Until("quiet", func() bool { return r.backend.Settled(r.Watcher) })
}

// Audit waits for quiet and compares what the watcher has on record with the disk.
func (r *Running) Audit(skip func(rel string) bool) {
	r.t.Helper()
	if r.backend.Differs == nil {
		r.Quiet()
		return
	}
	r.Agree("the record differs from the disk", func() []string { return r.backend.Differs(r.Watcher, r.Root, skip) })
}

// Agree waits for quiet and for a comparison that finds nothing. What looks like
// quiet may be the moment between the reader's read(2) and its turn with the
// table: only a difference that stays is one.
func (r *Running) Agree(otherwise string, compare func() []string) {
	r.t.Helper()
	r.Quiet()
	var diff []string
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		if diff = compare(); len(diff) == 0 {
			return
		}
		pause(5 * time.Millisecond)
		r.Quiet()
	}
	r.t.Fatalf("%s:\n%s\nhandler saw:\n%s", otherwise, strings.Join(diff, "\n"), tail(r.Told.Text()))
}

// Queued is how many bytes of records wait in a kernel queue.
func Queued(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	if err != nil {
		return -1
	}
	return n
}

// Mkdir makes a directory with those above it and returns its path.
func Mkdir(t testing.TB, elem ...string) string {
	t.Helper()
	p := filepath.Join(elem...)
	must(t, os.MkdirAll(p, 0o755))
	return p
}

// Write creates, writes and closes a file.
func Write(t testing.TB, elem ...string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(elem...), []byte("x"), 0o644))
}

// Rename renames a file or a directory.
func Rename(t testing.TB, from, to string) {
	t.Helper()
	must(t, os.Rename(from, to))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
