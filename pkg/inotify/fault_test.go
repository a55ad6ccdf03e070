package inotify

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent/watchertest"
)

const queueLimit = "/proc/sys/fs/inotify/max_queued_events"

// shortQueue returns kernel calls that make instances with a queue of n events. The kernel reads
// the limit only at inotify_init, so the limit is put back at once.
func shortQueue(t testing.TB, n int) *kernel {
	k := realKernel()
	k.init = func(flags int) (int, error) {
		old, err := os.ReadFile(queueLimit)
		if err != nil {
			return -1, err
		}
		if err := os.WriteFile(queueLimit, []byte(strconv.Itoa(n)), 0); err != nil {
			t.Logf("needs root: %v", err)
			return -1, err
		}
		fd, err := unix.InotifyInit1(flags)
		if err := os.WriteFile(queueLimit, old, 0); err != nil {
			t.Errorf("restore %s: %v", queueLimit, err)
		}
		return fd, err
	}
	return k
}

func TestOverflowIsRepaired(t *testing.T) {
	base := t.TempDir()
	root, outside := watchertest.Mkdir(t, base, "root"), watchertest.Mkdir(t, base, "out")
	for i := range 30 {
		watchertest.Mkdir(t, root, "old", fmt.Sprint(i), "sub")
	}
	watchertest.Mkdir(t, root, "moves", "deep")
	r := start(t, root, Options{CloseWrite: true, kernel: shortQueue(t, 32)})
	r.Audit(nil)

	// While the handler blocks the reader does not read, so the queue fills.
	release := r.Told.Hold()
	watchertest.Write(t, root, "first")
	r.Want("create file first", 1)
	for i := range 50 {
		watchertest.Write(t, root, fmt.Sprint("flood", i))
	}
	watchertest.Mkdir(t, root, "unseen", "below")
	watchertest.Rename(t, filepath.Join(root, "moves"), filepath.Join(root, "moved"))
	watchertest.Rename(t, filepath.Join(root, "old", "3"), filepath.Join(outside, "3"))
	if err := os.RemoveAll(filepath.Join(root, "old", "4")); err != nil {
		t.Fatal(err)
	}
	release()

	r.Want("repaired", 1)
	r.Want("create covered unseen", 1)
	r.Want("create covered moved", 1)
	r.Audit(nil)
	watchertest.Write(t, root, "moved", "deep", "f")
	r.Want("close file moved/deep/f", 1)
	if s := r.Stats(); s.Overflows == 0 || s.Repairs == 0 {
		t.Errorf("counters %+v, want overflows and repairs", s)
	}
	if text := r.Told.Text(); strings.Index(text, "overflow") > strings.Index(text, "repaired") {
		t.Errorf("repaired before overflow:\n%s", text)
	}
}

// A walk asks whether a path is to be skipped, and the directory is renamed before the answer
// comes.
func TestAVerdictAboutAnotherPathRemovesNoWatch(t *testing.T) {
	root := t.TempDir()
	watchertest.Mkdir(t, root, "a", "b")
	r := start(t, root, Options{})
	s := r.cur.Load()
	s.mu.Lock()
	a := s.t.at(s.t.childOf(s.t.root, []byte("a"))).wd
	s.mu.Unlock()
	s.unwatch(jobKey{a, "b"}, "before/b")
	r.Audit(nil)
	s.unwatch(jobKey{a, "b"}, "a/b")
	r.Audit(func(rel string) bool { return rel == "a/b" })
}

func TestRootCannotBeWatched(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	watchertest.Write(t, file)
	failing := func(call string, errno error) *kernel {
		k := realKernel()
		if call == "init" {
			k.init = func(int) (int, error) { return -1, errno }
		} else {
			k.addWatch = func(int, string, uint32) (int, error) { return -1, errno }
		}
		return k
	}
	tests := []struct {
		name, root, want string
		kernel           *kernel
	}{
		{"missing", "/nonexistent/dir", "create the directory", nil},
		{"a file", file, "must be a directory", nil},
		{"no instance left", t.TempDir(), "fs.inotify.max_user_instances", failing("init", unix.EMFILE)},
		{"no watch left", t.TempDir(), "fs.inotify.max_user_watches", failing("add", unix.ENOSPC)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, err := New(tt.root, Options{kernel: tt.kernel})
			if err != nil {
				t.Fatal(err)
			}
			k := &watchertest.Told{}
			err = w.Run(t.Context(), k)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.root) {
				t.Errorf("got %v, want an error with %q and the path", err, tt.want)
			}
			if k.Text() != "" {
				t.Errorf("handler was told %q", k.Text())
			}
		})
	}
	if _, err := New("", Options{}); err == nil {
		t.Error("an empty path was accepted")
	}
}

