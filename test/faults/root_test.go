package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// mounted mounts a small disk at the watch root.
func mounted(s *scene) {
	s.t.Helper()
	s.must(syscall.Mount("tmpfs", s.src, "tmpfs", 0, "size=4m"))
	s.t.Cleanup(func() { _ = syscall.Unmount(s.src, syscall.MNT_DETACH) }) // the test may have unmounted it already
}

// TestRootUnmounted: the disk of the watch root is not mounted, and -r runs over the empty mount
// point. Nothing is deleted until the operator accepts the directory.
func TestRootUnmounted(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		left string // what the empty directory contains
	}{
		{"restart", nil, ""}, {"with -r", []string{"-r"}, ""}, {"lost+found with -r", []string{"-r"}, "lost+found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			needRoot(t)
			t.Parallel()
			s := newScene(t, mounted)
			s.write("a", "d/e/f", "g")
			s.mirror()
			s.equal()
			s.stop()
			s.must(syscall.Unmount(s.src, syscall.MNT_DETACH))
			if c.left != "" {
				s.must(os.Mkdir(s.src+"/"+c.left, 0o700))
			}
			o := s.options(c.args...)
			o.NoWait = true // the program may wait for its disk
			s.app = testkit.Start(t, o)
			testkit.Eventually(t, limit, "it says what it waits for", func() bool {
				return strings.Contains(s.logged()+s.app.Stderr(), "accept-empty")
			})
			if testkit.Within(2*lull, func() bool { return !s.has("a") || !s.has("d/e/f") || !s.has("g") }) {
				t.Fatalf("deleted on the target: left is %q", names(t, s.dst))
			}
			s.accept()
			s.equal()
			s.write("new")
			s.equal()
		})
	}
}

// accept runs --accept-empty for the watch root.
func (s *scene) accept() {
	s.t.Helper()
	lane := fmt.Sprintf("%s#127.0.0.1::m:%d", s.src, s.rsyncd.Port())
	file := filepath.Join(s.set.Dir, "confxml.xml")
	if out, err := exec.Command(testkit.Build(s.t), "-o", file, "--accept-empty", "no such lane").CombinedOutput(); err == nil {
		s.t.Errorf("--accept-empty of an unknown lane: %s", out)
	}
	if out, err := exec.Command(testkit.Build(s.t), "-o", file, "--accept-empty", lane).CombinedOutput(); err != nil {
		s.t.Fatalf("--accept-empty: %v\n%s", err, out)
	}
}

// TestRootUnmountedWhileRunning: the disk is unmounted while the program runs.
func TestRootUnmountedWhileRunning(t *testing.T) {
	testkit.Long(t)
	needRoot(t)
	t.Parallel()
	s := newScene(t, mounted)
	s.write("a", "d/e/f")
	s.mirror()
	s.equal()
	s.must(syscall.Unmount(s.src, syscall.MNT_DETACH))
	unchanged(t, s.dst, 2*lull)
	s.must(syscall.Mount("tmpfs", s.src, "tmpfs", 0, "size=4m"))
	unchanged(t, s.dst, 2*lull)
	s.accept()
	s.equal()
}

// TestMountWithheld: -r runs while a disk below the watch root is not mounted. Deletions of entries
// on that disk are held, and are looked for again once the disk is back: an entry that was deleted
// on the disk meanwhile is deleted, all others stay.
func TestMountWithheld(t *testing.T) {
	testkit.Long(t)
	needRoot(t)
	t.Parallel()
	s := newScene(t)
	disk, at := s.path("disk"), s.src+"/mnt"
	s.must(os.Mkdir(disk, 0o755))
	s.must(os.Mkdir(at, 0o755))
	mount := func() { s.must(syscall.Mount(disk, at, "", syscall.MS_BIND, "")) }
	s.t.Cleanup(func() { _ = syscall.Unmount(at, syscall.MNT_DETACH) }) // the test may have unmounted it already
	mount()
	s.write("a", "mnt/stays", "mnt/goes", "mnt/d/goes")
	s.mirror()
	s.equal()
	s.stop()
	s.must(syscall.Unmount(at, 0))
	s.must(os.Remove(disk + "/goes"))
	s.must(os.RemoveAll(disk + "/d"))
	s.start("-r")
	s.logs("deletions are held")
	s.write("while it is away")
	s.arrives("while it is away")
	unchanged(t, s.dst, 2*lull)
	mount()
	s.equal()
	s.stays()
}

