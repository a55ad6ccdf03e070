package fstree

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// deniedEnv makes the test binary look at a path as another user.
const deniedEnv = "BENEATH_TEST_DENIED"

func TestMain(m *testing.M) {
	if dir := os.Getenv(deniedEnv); dir != "" {
		r, err := Open(dir)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		for _, path := range []string{"closed", "closed/f", "closed/sub/f", "open/f", "closed/../open"} {
			l := r.Looker()
			f := l.Look(path)
			l.Close()
			fmt.Println(path, f.State, errors.Is(f.Err, syscall.EACCES))
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, dir string) *Root {
	t.Helper()
	r, err := Open(dir)
	must(t, err)
	t.Cleanup(r.Close)
	return r
}

// tree makes a root, and outside of it files that must never be seen through the root.
func tree(t testing.TB) (root, outside string) {
	t.Helper()
	base := t.TempDir()
	root, outside = base+"/root", base+"/outside"
	for _, d := range []string{"/d/e", "/empty", "/sp ace\n"} {
		must(t, os.MkdirAll(root+d, 0o755))
	}
	must(t, os.MkdirAll(outside+"/e", 0o755))
	for _, f := range []string{root + "/f", root + "/d/f", root + "/d/e/f", root + "/sp ace\n/\xff", outside + "/secret", outside + "/e/secret"} {
		must(t, os.WriteFile(f, []byte(f), 0o644))
	}
	must(t, os.Symlink("d", root+"/in"))
	must(t, os.Symlink(outside, root+"/out"))
	must(t, os.Symlink("../../outside", root+"/d/out"))
	must(t, os.Symlink("nowhere", root+"/broken"))
	must(t, os.Symlink("loop", root+"/loop"))
	must(t, os.Symlink("/proc/self/root", root+"/magic"))
	must(t, syscall.Mkfifo(root+"/fifo", 0o644))
	return root, outside
}

// ways runs a test with both ways to resolve a path: the kernel's openat2, and that of this
// package, for a kernel that does not have openat2 and a seccomp profile that forbids it.
func ways(t *testing.T, test func(t *testing.T, r *Root, outside string)) {
	t.Helper()
	for name, errno := range map[string]error{"openat2": nil, "ENOSYS": unix.ENOSYS, "EPERM": unix.EPERM} {
		t.Run(name, func(t *testing.T) {
			dir, outside := tree(t)
			r := open(t, dir)
			if errno != nil {
				r.openat2 = func(int, string, *unix.OpenHow) (int, error) { return -1, errno }
			}
			test(t, r, outside)
		})
	}
}

func TestLook(t *testing.T) {
	ways(t, func(t *testing.T, r *Root, _ string) {
		l := r.Looker()
		defer l.Close()
		for _, c := range []struct {
			path  string
			state State
			at    string
		}{
			{"", Present, ""}, {"f", Present, ""}, {"d", Present, ""}, {"d/f", Present, ""}, {"d/e/f", Present, ""}, {"sp ace\n/\xff", Present, ""},
			{"in", Present, ""}, {"out", Present, ""}, {"broken", Present, ""}, {"loop", Present, ""}, {"fifo", Present, ""},
			{"no", Absent, "no"}, {"no/x", Absent, "no"}, {"no/x/y/z", Absent, "no"}, {"d/no", Absent, "d/no"}, {"d/e/no/x", Absent, "d/e/no"}, {"empty/x", Absent, "empty/x"},
			{"in/f", Obstructed, "in"}, {"in/no", Obstructed, "in"}, {"in/e/f", Obstructed, "in"}, {"out/secret", Obstructed, "out"}, {"out/e/secret", Obstructed, "out"},
			{"d/out/secret", Obstructed, "d/out"}, {"d/out/e/secret", Obstructed, "d/out"}, {"loop/x", Obstructed, "loop"}, {"broken/x", Obstructed, "broken"},
			{"magic/etc/passwd", Obstructed, "magic"}, {"f/x", Obstructed, "f"}, {"d/f/x/y", Obstructed, "d/f"}, {"fifo/x", Obstructed, "fifo"},
			{strings.Repeat("n", 300), Unknown, ""},
		} {
			// Each path is looked at twice, because the looker keeps the last parent open.
			for range 2 {
				if f := l.Look(c.path); f.State != c.state || f.At != c.at && c.state != Present || (f.Err == nil) == (c.state == Unknown) {
					t.Errorf("%q: %+v, want %v at %q", c.path, f, c.state, c.at)
				}
			}
		}
		if f := l.Look("d"); !f.Dir() || f.Regular() {
			t.Error("d is no directory")
		}
		if f := l.Look("in"); f.Dir() || f.Regular() {
			t.Error("a link is followed")
		}
	})
}

func TestPathsLongerThanTheKernelTakes(t *testing.T) {
	ways(t, func(t *testing.T, r *Root, _ string) {
		name := strings.Repeat("x", 200)
		var parts []string
		fd, err := unix.Openat(r.FD(), ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
		must(t, err)
		for range 30 {
			must(t, unix.Mkdirat(fd, name, 0o755))
			next, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
			must(t, err)
			unix.Close(fd)
			fd = next
			parts = append(parts, name)
		}
		unix.Close(fd)
		deep := strings.Join(parts, "/")
		l := r.Looker()
		defer l.Close()
		if f := l.Look(deep); f.State != Present || !f.Dir() {
			t.Errorf("%d bytes: %v %v", len(deep), f.State, f.Err)
		}
		if f := l.Look(deep + "/no"); f.State != Absent || f.At != deep+"/no" {
			t.Errorf("%v at %d bytes", f.State, len(f.At))
		}
		if f := l.Look(deep + "/no/x"); f.State != Absent || f.At != deep+"/no" {
			t.Errorf("%v at %d bytes", f.State, len(f.At))
		}
	})
}

func TestWhatMayNotBeReadIsUnknown(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: a child of another user")
	}
	dir, err := os.MkdirTemp("/tmp", "beneath")
	must(t, err)
	defer os.RemoveAll(dir)
	must(t, os.Chmod(dir, 0o755))
	must(t, os.MkdirAll(dir+"/closed/sub", 0o755))
	must(t, os.Mkdir(dir+"/open", 0o755))
	for _, f := range []string{"/closed/f", "/closed/sub/f", "/open/f"} {
		must(t, os.WriteFile(dir+f, nil, 0o644))
	}
	must(t, os.Chmod(dir+"/closed", 0o600))
	self, err := os.Executable()
	must(t, err)
	program := dir + "/test"
	data, err := os.ReadFile(self)
	must(t, err)
	must(t, os.WriteFile(program, data, 0o755))
	cmd := exec.Command(program)
	cmd.Dir = "/"
	cmd.Env = []string{deniedEnv + "=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	want := fmt.Sprintf("closed %d false\nclosed/f %d true\nclosed/sub/f %d true\nopen/f %d false\nclosed/../open %d true\n", Present, Unknown, Unknown, Present, Unknown)
	if err != nil || string(out) != want {
		t.Errorf("%v\n%s, want\n%s", err, out, want)
	}
}

func TestAKeptParentThatMoved(t *testing.T) {
	ways(t, func(t *testing.T, r *Root, _ string) {
		dir := r.Dir()
		l := r.Looker()
		defer l.Close()
		if f := l.Look("d/e/f"); f.State != Present {
			t.Fatal(f)
		}
		// The looker holds the old d/e open; a new directory with other names replaces it.
		must(t, os.Rename(dir+"/d/e", dir+"/moved"))
		must(t, os.Mkdir(dir+"/d/e", 0o755))
		must(t, os.WriteFile(dir+"/d/e/new", nil, 0o644))
		if f := l.Look("d/e/new"); f.State != Present {
			t.Errorf("new: %+v", f)
		}
		must(t, os.RemoveAll(dir+"/d/e"))
		if f := l.Look("d/e/new"); f.State != Absent || f.At != "d/e" {
			t.Errorf("gone: %+v", f)
		}
		must(t, os.Symlink("../moved", dir+"/d/e"))
		if f := l.Look("d/e/nothing"); f.State != Obstructed || f.At != "d/e" {
			t.Errorf("link: %+v", f)
		}
	})
}

// While a parent is replaced with a link to a directory outside and back, as fast as possible, no
// look sees anything of the outside.
func TestRacingLinksShowNothingOutside(t *testing.T) {
	ways(t, func(t *testing.T, r *Root, outside string) {
		dir := r.Dir()
		must(t, os.Symlink(outside, dir+"/swap"))
		must(t, os.Mkdir(dir+"/real", 0o755))
		stop := make(chan struct{})
		var swapper sync.WaitGroup
		swapper.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = unix.Renameat2(unix.AT_FDCWD, dir+"/swap", unix.AT_FDCWD, dir+"/real", unix.RENAME_EXCHANGE)
				}
			}
		})
		seen := map[State]int{}
		for range 5_000 {
			l := r.Looker() // a new looker, so that each look resolves the whole path
			f := l.Look("real/secret")
			seen[f.State]++
			if f.State == Present {
				t.Error("a file outside is present")
			}
			if f := l.Look("real/e/secret"); f.State == Present {
				t.Error("a file outside is present")
			}
			l.Close()
			if t.Failed() {
				break
			}
		}
		close(stop)
		swapper.Wait()
		if seen[Absent] == 0 || seen[Obstructed] == 0 {
			t.Errorf("no race: %v", seen)
		}
	})
}

