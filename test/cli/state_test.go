package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
)

// saysOnce checks that the log names the trouble once, with the element of the configuration that
// can repair it.
func (s *scene) saysOnce(trouble, element string) {
	s.t.Helper()
	s.logs(trouble)
	if n := strings.Count(s.logged(), trouble); n != 1 {
		s.t.Errorf("the log says %d times %q", n, trouble)
	}
	for line := range strings.Lines(s.logged()) {
		if strings.Contains(line, trouble) && !strings.Contains(line, element) {
			s.t.Errorf("the line does not name %s: %s", element, line)
		}
	}
}

// TestNoHome: the program syncs also for a user without a home and without any directory to write
// to.
func TestNoHome(t *testing.T) {
	for _, tt := range []struct{ name, temp, says string }{
		{"a temporary place", "", "state is kept in a temporary place"},
		{"no place at all", "/nonexistent", "no state is kept"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			program := s.asOther()
			if tt.temp == "" {
				tt.temp = s.dir("temp")
				s.must(os.Chown(tt.temp, other, other))
			}
			s.must(os.Chmod(s.src, 0o777))
			s.must(os.Chown(s.set.Dir, other, other))
			s.configure(`<state dir="`+s.set.State()+`"/>`, "")
			s.must(os.Chown(s.file(), other, other))
			s.write(filepath.Join(s.src, "f"), "text")
			app := testkit.Start(t, testkit.Options{
				Binary: program, Dir: s.set.Dir, File: s.file(), Args: []string{"-r", "-o", s.file()},
				Env: []string{"HOME=/nonexistent", "XDG_STATE_HOME=", "XDG_RUNTIME_DIR=", "TMPDIR=" + tt.temp},
			})
			s.equal(testkit.Compare{})
			s.write(filepath.Join(s.src, "g"), "text")
			s.must(os.Remove(filepath.Join(s.src, "f")))
			s.equal(testkit.Compare{})
			s.saysOnce(tt.says, "<state dir")
			s.end(app)
		})
	}
}

// leaveNothing removes, at the end of the test, what the test has left in root's temporary
// directory for state. The whole machine has one such directory, and others may use it.
func (s *scene) leaveNothing(dir string) {
	list := func() []string {
		names, err := filepath.Glob(dir + "/*")
		s.must(err)
		return names
	}
	before := list()
	s.t.Cleanup(func() {
		for _, name := range list() {
			if !slices.Contains(before, name) {
				s.must(os.Remove(name))
			}
		}
		_ = os.Remove(dir) // fails if others use it
	})
}

// TestStateOnAFullDisk: with a full disk, and with a read-only one, changes arrive, the status
// shows what cannot be saved and why, and the program stops as usual.
func TestStateOnAFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: mounts a file system")
	}
	for _, tt := range []struct {
		name  string
		flags uintptr
		says  string
	}{
		{"full", 0, "state not saved"},
		{"read-only", unix.MS_RDONLY, "state is kept in a temporary place"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			s.leaveNothing("/run/sersync")
			state := s.set.State()
			s.must(os.MkdirAll(state, 0o700))
			s.must(unix.Mount("tmpfs", state, "tmpfs", tt.flags, "size=4k,mode=700"))
			t.Cleanup(func() { _ = unix.Unmount(state, unix.MNT_DETACH) })
			if tt.flags == 0 {
				s.must(os.WriteFile(filepath.Join(state, "full"), make([]byte, 4096), 0o600))
			}
			s.write(filepath.Join(s.src, "f"), "text")
			app := s.start("-r")
			s.equal(testkit.Compare{})
			s.write(filepath.Join(s.src, "g"), "text")
			s.equal(testkit.Compare{})
			s.saysOnce(tt.says, "<state dir")
			s.inSync()
			if out, code := s.ask("--status"); code != 0 || !strings.Contains(out, tt.says) {
				t.Errorf("exit status %d\n%s", code, out)
			}
			s.stop(app)
		})
	}
}
