package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// queueLimit is the kernel's bound for the events of a new inotify instance.
const queueLimit = "/proc/sys/fs/inotify/max_queued_events"

// StartShortQueue starts the program so that its kernel queue overflows after the given number of
// events. The program gets a mount namespace in which /proc/sys is read-only, so that it cannot
// raise the limit again. The limit of the machine is low only until the watches are set. It needs
// root.
func StartShortQueue(t testing.TB, events int, o Options) *Sersync {
	t.Helper()
	o.Binary = Confined(t, o.Binary)
	for try := 1; try <= 5; try++ {
		s, kept := startShort(t, events, o)
		if kept {
			s.Tries = try
			return s
		}
		s.end()
	}
	t.Skipf("%s is raised all the time by other programs", queueLimit)
	return nil
}

// startShort starts the program once and reports whether the limit stayed as it was set: another
// program that starts at this moment may raise it for itself.
func startShort(t testing.TB, events int, o Options) (s *Sersync, kept bool) {
	t.Helper()
	defer lowerLimit(t, queueLimit, events)()
	s = start(t, o)
	now, err := os.ReadFile(queueLimit)
	return s, err == nil && strings.TrimSpace(string(now)) == fmt.Sprint(events)
}

// Confined returns a program that runs binary (empty: that of Build) in a mount namespace where
// /proc/sys is read-only. Its process becomes that of binary, so that signals to its PID reach the
// binary.
func Confined(t testing.TB, binary string) string {
	t.Helper()
	return wrapped(t, binary, "unshare --mount --propagation slave",
		"mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys")
}

// WithFile returns a program that runs binary (empty: that of Build) in a mount namespace where
// file is mounted at the path at.
func WithFile(t testing.TB, binary, file, at string) string {
	t.Helper()
	return wrapped(t, binary, "unshare --mount --propagation slave", fmt.Sprintf("mount --bind \"%s\" \"%s\"", file, at))
}

// FewWatches returns a program that runs binary (empty: that of Build) in a user namespace that
// allows only so many inotify watches, even if the program raises the limit of the machine.
// MoreWatches raises the number while the program runs.
func FewWatches(t testing.TB, binary string, watches int) string {
	t.Helper()
	return wrapped(t, binary, "unshare --user --map-root-user",
		fmt.Sprintf("echo %d > /proc/sys/user/max_inotify_watches", watches))
}

// MoreWatches raises the limit of a program that FewWatches has made.
func (s *Sersync) MoreWatches(watches int) {
	s.t.Helper()
	out, err := exec.Command("nsenter", "--user", "--target", fmt.Sprint(s.PID()),
		"sh", "-c", fmt.Sprintf("echo %d > /proc/sys/user/max_inotify_watches", watches)).CombinedOutput()
	if err != nil {
		s.t.Fatalf("raise the limit of watches: %v\n%s", err, out)
	}
}

// NoInstances returns a program that runs binary (empty: that of Build) in a user namespace with no
// inotify instance left. With raisable the program finds the limit of that namespace in the place
// of the machine's, and may raise it. Otherwise it finds the machine's limit, and raising that does
// not help.
func NoInstances(t testing.TB, binary string, raisable bool) string {
	t.Helper()
	prepare := "echo 0 > /proc/sys/user/max_inotify_instances"
	if raisable {
		prepare += " && mount --bind /proc/sys/user/max_inotify_instances /proc/sys/fs/inotify/max_user_instances"
	}
	return wrapped(t, binary, "unshare --user --map-root-user --mount", prepare)
}

// wrapped writes a script that prepares a namespace and then becomes binary in it.
func wrapped(t testing.TB, binary, namespace, prepare string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: a namespace of its own")
	}
	if binary == "" {
		binary = Build(t)
	}
	file := filepath.Join(t.TempDir(), "sersync")
	text := fmt.Sprintf("#!/bin/sh\nexec %s sh -c '%s && exec \"$@\"' sh '%s' \"$@\"\n", namespace, prepare, binary)
	WriteProgram(t, file, text)
	return file
}

// lowerLimit sets a limit of the kernel until the returned function is called. Test processes that
// call it wait for each other.
func lowerLimit(t testing.TB, file string, value int) (restore func()) {
	t.Helper()
	unlock := lockLimits(t, syscall.LOCK_EX)
	old, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(file, fmt.Appendln(nil, value), 0o644))
	return func() {
		// If another program has raised the limit meanwhile, it stays raised.
		if now, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(now)) == fmt.Sprint(value) {
			must(t, os.WriteFile(file, old, 0o644))
		}
		unlock()
	}
}

// lockLimits locks the limits of the machine, also against the tests of other packages. A test that
// lowers a limit holds the lock alone (LOCK_EX); a test that starts a program under the ordinary
// limits shares it (LOCK_SH).
func lockLimits(t testing.TB, how int) (unlock func()) {
	t.Helper()
	name := filepath.Join(os.TempDir(), "sersync-test-kernel-limits.lock")
	lock, err := os.Open(name)
	if os.IsNotExist(err) {
		lock, err = os.OpenFile(name, os.O_CREATE|os.O_RDONLY, 0o644)
	}
	must(t, err)
	must(t, syscall.Flock(int(lock.Fd()), how))
	return func() { lock.Close() }
}

// SignalProcess sends sig to the process that was started. Use it instead of Signal where Binary is
// a wrapper that becomes the program.
func (s *Sersync) SignalProcess(sig syscall.Signal) {
	s.t.Helper()
	if s.Exited() {
		return
	}
	if err := syscall.Kill(s.PID(), sig); err != nil && err != syscall.ESRCH {
		s.t.Fatalf("kill -%d %d: %v", sig, s.PID(), err)
	}
}
