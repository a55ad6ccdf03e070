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
)

const queueLimit = "/proc/sys/fs/inotify/max_queued_events"

// shortQueue returns kernel calls which make instances with a queue of n
// events. The limit counts at inotify_init only and is put back at once.
func shortQueue(t *testing.T, n int) *kernel {
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
	root, outside := mkdir(t, base, "root"), mkdir(t, base, "out")
	for i := range 30 {
		mkdir(t, root, "old", fmt.Sprint(i), "sub")
	}
	mkdir(t, root, "moves", "deep")
	r := start(t, root, Options{CloseWrite: true, kernel: shortQueue(t, 32)})
	r.audit(nil)

	// The handler blocks, so the reader does not read, and the queue fills.
	block := make(chan struct{})
	r.k.mu.Lock()
	r.k.block = block
	r.k.mu.Unlock()
	write(t, root, "first")
	r.want("create file first", 1)
	for i := range 50 {
		write(t, root, fmt.Sprint("flood", i))
	}
	mkdir(t, root, "unseen", "below")
	rename(t, filepath.Join(root, "moves"), filepath.Join(root, "moved"))
	rename(t, filepath.Join(root, "old", "3"), filepath.Join(outside, "3"))
	if err := os.RemoveAll(filepath.Join(root, "old", "4")); err != nil {
		t.Fatal(err)
	}
	r.k.mu.Lock()
	r.k.block = nil
	r.k.mu.Unlock()
	close(block)

	r.want("repaired", 1)
	r.want("create covered unseen", 1)
	r.want("create covered moved", 1)
	r.audit(nil)
	write(t, root, "moved", "deep", "f")
	r.want("close file moved/deep/f", 1)
	if s := r.Stats(); s.Overflows == 0 || s.Repairs == 0 {
		t.Errorf("counters %+v, want overflows and repairs", s)
	}
	if text := r.k.text(); strings.Index(text, "overflow") > strings.Index(text, "repaired") {
		t.Errorf("repaired before overflow:\n%s", text)
	}
}

func TestOverflowDuringStartAndStorm(t *testing.T) {
	for seed := range seeds() {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			base := t.TempDir()
			root, outside := mkdir(t, base, "root"), mkdir(t, base, "out")
			for i := range 200 {
				mkdir(t, root, fmt.Sprint("d", i%4), fmt.Sprint(i))
			}
			// Each new watch takes a while, so that the storm meets the walk.
			k := shortQueue(t, 16)
			r := launch(t, root, Options{kernel: k}, &knowledge{})
			runStorm(t, r, seed, outside, 400)
			r.want("root watched", 1)
			r.until("an overflow", func() bool {
				if r.Stats().Overflows == 0 {
					runStorm(t, r, seed+1, outside, 50)
				}
				return r.Stats().Overflows > 0
			})
			r.audit(nil)
			runStorm(t, r, seed+2, outside, 200)
			r.audit(nil)
			if n, m := r.k.count("overflow"), r.k.count("repaired"); m == 0 || m > n {
				t.Errorf("%d overflows, %d repairs", n, m)
			}
		})
	}
}

func TestRootComesAndGoes(t *testing.T) {
	remake := func(t *testing.T, root string) { mkdir(t, root, "again") }
	tests := []struct {
		name string
		gone func(t *testing.T, root string)
		back func(t *testing.T, root string)
	}{
		{"deleted", func(t *testing.T, root string) {
			if err := os.RemoveAll(root); err != nil {
				t.Fatal(err)
			}
		}, remake},
		{"renamed", func(t *testing.T, root string) { rename(t, root, root+".old") }, remake},
		{"renamed and back", func(t *testing.T, root string) { rename(t, root, root+".old") },
			func(t *testing.T, root string) {
				rename(t, root+".old", root)
				mkdir(t, root, "again")
			}},
		{"directory above renamed", func(t *testing.T, root string) {
			rename(t, filepath.Dir(root), filepath.Dir(root)+".old")
		}, remake},
		{"replaced by a file", func(t *testing.T, root string) {
			rename(t, root, root+".old")
			write(t, root)
		}, func(t *testing.T, root string) {
			os.Remove(root)
			mkdir(t, root, "again")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := mkdir(t, t.TempDir(), "above", "root")
			mkdir(t, root, "a/b")
			r := start(t, root, Options{CloseWrite: true})
			tt.gone(t, root)
			r.want("root gone", 1)
			tt.back(t, root)
			r.want("root back", 1)
			r.audit(nil)
			write(t, root, "again", "f")
			r.want("close file again/f", 1)
		})
	}
}

func TestRootReplacedAtOnce(t *testing.T) {
	base := t.TempDir()
	root := mkdir(t, base, "root")
	next := mkdir(t, base, "next")
	mkdir(t, next, "n")
	r := start(t, root, Options{CloseWrite: true})
	rename(t, root, filepath.Join(base, "old"))
	rename(t, next, root)
	r.want("root gone", 1)
	r.want("root back", 1)
	r.audit(nil)
	write(t, root, "n", "f")
	r.want("close file n/f", 1)
}

func TestRootIsLink(t *testing.T) {
	base := t.TempDir()
	real := mkdir(t, base, "real")
	mkdir(t, real, "a")
	link := filepath.Join(base, "link")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	r := start(t, link, Options{CloseWrite: true})
	write(t, link, "a", "f")
	r.want("close file a/f", 1)
}

