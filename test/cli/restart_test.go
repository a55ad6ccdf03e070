package cli

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// daemonPID is the process that the pid file names.
func (s *scene) daemonPID(pidFile string) int {
	s.t.Helper()
	text, err := os.ReadFile(pidFile)
	s.must(err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	s.must(err)
	return pid
}

// TestStartRightAfterKill: the scripts of 2.5.4's users kill the program and start it again at
// once. The start waits for the old program, which still waits for an rsync, and says so.
func TestStartRightAfterKill(t *testing.T) {
	s := newScene(t)
	s.set.Params = "-artu --bwlimit=50"
	pidFile := filepath.Join(s.set.Dir, "sersync.pid")
	args := []string{"-d", "-o", s.file(), "--pid-file", pidFile}
	first := s.start(args[0], "--pid-file", pidFile)
	if code := first.Wait(limit); code != 0 {
		t.Fatalf("exit status %d\n%s", code, first.Stderr())
	}
	s.write(filepath.Join(s.src, "big"), strings.Repeat("0123456789abcdef", 1<<18)) // sending it takes 80 s
	testkit.Eventually(t, limit, "it is being sent", func() bool {
		found, _ := filepath.Glob(filepath.Join(s.dst, ".big.*"))
		more, _ := filepath.Glob(filepath.Join(s.dst, ".sersync-partial", "*"))
		return len(found)+len(more) > 0
	})
	before := s.daemonPID(pidFile)
	s.configure("--bwlimit=50", "")
	s.must(syscall.Kill(before, syscall.SIGTERM))
	next := testkit.Start(t, testkit.Options{Dir: s.set.Dir, File: s.file(), Args: args, NoWait: true})
	if code := next.Wait(2 * limit); code != 0 {
		t.Fatalf("exit status %d\n%s%s", code, next.Stdout(), next.Stderr())
	}
	if want := "sersync (pid " + strconv.Itoa(before) + ") is ending, waiting for it"; !strings.Contains(next.Stdout(), want) {
		t.Errorf("standard output does not say %q:\n%s", want, next.Stdout())
	}
	s.gone(first)
	s.equal(testkit.Compare{})
	if again := s.daemonPID(pidFile); again == before {
		t.Errorf("the pid file still names process %d", before)
	}
	next.Signal(syscall.SIGTERM)
	s.gone(next)
}