func TestRootIdentity(t *testing.T) {
	dir, _ := tree(t)
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(dir, link))
	r := open(t, link)
	if !r.Stands() || r.Dir() != link {
		t.Error("a root behind a link does not stand")
	}
	must(t, os.Rename(dir, dir+".old"))
	must(t, os.Mkdir(dir, 0o755))
	if r.Stands() {
		t.Error("another directory is taken for the root")
	}
	other := open(t, dir)
	d1, i1 := r.Identity()
	if d2, i2 := other.Identity(); d1 == d2 && i1 == i2 {
		t.Error("two directories, one identity")
	}
	l := r.Looker()
	defer l.Close()
	if f := l.Look("d/f"); f.State != Present {
		t.Errorf("the opened directory is lost: %+v", f)
	}
	if st, err := os.Stat(r.WorkingDir() + "/d/f"); err != nil || st.Size() == 0 {
		t.Error(err)
	}
}

func TestOpenTellsWhy(t *testing.T) {
	dir, _ := tree(t)
	for path, want := range map[string]error{dir + "/no": unix.ENOENT, dir + "/f": unix.ENOTDIR, dir + "/loop": unix.ELOOP} {
		if r, err := Open(path); !errors.Is(err, want) {
			r.Close()
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestNoDescriptorIsLeft(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(entries)
	}
	dir, _ := tree(t)
	before := count()
	r, err := Open(dir)
	must(t, err)
	r.openat2 = func(int, string, *unix.OpenHow) (int, error) { return -1, unix.ENOSYS }
	for range 50 {
		l := r.Looker()
		for _, p := range []string{"d/e/f", "in/f", "no/x/y", "f/x", "d/f", "", "d/e/no"} {
			l.Look(p)
		}
		l.Close()
	}
	r.Close()
	if after := count(); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}
