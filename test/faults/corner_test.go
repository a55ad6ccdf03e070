package faults

import (
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
)

// corner is one change that a mirror easily gets wrong.
type corner struct {
	name   string
	long   bool // the quick suite leaves this one out
	params string
	set    map[string]bool
	before func(*scene) // is called before the mirror run
	do     func(*scene)
}

func ops(list ...testkit.Op) func(*scene) { return func(s *scene) { s.t.Helper(); s.do(list...) } }

func corners() []corner {
	return []corner{
		{name: "same size, same second", do: ops(testkit.Op{"rewritemany", "f", "9"})},
		{name: "older file in its place", before: fresh, do: func(s *scene) {
			s.must(os.WriteFile(s.out+"/old", []byte("older"), 0o644))
			s.must(os.Chtimes(s.out+"/old", s.long(), s.long()))
			s.do(testkit.Op{"mv", s.out + "/old", "f"}, testkit.Op{"sh", "printf 'older too' > g.tmp; touch -d '2001-02-03' g.tmp; cp -p g.tmp g"})
		}},
		{name: "file to directory and back", before: fresh, do: func(s *scene) {
			s.do(testkit.Op{"rm", "f"}, testkit.Op{"mkdir", "f"}, testkit.Op{"write", "f/in"})
			s.equal()
			s.do(testkit.Op{"rmrf", "f"}, testkit.Op{"write", "f"})
			s.equal()
			s.do(testkit.Op{"rmrf", "d"}, testkit.Op{"write", "d"})
			s.equal()
			s.do(testkit.Op{"rm", "d"}, testkit.Op{"symlink", "f", "d"})
			s.equal()
			s.do(testkit.Op{"rm", "d"}, testkit.Op{"mkdirp", "d/e"}, testkit.Op{"write", "d/e/f"})
		}},
		{name: "renamed while it is sent", params: "-artuz --bwlimit=2000", do: func(s *scene) {
			for i := range 6 {
				s.do(testkit.Op{"mkdirp", "big/sub"})
				s.must(os.WriteFile(fmt.Sprintf("%s/big/sub/f%d", s.src, i), random(400<<10), 0o644))
			}
			s.arrives("big/sub")
			s.do(testkit.Op{"mv", "big", "large"}, testkit.Op{"mkdir", "big"}, testkit.Op{"write", "big/other"})
		}},
		{name: "deleted while it is sent", params: "-artuz --bwlimit=1000", do: func(s *scene) {
			s.must(os.MkdirAll(s.src+"/big", 0o755))
			for i := range 4 {
				s.must(os.WriteFile(fmt.Sprintf("%s/big/f%d", s.src, i), random(400<<10), 0o644))
			}
			s.arrives("big")
			s.do(testkit.Op{"rm", "big/f3"}, testkit.Op{"rmrf", "d"})
		}},
		{name: "hard links", params: "-artzH", do: func(s *scene) {
			s.do(testkit.Op{"write", "h1"}, testkit.Op{"link", "h1", "h2"}, testkit.Op{"link", "h1", "d/h3"})
			s.equal()
			s.do(testkit.Op{"append", "d/h3", "through one name\n"})
			s.equal()
			s.do(testkit.Op{"rm", "h1"}, testkit.Op{"link", "h2", "h4"})
		}},
		{name: "hard links without -H", do: func(s *scene) {
			s.do(testkit.Op{"write", "h1"}, testkit.Op{"link", "h1", "h2"}, testkit.Op{"link", "h1", "d/h3"})
			s.equal()
			s.do(testkit.Op{"append", "d/h3", "through one name\n"})
		}},
		{name: "written through an editor's name", do: func(s *scene) {
			s.do(testkit.Op{"write", "h"})
			s.arrives("h")
			s.do(testkit.Op{"link", "h", "d/h~"}, testkit.Op{"write", "k"})
			s.arrives("k")
			s.do(testkit.Op{"append", "d/h~", "through a name that is not sent\n"})
		}},
		{name: "written through a link outside", do: func(s *scene) {
			s.do(testkit.Op{"write", "h"})
			s.must(os.Link(s.src+"/h", s.out+"/h"))
			s.must(os.Rename(s.out+"/h", s.src+"/moved-in"))
		}},
		{name: "written through a name that goes", do: func(s *scene) {
			names := []string{"removed", "replaced", "out", "removed-open", "replaced-open", "out-open", "moved-in"}
			for _, n := range names[:len(names)-1] {
				s.do(testkit.Op{"write", "d/" + n}, testkit.Op{"link", "d/" + n, "other-" + n}, testkit.Op{"write", "new-" + n})
			}
			s.must(os.MkdirAll(s.out+"/tree", 0o755))
			s.must(os.WriteFile(s.out+"/tree/moved-in", []byte("old"), 0o644))
			s.must(os.Link(s.out+"/tree/moved-in", s.out+"/tree/other"))
			s.do(testkit.Op{"mv", s.out + "/tree", "tree"})
			s.equal()
			goes := map[string]func(n string) error{
				"removed":  func(n string) error { return os.Remove(s.src + "/" + n) },
				"replaced": func(n string) error { return os.Rename(s.src+"/new-"+filepath.Base(n), s.src+"/"+n) },
				"out":      func(n string) error { return os.Rename(s.src+"/"+n, s.out+"/"+filepath.Base(n)) },
			}
			for _, n := range names {
				how, open := strings.CutSuffix(n, "-open")
				n = "d/" + n
				if how == "moved-in" {
					how, n = "removed", "tree/moved-in"
				}
				f, err := os.OpenFile(s.src+"/"+n, os.O_WRONLY|os.O_APPEND, 0)
				s.must(err)
				if open {
					s.must(goes[how](n))
				}
				_, err = f.WriteString("through a name that goes")
				s.must(err)
				s.must(f.Close())
				if !open {
					s.must(goes[how](n))
				}
			}
		}},
		{name: "sparse", params: "-artuzS", do: ops(testkit.Op{"sh", "truncate -s 40M sparse; printf x >> sparse; truncate -s 10M d/s"})},
		{name: "special files", do: func(s *scene) {
			s.do(testkit.Op{"mkfifo", "fifo"}, testkit.Op{"mkfifo", "d/fifo"})
			l, err := net.Listen("unix", s.src+"/sock")
			s.must(err)
			s.t.Cleanup(func() { l.Close() })
			if os.Getuid() == 0 {
				s.must(unix.Mknod(s.src+"/null", unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
			}
		}},
		{name: "symlinks", do: ops(testkit.Op{"symlink", "nowhere", "dangling"}, testkit.Op{"symlink", "loop", "loop"},
			testkit.Op{"symlink", ".", "d/dot"}, testkit.Op{"symlink", "/no/such/place", "absolute"}, testkit.Op{"symlink", "d", "to-dir"})},
		{name: "long names", do: func(s *scene) {
			n := strings.Repeat("n", 255)
			s.do(testkit.Op{"write", n}, testkit.Op{"mkdir", strings.Repeat("d", 255)}, testkit.Op{"write", strings.Repeat("d", 255) + "/" + n},
				testkit.Op{"write", strings.Repeat("\xff", 255)})
		}},
		{name: "hostile names", do: func(s *scene) {
			for _, n := range []string{"-rf", "--delete", "$(touch no)", "`id`", "a\nb", "a\rb", "'\"", "a\\", "\\#012", "*", "[a]", "?", "#c", ";c", " ", "~x", "\xff\xfe", "a:b", "::m", "!", "- x"} {
				s.do(testkit.Op{"write", n, n}, testkit.Op{"mkdir", n + "d"}, testkit.Op{"write", n + "d/" + n})
			}
			s.equal()
			for _, n := range []string{"*", "[a]", "?", "a\\", "#c", ";c", "-rf", "\\#012", "a\nb"} {
				s.do(testkit.Op{"rm", n}, testkit.Op{"rmrf", n + "d"})
			}
		}},
		{name: "20,000 entries", long: true, do: func(s *scene) {
			s.do(testkit.Op{"mkdir", "many"}, testkit.Op{"writemany", "many/f%d", "20000"})
			s.equal()
			s.do(testkit.Op{"rm", "many/f777"}, testkit.Op{"write", "many/f5"})
		}},
		{name: "immutable", do: func(s *scene) {
			s.do(testkit.Op{"write", "fixed"})
			if out, err := exec.Command("chattr", "+i", s.src+"/fixed").CombinedOutput(); err != nil {
				s.t.Skipf("no immutable files here: %s", out)
			}
			s.t.Cleanup(func() { _ = exec.Command("chattr", "-i", s.src+"/fixed").Run() })
			s.do(testkit.Op{"write", "other"})
		}},
		{name: "attributes", set: map[string]bool{"attrib": true}, do: func(s *scene) {
			s.do(testkit.Op{"chmod", "f", "600"}, testkit.Op{"chmod", "d", "700"}, testkit.Op{"touch", "g"})
			if os.Getuid() == 0 {
				s.do(testkit.Op{"chown", "f", "1234", "1234"})
			}
		}},
		{name: "editors and git", do: ops(testkit.Op{"sh", `git init -q . 2>/dev/null || :; for i in 1 2 3 4 5; do echo $i > .f.swp; mv .f.swp f; cp f f~; sed -i s/^/x/ g; done`})},
		{name: "growing", do: func(s *scene) {
			f, err := os.OpenFile(s.src+"/log", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
			s.must(err)
			for range 200 {
				_, err = f.Write(random(8 << 10))
				s.must(err)
			}
			s.do(testkit.Op{"append", "log", "by someone else\n"})
			_, err = f.Write(random(100))
			s.must(err)
			s.must(f.Close())
		}},
	}
}

// fresh makes copies on the target that are newer than the files that will come.
func fresh(s *scene) { s.write("f", "g", "d/e/f", "d/x") }

// random is a content that neither compresses nor repeats.
func random(size int) []byte {
	b := make([]byte, size)
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // crypto/rand never returns an error
	_, _ = rand.NewChaCha8(seed).Read(b)
	return b
}

func TestCorner(t *testing.T) {
	for _, c := range corners() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.long {
				testkit.Long(t)
			}
			s := newScene(t, func(s *scene) { s.set.Params, s.set.Set = c.params, c.set })
			s.write("f", "g", "d/x")
			if c.before != nil {
				c.before(s)
			}
			s.mirror()
			s.equal()
			c.do(s)
			s.stays()
			if n := s.rsync.FullSyncs(); n != 1 {
				t.Errorf("%d full syncs, want the one of -r", n)
			}
		})
	}
}