// TestRootEmptied: after a real rm -rf root/* the deletions are carried out on the target.
func TestRootEmptied(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.write("a", "d/e/f", "g/h")
	s.mirror()
	s.equal()
	s.do(testkit.Op{"sh", "rm -rf ./*"})
	s.stays()
	s.write("again")
	s.stays()
}

// TestRootRemade: the root is deleted and made again, or is renamed and replaced with another
// directory. No process may go on working in the old one.
func TestRootRemade(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.write("a", "d/f")
	s.mirror()
	s.equal()
	s.must(os.Rename(s.src, s.src+"-old"))
	s.must(os.MkdirAll(s.src+"/new", 0o755))
	s.write("new/f", "b", "d/f")
	s.arrives("new/f")
	s.arrives("b")
	s.must(os.WriteFile(s.src+"-old/stray", nil, 0o644))
	if testkit.Within(lull, func() bool { return s.has("stray") }) {
		t.Error("a file of the old root arrived")
	}
	s.write("d/f", "late")
	s.compare.Extra = testkit.AnyExtra // deletions of entries of the old root may be held
	s.equal()
}

// TestRootRecreated: a build removes the root and makes it anew, while the program runs and while
// it does not, and a directory with old files takes its place. With the attribute for this case
// nobody has to accept that. If the root stays empty deletions are held.
func TestRootRecreated(t *testing.T) {
	t.Parallel()
	s := newScene(t, func(s *scene) { s.set.Recreated = true })
	s.write("a", "d/f", "assets/1.js")
	s.mirror()
	s.equal()
	build := func(names ...string) {
		s.must(os.RemoveAll(s.src))
		s.must(os.MkdirAll(s.src, 0o755))
		s.write(names...)
	}
	build("a", "assets/2.js")
	s.stays()
	s.stop()
	build("a", "assets/3.js")
	s.start()
	s.stays()
	s.write("../next/b", "../next/assets/4.js")
	for _, name := range []string{"/b", "/assets/4.js", "/assets", ""} {
		s.must(os.Chtimes(s.base+"/next"+name, s.long(), s.long()))
	}
	s.must(os.Rename(s.src, s.src+"-old"))
	s.must(os.Rename(s.base+"/next", s.src))
	s.stays()
	s.must(os.Rename(s.src, s.src+"-older"))
	s.must(os.Mkdir(s.src, 0o755))
	if testkit.Within(lull, func() bool { return !s.has("assets/4.js") }) {
		t.Error("a root that is empty was mirrored")
	}
	s.write("last")
	s.stays()
}

// TestRootSwappedParent: while the files of a directory are sent, the directory is replaced with a
// symbolic link to a directory outside and back, as fast as possible. No byte from outside may
// reach the target.
func TestRootSwappedParent(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	s := newScene(t)
	const secret = "a byte from outside"
	for i := range 20 {
		s.write(fmt.Sprintf("b/f%d", i))
		s.must(os.WriteFile(fmt.Sprintf("%s/f%d", s.out, i), []byte(secret), 0o644))
	}
	s.must(os.Symlink(s.out, s.src+"/link"))
	s.mirror()
	s.equal()
	for range 300 {
		for i := range 20 {
			_ = os.WriteFile(fmt.Sprintf("%s/b/f%d", s.src, i), []byte("inside"), 0o644)
		}
		s.do(testkit.Op{"mv", "b", "real"}, testkit.Op{"mv", "link", "b"}, testkit.Op{"mv", "b", "link"}, testkit.Op{"mv", "real", "b"})
		outside(t, s.dst, secret)
		if t.Failed() {
			return
		}
	}
	s.equal()
	outside(t, s.dst, secret)
}

// outside fails the test if a file below dir contains the text.
func outside(t *testing.T, dir, text string) {
	t.Helper()
	for _, name := range names(t, dir) {
		info, err := os.Lstat(dir + "/" + name)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if b, err := os.ReadFile(dir + "/" + name); err == nil && strings.Contains(string(b), text) {
			t.Errorf("%q on the target holds %q", name, b)
		}
	}
}