func TestRootCannotBeWatched(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file)
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
			k := &knowledge{}
			err = w.Run(t.Context(), k)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.root) {
				t.Errorf("got %v, want an error with %q and the path", err, tt.want)
			}
			if k.text() != "" {
				t.Errorf("handler was told %q", k.text())
			}
		})
	}
	if _, err := New("", Options{}); err == nil {
		t.Error("an empty path was accepted")
	}
}

func TestMountAppearsAndDisappears(t *testing.T) {
	root := t.TempDir()
	mkdir(t, root, "a/mnt/hidden")
	r := start(t, root, Options{CloseWrite: true})
	r.audit(nil)
	mnt := filepath.Join(root, "a/mnt")
	if err := unix.Mount("tmpfs", mnt, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatalf("this test mounts a tmpfs, which needs root: %v", err)
	}
	mounted := true
	t.Cleanup(func() {
		if mounted {
			unix.Unmount(mnt, unix.MNT_DETACH)
		}
	})
	r.want("mount a/mnt true", 1)
	r.audit(nil)
	mkdir(t, mnt, "on-it")
	r.want("create covered a/mnt/on-it", 1)
	write(t, mnt, "on-it", "f")
	r.want("close file a/mnt/on-it/f", 1)
	// The watches must not keep it busy.
	r.until("umount", func() bool { return unix.Unmount(mnt, 0) == nil })
	mounted = false
	r.want("mount a/mnt false", 1)
	r.audit(nil)
	write(t, mnt, "hidden", "g")
	r.want("close file a/mnt/hidden/g", 1)
}

// A file system goes and another one comes while nobody looks: it may have the
// mount id, the device and the root inode of the one before.
func TestMountIsReplacedUnseen(t *testing.T) {
	root := t.TempDir()
	mnt := mkdir(t, root, "mnt")
	mount := func() {
		if err := unix.Mount("tmpfs", mnt, "tmpfs", 0, "size=1m"); err != nil {
			t.Fatalf("this test mounts a tmpfs, which needs root: %v", err)
		}
	}
	mount()
	t.Cleanup(func() { unix.Unmount(mnt, unix.MNT_DETACH) })
	r := start(t, root, Options{CloseWrite: true})
	r.audit(nil)
	for i := 1; i <= 5; i++ {
		block := make(chan struct{})
		r.k.mu.Lock()
		r.k.block = block
		r.k.mu.Unlock()
		write(t, root, fmt.Sprint("busy", i))
		r.until("umount", func() bool { return unix.Unmount(mnt, 0) == nil })
		mount()
		write(t, mnt, "on-it") // has no event
		r.k.mu.Lock()
		r.k.block = nil
		r.k.mu.Unlock()
		close(block)
		r.want("mount mnt true", i)
		r.want("create covered mnt", i)
		r.audit(nil)
		write(t, mnt, "f")
		r.want("close file mnt/f", i)
	}
}

func TestRootUnmounted(t *testing.T) {
	root := t.TempDir()
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatalf("this test mounts a tmpfs, which needs root: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(root, unix.MNT_DETACH) })
	mkdir(t, root, "a")
	r := start(t, root, Options{})
	r.until("umount", func() bool { return unix.Unmount(root, 0) == nil })
	r.want("root gone", 1)
	r.want("root back", 1) // the directory below
	r.audit(nil)
}

// limited makes adding a watch fail while more than allow stand.
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
		mkdir(t, root, fmt.Sprint("d", i), "sub")
	}
	var allow atomic.Int64
	var self atomic.Pointer[Watcher]
	allow.Store(1)
	w, err := New(root, Options{CloseWrite: true, Retry: 50 * time.Millisecond, kernel: limited(&allow, &self, unix.ENOSPC)})
	if err != nil {
		t.Fatal(err)
	}
	self.Store(w)
	r := adopt(t, w, root)
	r.want("root watched", 1)
	for i := range 5 {
		r.want(fmt.Sprintf("uncovered d%d ENOSPC", i), 1)
		// Each round has it scanned again.
		r.want(fmt.Sprintf("create covered d%d", i), 2)
	}
	if n := r.Stats().Uncovered; n != 5 {
		t.Errorf("%d uncovered directories counted, want 5", n)
	}
	allow.Store(1000)
	for i := range 5 {
		r.want(fmt.Sprintf("uncovered d%d <nil>", i), 1)
	}
	r.audit(nil)
	write(t, root, "d3", "sub", "f")
	r.want("close file d3/sub/f", 1)
}

func TestWithoutProcfs(t *testing.T) {
	root := t.TempDir()
	mkdir(t, root, "a/b")
	k := realKernel()
	k.proc = "/nonexistent"
	r := start(t, root, Options{CloseWrite: true, kernel: k})
	r.audit(nil)
	mkdir(t, root, "c/d")
	r.want("create covered c", 1)
	r.audit(nil)
	write(t, root, "c/d/f")
	r.want("close file c/d/f", 1)
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
	r.until("20 watches", func() bool { return r.settled() && r.Stats().Watches == 21 })
	f, err := unix.Openat(fd, "f", unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(f)
	unix.Close(fd)
	r.want("close file "+deep+"/f", 1)
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
