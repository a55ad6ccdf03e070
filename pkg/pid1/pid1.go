// Package pid1 is for a program that is started as the first process of a
// container. The kernel treats that one apart: it becomes the parent of every
// process whose parent has ended, and has to reap it; and a signal for which it
// has no handler does not reach it. So the program runs as a child of itself, and
// the first process does nothing but hand on signals and reap.
package pid1

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// marker is the environment variable that tells an execution that it is the child.
// Its value is the process name to take.
const marker = "SERSYNC_CHILD_OF_PID1"

// exitFailure is the status when the child cannot be started.
const exitFailure = 1

// Needed reports whether this process is the first of its pid namespace.
func Needed() bool { return os.Getpid() == 1 }

// Attach reports whether this process is the child that Run has executed. It must
// come before anything that starts a process, which would inherit the marker.
func Attach() bool {
	name, ok := os.LookupEnv(marker)
	if !ok {
		return false
	}
	_ = os.Unsetenv(marker) // a name without = and NUL: it cannot fail
	// The executed path was /proc/self/exe, and "exe" is what killall and pgrep
	// would see. Cosmetic, so an error does no harm.
	_ = os.WriteFile("/proc/self/comm", []byte(name), 0)
	return true
}

// Run executes argv as a child and returns the status with which the caller has to
// exit: the child's, or 128 plus the signal that has ended it. What else runs in
// the container then ends with the caller.
func Run(argv []string, stderr io.Writer) int {
	// Before the child: its end must not be missed. One that finds the channel
	// full is seen with the signals in it.
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	defer signal.Stop(signals)
	child, err := start(argv)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "sersync: as the first process of a container, start the program: %v\n", err)
		return exitFailure
	}
	for {
		if s, ok := (<-signals).(syscall.Signal); ok && forChild(s) {
			_ = unix.Kill(child, s) // it cannot be gone: it has not been reaped
		}
		if status, ended := reap(child); ended {
			return status
		}
	}
}

// forChild tells the signals that a person or an orchestrator sends from those
// that belong to this process: about its own children, its own pipes, its own
// threads.
func forChild(s syscall.Signal) bool {
	return s != unix.SIGCHLD && s != unix.SIGURG && s != unix.SIGPIPE
}

// start executes argv in a process group of its own: a Ctrl-C at a terminal must
// reach it once and not twice, for a second one ends the program at once.
func start(argv []string) (pid int, err error) {
	name, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		return 0, fmt.Errorf("process name: %w; mount /proc", err)
	}
	attr := &syscall.ProcAttr{
		Env:   append(os.Environ(), marker+"="+strings.TrimSuffix(string(name), "\n")),
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	}
	if _, err := unix.IoctlGetInt(0, unix.TIOCGPGRP); err == nil {
		attr.Sys.Foreground = true // of the terminal at descriptor 0
	}
	return syscall.ForkExec("/proc/self/exe", argv, attr) //nolint:gosec // the program itself, with its own arguments
}

// reap takes the status of every child that has ended, and tells whether the given
// one is among them.
func reap(child int) (status int, ended bool) {
	for {
		var s unix.WaitStatus
		pid, err := unix.Wait4(-1, &s, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil || pid == 0:
			return 0, false
		case pid != child:
		case s.Signaled():
			return 128 + int(s.Signal()), true
		default:
			return s.ExitStatus(), true
		}
	}
}