// limited makes the kernel refuse a watch while there are more than allow.
func limited(allow *atomic.Int64, w *atomic.Pointer[Watcher], errno error) *kernel {
	k := realKernel()
	k.addWatch = func(ifd int, path string, mask uint32) (int, error) {
		if w := w.Load(); w != nil && w.count.watches.Load() >= allow.Load() && mask&rootOnly == 0 {
			return -1, errno
		}
		return unix.InotifyAddWatch(ifd, path, mask)
	}
	return k
}

func TestWatchLimitIsReportedAndRetried(t *testing.T) {
	root := t.TempDir()
	for i := range 5 {
		watchertest.Mkdir(t, root, fmt.Sprint("d", i), "sub")
	}
	var allow atomic.Int64
	var self atomic.Pointer[Watcher]
	allow.Store(1)
	w, err := New(root, Options{CloseWrite: true, Retry: 50 * time.Millisecond, kernel: limited(&allow, &self, unix.ENOSPC)})
	if err != nil {
		t.Fatal(err)
	}
	self.Store(w)
	r := adopt(t, w, root, &watchertest.Told{})
	r.Want("root watched", 1)
	for i := range 5 {
		r.Want(fmt.Sprintf("uncovered d%d ENOSPC", i), 1)
		// In each round the directory is scanned again.
		r.Want(fmt.Sprintf("create covered d%d", i), 2)
	}
	if n := r.Stats().Uncovered; n != 5 {
		t.Errorf("%d uncovered directories counted, want 5", n)
	}
	allow.Store(1000)
	for i := range 5 {
		r.Want(fmt.Sprintf("uncovered d%d <nil>", i), 1)
	}
	r.Audit(nil)
	watchertest.Write(t, root, "d3", "sub", "f")
	r.Want("close file d3/sub/f", 1)
}

func TestWithoutProcfs(t *testing.T) {
	root := t.TempDir()
	watchertest.Mkdir(t, root, "a/b")
	k := realKernel()
	k.proc = "/nonexistent"
	r := start(t, root, Options{CloseWrite: true, kernel: k})
	r.Audit(nil)
	watchertest.Mkdir(t, root, "c/d")
	r.Want("create covered c", 1)
	r.Audit(nil)
	watchertest.Write(t, root, "c/d/f")
	r.Want("close file c/d/f", 1)
}

func TestLongNamesAndPaths(t *testing.T) {
	root := t.TempDir()
	fd, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.Repeat("n", 255)
	descend := func(levels int) {
		for range levels {
			if err := unix.Mkdirat(fd, name, 0o755); err != nil {
				t.Fatal(err)
			}
			next, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			unix.Close(fd)
			fd = next
		}
	}
	descend(10)
	r := start(t, root, Options{CloseWrite: true})
	descend(10)
	deep := strings.TrimSuffix(strings.Repeat(name+"/", 20), "/")
	r.Until("20 watches", func() bool { return settled(r.Watcher) && r.Stats().Watches == 21 })
	f, err := unix.Openat(fd, "f", unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(f)
	unix.Close(fd)
	r.Want("close file "+deep+"/f", 1)
}

func TestRaiseLimitsOnlyUpwards(t *testing.T) {
	dir := t.TempDir()
	values := map[string]string{"max_user_watches": "100", "max_queued_events": "99999999"}
	for name, v := range values {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(v+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range raiseLimits(dir, zap.NewNop()) {
		switch filepath.Base(l.Path) {
		case "max_user_watches":
			if !l.Raised || l.Err != nil {
				t.Errorf("%+v, want it raised", l)
			}
		case "max_queued_events":
			if l.Raised || l.Err != nil {
				t.Errorf("%+v, want it left alone", l)
			}
		case "max_user_instances":
			if !errors.Is(l.Err, os.ErrNotExist) {
				t.Errorf("%+v, want an error", l)
			}
		}
	}
	for name, want := range map[string]int64{"max_user_watches": 50000000, "max_queued_events": 99999999} {
		if got, err := readLimit(filepath.Join(dir, name)); err != nil || got != want {
			t.Errorf("%s is %d (%v), want %d", name, got, err, want)
		}
	}
}
