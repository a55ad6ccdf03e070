package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
)

// mount mounts an empty file system at dir and unmounts it when the test ends.
func (s *scene) mount(dir string) {
	s.t.Helper()
	if os.Getuid() != 0 {
		s.t.Skip("needs root: mounts a file system")
	}
	s.must(syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"))
	s.t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// unmount runs umount(8) as an administrator would, without force. It may have to wait a moment
// until the last run has ended.
func (s *scene) unmount(dir string) {
	s.t.Helper()
	var err error
	if !testkit.Poll(limit/4, func() bool { err = syscall.Unmount(dir, 0); return err == nil }) {
		s.t.Fatalf("umount %s while sersync idles: %v", dir, err)
	}
}

// TestUmountWhileIdleOverSSH: the standing ssh connection does not keep the file system busy
// either.
func TestUmountWhileIdleOverSSH(t *testing.T) {
	testkit.Long(t)
	s := newScene(t)
	sshd := testkit.Sshd(t)
	s.set.Remotes = []string{fmt.Sprintf(`ip="127.0.0.1" name="%s" ssh="true"`, s.dst)}
	at := s.dir("src/sub")
	s.mount(at)
	s.write(filepath.Join(at, "f"), "first")
	app := s.startWith(testkit.Options{Path: []string{sshd.Bin}}, "-r")
	s.equal(testkit.Compare{})
	testkit.Eventually(t, limit, "a connection stands", func() bool {
		return strings.Contains(commands(app), "ControlMaster=yes")
	})
	s.write(filepath.Join(at, "g"), "second")
	s.equal(testkit.Compare{})
	s.inSync()
	device := deviceOf(t, at)
	s.unmount(at)
	s.braked()
	if !testkit.Poll(limit/4, func() bool { return mountedIn(app, device) == "" }) {
		t.Errorf("a namespace still has it: %s\n%s", mountedIn(app, device), s.logged())
	}
	s.stop(app)
}

// commands lists the command lines of the program and its children.
func commands(app *testkit.Sersync) (all string) {
	for _, pid := range app.Processes() {
		args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		all += strings.ReplaceAll(string(args), "\x00", " ") + "\n"
	}
	return all
}

// TestUmountWhileIdle: an idle sersync keeps no file system busy, neither that of the watch root
// nor one that is mounted below it. It deletes nothing when the file system is unmounted.
func TestUmountWhileIdle(t *testing.T) {
	for _, standby := range []bool{true, false} {
		for _, at := range []string{"", "sub"} {
			name := "standby off"
			if standby {
				name = "standby on"
			}
			if at == "" {
				name += ", the root"
			} else {
				name += ", below the root"
			}
			t.Run(name, func(t *testing.T) {
				s := newScene(t)
				s.set.NoStandby = !standby
				at := filepath.Join(s.src, at)
				s.must(os.MkdirAll(at, 0o755))
				s.mount(at)
				s.write(filepath.Join(at, "d", "f"), "first")
				app := s.start("-r")
				s.equal(testkit.Compare{})
				s.write(filepath.Join(at, "d", "g"), "second")       // so that a standby has been used
				s.must(os.Symlink("d/g", filepath.Join(at, "link"))) // so that an entry has been looked at without a close event
				s.equal(testkit.Compare{})
				s.inSync()
				held := s.listing(s.dst)
				device := deviceOf(t, at)
				s.unmount(at)
				s.braked()
				// While a mount namespace still has a file system, the file system cannot be
				// checked and its disk cannot be removed.
				if !testkit.Poll(limit/4, func() bool { return mountedIn(app, device) == "" }) {
					t.Errorf("a namespace still has it: %s\n%s", mountedIn(app, device), s.logged())
				}
				s.must(syscall.Mount("tmpfs", at, "tmpfs", 0, "size=16m"))
				s.write(filepath.Join(at, "new"), "another file system")
				testkit.Eventually(t, limit, "what is new arrives", func() bool {
					rel, _ := filepath.Rel(s.src, at)
					_, err := os.Stat(filepath.Join(s.dst, rel, "new"))
					return err == nil
				})
				for line := range strings.SplitSeq(held, "\n") {
					path, _, _ := strings.Cut(strings.TrimPrefix(line, `"`), `"`)
					if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) && path != "" {
						t.Errorf("deleted on the target: %s", path)
					}
				}
				s.stop(app)
			})
		}
	}
}

// deviceOf is the device number of the file system at dir, as mountinfo writes it.
func deviceOf(t *testing.T, dir string) string {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
}

// mountedIn names the threads of the program and its children whose mount namespace has a file
// system.
func mountedIn(app *testkit.Sersync, device string) (threads string) {
	for _, pid := range app.Processes() {
		tables, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/mountinfo", pid))
		for _, file := range tables {
			text, err := os.ReadFile(file)
			if err != nil {
				continue // the thread has ended meanwhile
			}
			for line := range strings.Lines(string(text)) {
				if f := strings.Fields(line); len(f) > 2 && f[2] == device {
					name, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "comm"))
					threads += fmt.Sprintf("%s (%s) ", file, strings.TrimSpace(string(name)))
				}
			}
		}
	}
	return threads
}

// braked waits until the status shows that deletions are held.
func (s *scene) braked() {
	s.t.Helper()
	var out string
	if !testkit.Poll(limit, func() bool {
		out, _ = s.ask("--status")
		return strings.Contains(out, "braked") || strings.Contains(out, "gone")
	}) {
		s.t.Errorf("the status does not show it:\n%s", out)
	}
}