// TestCornerUnseen: the self-check finds a change that the shipped switches do not select.
// truncate(2) causes no close event, only a modify event.
func TestCornerUnseen(t *testing.T) {
	t.Parallel()
	s := newScene(t, func(s *scene) { s.set.SelfCheck = "1s" })
	s.write("f", "d/g")
	s.mirror()
	s.equal()
	s.must(os.Truncate(s.src+"/f", 1))
	s.must(os.Truncate(s.src+"/d/g", 40<<10))
	s.equal()
}

// TestCornerTwoWayNewer: with -u a file that is newer on the target than the change here stays.
func TestCornerTwoWayNewer(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.write("f", "g")
	s.mirror()
	s.equal()
	s.must(os.WriteFile(s.dst+"/f", []byte("newer there"), 0o644))
	future := time.Now().Add(time.Hour)
	s.must(os.Chtimes(s.dst+"/f", future, future))
	s.write("f", "g")
	testkit.Eventually(t, limit, "g is sent", func() bool {
		a, _ := os.ReadFile(s.src + "/g")
		b, _ := os.ReadFile(s.dst + "/g")
		return string(a) == string(b)
	})
	if testkit.Within(lull, func() bool { b, _ := os.ReadFile(s.dst + "/f"); return string(b) != "newer there" }) {
		t.Error("a newer copy on the target was overwritten although -u is set")
	}
}

