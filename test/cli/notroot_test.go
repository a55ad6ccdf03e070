package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// other is the uid of an ordinary user.
const other = 65534

// asOther is a program that becomes sersync as that user. On this host the user would have to raise
// limits and may not.
func (s *scene) asOther() string {
	s.t.Helper()
	if os.Getuid() != 0 {
		s.t.Skip("needs root: becomes another user")
	}
	program := s.path("as-other")
	text := fmt.Sprintf("#!/bin/sh\nexec setpriv --reuid=%d --regid=%d --clear-groups '%s' \"$@\"\n", other, other, testkit.Build(s.t))
	s.must(os.WriteFile(program, []byte(text), 0o755))
	testkit.OpenToAll(s.t, filepath.Dir(testkit.Build(s.t)))
	limits := s.path("max_queued_events")
	s.must(os.WriteFile(limits, []byte("16384\n"), 0o644))
	return testkit.WithFile(s.t, program, limits, "/proc/sys/fs/inotify/max_queued_events")
}

// TestNotRoot: when an ordinary user runs sersync, it syncs what the user may read. It says which
// limits it could not raise and what it may not read, each with the remedy, and changes no limit;
// in the foreground and as a daemon.
func TestNotRoot(t *testing.T) {
	for _, args := range [][]string{{"-r"}, {"-r", "-d"}} {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			s := newScene(t)
			program := s.asOther()
			s.write(s.path("src/public/f"), "text")
			s.write(s.path("src/private"), "secret")
			s.must(os.Chmod(s.path("src/private"), 0o600))
			s.write(s.path("src/closed/f"), "secret")
			s.must(os.Chmod(s.path("src/closed"), 0o700))
			s.must(os.Chmod(s.src, 0o777))
			s.must(os.Chown(s.set.Dir, other, other))
			s.configure()
			s.must(os.Chown(s.file(), other, other))
			app := testkit.Start(t, testkit.Options{
				Binary: program, Dir: s.set.Dir, File: s.file(), Args: append([]string{"-o", s.file()}, args...),
			})
			if want := "sersync: cannot raise /proc/sys/fs/inotify/max_queued_events to 327679: permission denied; as root: sysctl -w fs.inotify.max_queued_events=327679\n"; !strings.Contains(app.Stderr(), want) {
				t.Errorf("it does not say %q:\n%s", want, app.Stderr())
			}
			if got := s.text(s.path("max_queued_events")); got != "16384\n" {
				t.Errorf("the limit is %q", got)
			}
			theirs := testkit.Compare{Excluded: func(p string, _ bool) bool { return p == "private" || p == "closed" || strings.HasPrefix(p, "closed/") }}
			s.equal(theirs)
			s.write(s.path("src/public/g"), "text")
			s.write(s.path("src/new/deep/f"), "text")
			s.must(os.Remove(s.path("src/public/f")))
			s.equal(theirs)
			for _, name := range []string{"private", "closed/f"} {
				if s.text(filepath.Join(s.dst, name)) != "-" {
					t.Errorf("%s is on the target", name)
				}
			}
			for _, want := range []string{"path=private", "path=closed"} {
				s.logs(want)
			}
			out, code := s.ask("--status")
			if code == 0 || code == 3 || !strings.Contains(out, "private") {
				t.Errorf("the status does not show what cannot be read: exit %d\n%s", code, out)
			}
			// Once the user may read them, they arrive without further changes.
			s.must(os.Chmod(s.path("src/private"), 0o644))
			s.must(os.Chmod(s.path("src/closed"), 0o755))
			s.equal(testkit.Compare{})
			s.end(app)
		})
	}
}

// end stops a program that a wrapper has become, whether it is a daemon or not.
func (s *scene) end(app *testkit.Sersync) {
	s.t.Helper()
	for _, pid := range app.Processes() {
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil && exe == testkit.Build(s.t) {
			s.must(syscall.Kill(pid, syscall.SIGTERM))
		}
	}
	s.gone(app)
}
