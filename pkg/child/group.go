package child

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// Group is a started child, the leader of a process group of its own, so that a
// terminal's Ctrl-C reaches this program alone. Whoever has started it calls Reaped
// once, after its Wait.
type Group struct {
	pid    int
	thread *thread // that has started it and has to outlive it
}

// StartCmd starts a command from the launcher's thread: in a process group of its own, and ended by
// the kernel when this program dies. StartCmd sets cmd.SysProcAttr. ctx ends the wait for the
// thread, not the command.
func (l *Launcher) StartCmd(ctx context.Context, cmd *exec.Cmd) (*Group, error) {
	cmd.SysProcAttr = attributes(false)
	return l.start(ctx, startRequest{cmd: cmd, done: make(chan error, 1)})
}

// Ended blocks until the child has ended, and does not reap it: until it is reaped no other process
// group can get its number.
func (g *Group) Ended() {
	for {
		err := unix.Waitid(unix.P_PID, g.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// Kill sends a signal to all processes of the group, before Reaped.
func (g *Group) Kill(sig unix.Signal) { _ = unix.Kill(-g.pid, sig) }

// Reaped releases the thread.
func (g *Group) Reaped() { g.thread.children.Done() }

// attributes are those of every child. If this program crashes, no child must go on. A child that
// waits for its list on a pipe may see the end of the pipe a moment before the signal, so only runs
// whose list may be cut short without harm get it by Feed.
func attributes(enclosed bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if !enclosed {
		return a
	}
	a.Cloneflags = unix.CLONE_NEWPID
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 {
		// Without privileges a user namespace gives the right to make the pid namespace.
		a.Cloneflags |= unix.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
	}
	return a
}