// TestCornerRoot: the mode and the time of the watch root itself change. Only the root is sent, and
// nothing inside of it: neither what the filter excludes nor a file for the second time.
func TestCornerRoot(t *testing.T) {
	t.Parallel()
	s := newScene(t, func(s *scene) {
		s.set.Set = map[string]bool{"attrib": true}
		s.set.Exclude = []string{"^private.*"}
	})
	s.write("f")
	s.mirror()
	s.write("private", "private-dir/f", "f")
	s.must(os.Chmod(s.src, 0o711))
	mode := func(dir string) os.FileMode {
		info, err := os.Stat(dir)
		s.must(err)
		return info.Mode()
	}
	testkit.Eventually(t, limit, "the root's mode is on the target", func() bool { return mode(s.dst) == mode(s.src) })
	s.crash()
	s.write("private", "new")
	s.start()
	s.arrives("new")
	s.compare.Excluded = func(path string, _ bool) bool { return strings.HasPrefix(path, "private") }
	s.stays()
	for _, name := range []string{"private", "private-dir"} {
		if s.has(name) {
			t.Errorf("%s was sent although the filter excludes it", name)
		}
	}
}

// TestCornerTooLong: a path that no list can hold fails by its name, and everything else arrives.
func TestCornerTooLong(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.write("f")
	s.mirror()
	s.equal()
	// The path is longer than PATH_MAX, so it is made step by step.
	fd, err := unix.Open(s.src, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	s.must(err)
	name := strings.Repeat("p", 250)
	for range 20 {
		s.must(unix.Mkdirat(fd, name, 0o755))
		next, err := unix.Openat(fd, name, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
		s.must(err)
		s.must(unix.Close(fd))
		fd = next
	}
	file, err := unix.Openat(fd, "deep", unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
	s.must(err)
	s.must(unix.Close(file))
	s.must(unix.Close(fd))
	s.t.Cleanup(func() { _ = exec.Command("rm", "-rf", s.src+"/"+name).Run() })
	s.write("after", "d/after")
	s.arrives("after")
	s.arrives("d/after")
	s.arrives(filepath.Join(name, name))
	testkit.Eventually(t, limit, "the failure is named", func() bool {
		return strings.Contains(s.logged(), "longer than") || strings.Contains(s.logged(), "overflows max-path")
	})
}

// TestCornerUnreadable: the program runs as an ordinary user who cannot read one file and one
// directory. The status names both. Nothing of them is deleted on the target, everything else
// arrives, and so do they once they can be read.
func TestCornerUnreadable(t *testing.T) {
	needRoot(t)
	t.Parallel()
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	s := newScene(t, watched, func(s *scene) { s.set.Params = "-rltuz" })
	for _, dir := range []string{s.src, s.set.Dir} {
		s.must(os.Chown(dir, 65534, 65534))
	}
	s.write("f", "closed/in", "secret")
	o := s.options("-r")
	o.Credential = nobody
	s.app = testkit.Start(t, o)
	s.logs("full sync done")
	s.equal()
	s.must(os.Chmod(s.src+"/closed", 0o700))
	s.must(os.Chmod(s.src+"/secret", 0o600))
	s.write("closed/in", "closed/new", "secret", "f", "other")
	s.arrives("other")
	testkit.Eventually(t, limit, "the file is named", func() bool { return strings.Contains(s.logged(), "secret") })
	if !s.has("closed/in") || !s.has("secret") {
		t.Error("what cannot be read here was deleted there")
	}
	s.must(os.Chmod(s.src+"/closed", 0o755))
	s.must(os.Chmod(s.src+"/secret", 0o644))
	s.write("closed/new2") // the chmod of the directory is no selected event
	t.Logf("equal %.1f s after it could be read", s.equal().Seconds())
}
