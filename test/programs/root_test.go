package programs

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
)

// TestRootComesAndGoes takes the watch root away while the program runs.
func TestRootComesAndGoes(t *testing.T) {
	tests := []struct {
		name     string
		anew     bool // another directory is at the path, so deletions are held
		commands []string
	}{
		{"renamed away and back", false, []string{"cd ..; mv src elsewhere; echo while away > elsewhere/a; mkdir elsewhere/n; echo n > elsewhere/n/f; mv elsewhere src", "echo after > n/f"}},
		{"renamed away and back later", false, []string{"mv ../src ../elsewhere", "mkdir ../elsewhere/n; echo while away > ../elsewhere/n/f", "mv ../elsewhere ../src", "echo after > a"}},
		{"deleted and made again", true, []string{"cd ..; rm -rf src; mkdir src; echo anew > src/a; mkdir src/d; echo anew > src/d/f", "echo after > d/g; rm a"}},
		{"deleted and made again later", true, []string{"rm -rf ../src", "mkdir ../src", "echo anew > ../src/a; mkdir ../src/d; echo anew > ../src/d/f", "echo after > d/g"}},
		{"replaced by a copy", true, []string{"cd ..; cp -a src next; echo 2 > next/a; mv src old; mv next src; rm -rf old", "echo after > d/g"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, modes()[0])
			s.shell("echo 1 > a; mkdir d; echo 2 > d/f; echo 3 > d/h")
			s.start()
			for _, c := range test.commands {
				s.outside(c)
			}
			// The root is another one, so nobody has deleted the entries that only the target has.
			s.compare.Extra = testkit.AnyExtra
			s.equal(test.name)
			s.outside("mkdir -p later; echo x > later/x; echo y > d/f")
			s.equal("changes after it")
			s.outside("rm later/x")
			if test.anew {
				testkit.Eventually(t, limit, "the log says that deletions are held", func() bool {
					return strings.Contains(s.log(), "--accept-empty")
				})
				lane := fmt.Sprintf("%s#127.0.0.1::m:%d", s.src, s.port)
				if out, err := exec.Command(testkit.Build(t), "-o", s.app.File, "--accept-empty", lane).CombinedOutput(); err != nil {
					t.Fatalf("--accept-empty: %v\n%s", err, out)
				}
			}
			testkit.Eventually(t, limit, "a deletion after it", func() bool {
				_, err := os.Lstat(s.dst + "/later/x")
				return err != nil
			})
		})
	}
}

// outside runs commands in the watch root, or in its parent while there is no root.
func (s *scene) outside(commands string) {
	s.t.Helper()
	s.shellIn(commands)
	if _, err := os.Stat(s.src); err != nil {
		testkit.Eventually(s.t, limit, "the loss of the root is seen\n"+s.log(), func() bool { return strings.Contains(s.log(), "root") })
	}
}

// shellIn runs commands in the watch root, or in its parent while it is away.
func (s *scene) shellIn(commands string) {
	s.t.Helper()
	if _, err := os.Stat(s.src); err != nil {
		commands = "cd " + s.base + "/out; " + commands
		dir := s.src
		s.src = s.base
		s.shell(commands)
		s.src = dir
		return
	}
	s.shell(commands)
}

func (s *scene) unmount() { _ = unix.Unmount(s.src+"/mnt", unix.MNT_DETACH) } // it may not be mounted any more

// TestMountComesAndGoes mounts a file system inside of the watch root and unmounts it again: its
// files are synced, and the unmount deletes nothing.
func TestMountComesAndGoes(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: mounts")
	}
	t.Parallel()
	s := newScene(t, modes()[0])
	s.shell("mkdir mnt; echo below > mnt/below; echo 1 > a")
	s.start()
	s.shell("mount -t tmpfs -o size=4m none mnt")
	t.Cleanup(func() { s.unmount() })
	s.shell("echo 1 > mnt/f; mkdir mnt/d; echo 2 > mnt/d/g")
	s.compare.Extra = testkit.AnyExtra
	s.equal("a mount")
	s.shell("rm mnt/f; echo 3 > mnt/d/g")
	testkit.Eventually(t, limit, "a deletion on the mount", func() bool {
		_, err := os.Lstat(s.dst + "/mnt/f")
		return err != nil
	})
	s.equal("a change on the mount")
	s.unmount()
	s.shell("echo 4 > a; echo 5 > mnt/below; echo 6 > mnt/more")
	s.equal("the unmount")
	gone := func() bool {
		_, err1 := os.Lstat(s.dst + "/mnt/d/g")
		_, err2 := os.Lstat(s.dst + "/mnt/below")
		return err1 != nil || err2 != nil
	}
	if testkit.Within(1500*time.Millisecond, gone) {
		t.Error("the unmount deleted something")
	}
	s.shell("mount -t tmpfs none mnt; echo 7 > mnt/again")
	s.equal("another mount")
}
