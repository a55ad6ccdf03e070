package fstree

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func openDir(t testing.TB, path string) int {
	t.Helper()
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func mkdir(t testing.TB, elem ...string) string {
	t.Helper()
	p := filepath.Join(elem...)
	if err := os.MkdirAll(p, 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

func touch(t testing.TB, elem ...string) string {
	t.Helper()
	p := filepath.Join(elem...)
	if err := os.WriteFile(p, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// record collects the paths that a walk reports.
type record struct {
	mu      sync.Mutex
	dirs    []string
	entries []string
	errs    []string
}

func (r *record) options() WalkOptions {
	return WalkOptions{
		Enter: func(d *Dir) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.dirs = append(r.dirs, d.Rel())
			return nil
		},
		Entries: func(d *Dir, batch []Entry) {
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, e := range batch {
				r.entries = append(r.entries, fmt.Sprintf("%s %d", d.RelOf(string(e.Name)), e.Type))
			}
		},
		Error: func(d *Dir, name string, err error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.errs = append(r.errs, d.RelOf(name)+": "+err.Error())
		},
	}
}

func TestWalkNamesEverythingOnce(t *testing.T) {
	root := t.TempDir()
	want := []string{""}
	for i := range 20 {
		for j := range 20 {
			mkdir(t, root, fmt.Sprint("a", i), fmt.Sprint("b", j, "\xff\n"))
			want = append(want, fmt.Sprintf("a%d/b%d\xff\n", i, j))
		}
		want = append(want, fmt.Sprint("a", i))
	}
	touch(t, root, "a1", "file")
	outside := mkdir(t, t.TempDir(), "secret")
	if err := os.Symlink(outside, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	var r record
	opt := r.options()
	opt.Workers, opt.MaxOpen = 4, 3
	if err := Walk(context.Background(), openDir(t, root), "", opt); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(r.dirs)
	if !slices.Equal(r.dirs, want) {
		t.Errorf("walked %d directories, want %d:\n%q", len(r.dirs), len(want), r.dirs)
	}
	for _, e := range []string{fmt.Sprint("a1/file ", unix.DT_REG), fmt.Sprint("link ", unix.DT_LNK)} {
		if !slices.Contains(r.entries, e) {
			t.Errorf("entry %q is missing", e)
		}
	}
	if len(r.errs) > 0 {
		t.Errorf("errors: %q", r.errs)
	}
}

// deepComb makes a chain of directories whose path is far longer than PATH_MAX, with one more
// directory beside each link of the chain, and returns its depth.
func deepComb(t *testing.T, root string) int {
	t.Helper()
	fd := openDir(t, root)
	name := strings.Repeat("n", 255)
	const depth = 40
	for range depth {
		for _, n := range []string{name, "side"} {
			if err := unix.Mkdirat(fd, n, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		next, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(next) })
		fd = next
	}
	return depth
}

func TestWalkDeeperThanPathMaxWithFewDescriptors(t *testing.T) {
	root := t.TempDir()
	depth := deepComb(t, root)
	var r record
	opt := r.options()
	opt.Workers, opt.MaxOpen = 1, 4
	most, enter := 0, opt.Enter
	opt.Enter = func(d *Dir) error {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			return err
		}
		most = max(most, len(fds))
		return enter(d)
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	before := len(fds)
	fd := openDir(t, root)
	if err := Walk(context.Background(), fd, "", opt); err != nil {
		t.Fatal(err)
	}
	if want := 2*depth + 1; len(r.dirs) != want || len(r.errs) > 0 {
		t.Errorf("walked %d directories, want %d; errors %.300q", len(r.dirs), want, r.errs)
	}
	if most > before+10 {
		t.Errorf("%d descriptors open, %d before the walk, MaxOpen 4", most, before)
	}
	if fds, err = os.ReadDir("/proc/self/fd"); err != nil || len(fds) != before+1 {
		t.Errorf("%d descriptors open after the walk, want %d (%v)", len(fds), before+1, err)
	}
}

func TestWalkSkipAndPrefix(t *testing.T) {
	root := t.TempDir()
	mkdir(t, root, "in", "below")
	mkdir(t, root, "not-opened", "below")
	mkdir(t, root, "not-listed", "below")
	var r record
	opt := r.options()
	enter := opt.Enter
	opt.Enter = func(d *Dir) error {
		enter(d)
		if d.Name == "not-listed" {
			return ErrSkip
		}
		return nil
	}
	opt.Descend = func(d *Dir, name string) bool { return name != "not-opened" }
	if err := Walk(context.Background(), openDir(t, root), "pre/fix", opt); err != nil {
		t.Fatal(err)
	}
	slices.Sort(r.dirs)
	if want := []string{"pre/fix", "pre/fix/in", "pre/fix/in/below", "pre/fix/not-listed"}; !slices.Equal(r.dirs, want) {
		t.Errorf("got %q, want %q", r.dirs, want)
	}
}

func TestWalkVanishedAndSwappedForLink(t *testing.T) {
	root := t.TempDir()
	outside := t.TempDir()
	mkdir(t, outside, "secret")
	for _, n := range []string{"gone", "swapped"} {
		mkdir(t, root, n, "x")
	}
	var r record
	opt := r.options()
	opt.Entries = func(d *Dir, _ []Entry) {
		if d.Parent != nil {
			return
		}
		os.RemoveAll(filepath.Join(root, "gone"))
		os.RemoveAll(filepath.Join(root, "swapped"))
		os.Symlink(outside, filepath.Join(root, "swapped"))
	}
	if err := Walk(context.Background(), openDir(t, root), "", opt); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.dirs, []string{""}) || len(r.errs) > 0 {
		t.Errorf("walked %q, errors %q; want the root only", r.dirs, r.errs)
	}
}

func TestWalkReportsUnreadable(t *testing.T) {
	root := t.TempDir()
	mkdir(t, root, "a", "b")
	var r record
	opt := r.options()
	opt.Enter = func(d *Dir) error {
		if d.Name == "a" {
			return unix.EACCES
		}
		return nil
	}
	if err := Walk(context.Background(), openDir(t, root), "", opt); err != nil {
		t.Fatal(err)
	}
	if len(r.errs) != 1 || !strings.Contains(r.errs[0], "permission denied") {
		t.Errorf("errors %q, want one about a", r.errs)
	}
}

func TestWalkStopsWithContext(t *testing.T) {
	root := t.TempDir()
	for i := range 50 {
		mkdir(t, root, fmt.Sprint(i))
	}
	ctx, cancel := context.WithCancel(context.Background())
	var r record
	opt := r.options()
	enter := opt.Enter
	opt.Enter = func(d *Dir) error {
		if d.Parent != nil {
			cancel()
		}
		return enter(d)
	}
	opt.Workers = 1
	if err := Walk(ctx, openDir(t, root), "", opt); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if len(r.dirs) > 2 {
		t.Errorf("walked on after the cancellation: %q", r.dirs)
	}
}

func TestResolveTypes(t *testing.T) {
	root := t.TempDir()
	mkdir(t, root, "d")
	touch(t, root, "f")
	entries := []Entry{{Name: []byte("d")}, {Name: []byte("f")}, {Name: []byte("gone")}}
	resolveTypes(openDir(t, root), entries)
	for i, want := range []uint8{unix.DT_DIR, unix.DT_REG, unix.DT_UNKNOWN} {
		if entries[i].Type != want {
			t.Errorf("%s: type %d, want %d", entries[i].Name, entries[i].Type, want)
		}
	}
}

func TestChanged(t *testing.T) {
	root := t.TempDir()
	for _, d := range []string{"old/sub", "entry/sub", "from/moved/deep", "to/keep"} {
		mkdir(t, root, d)
		touch(t, root, d, "f")
	}
	touch(t, root, "rewritten")
	// ctime advances with the ticks of the kernel, so the test waits for the next tick.
	since := nextTick(t, root)
	if err := os.WriteFile(filepath.Join(root, "rewritten"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(root, "entry/sub/f")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(root, "from/moved"), filepath.Join(root, "to/moved")); err != nil {
		t.Fatal(err)
	}
	touch(t, root, "to/moved/deep", "new") // below the directory that was moved
	for _, each := range []bool{false, true} {
		var mu sync.Mutex
		got := map[string]string{}
		n, err := Changed(context.Background(), openDir(t, root), since, ScanOptions{Each: each}, func(rel string, c Change) {
			mu.Lock()
			defer mu.Unlock()
			got[rel] = fmt.Sprint(c.Moved, c.Below)
		})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"rewritten": "false false", "entry/sub": "false false", "from": "false false", "to": "false false", "to/moved": "true false",
		}
		if each {
			want["to/moved/deep"], want["to/moved/deep/new"] = "true true", "false true"
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if want := (Count{Dirs: 9, Others: 5}); n != want {
			t.Errorf("count %+v, want %+v", n, want)
		}
	}
}

// nextTick returns a time that is later than every ctime in the tree so far, and not later than any
// from now on. It changes a file outside of the tree until the file's ctime moves on.
func nextTick(t *testing.T, root string) time.Time {
	t.Helper()
	probe := filepath.Join(t.TempDir(), "probe")
	ctime := func() time.Time {
		touch(t, probe)
		var st unix.Stat_t
		if err := unix.Stat(probe, &st); err != nil {
			t.Fatal(err)
		}
		return time.Unix(st.Ctim.Unix())
	}
	first := ctime()
	for {
		if now := ctime(); now.After(first) {
			return now
		}
	}
}
