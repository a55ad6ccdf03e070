package rsync

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes are those of every child. A crashed parent must not leave one
// behind. A child that waits for its list may see its end a moment before the
// signal: only runs whose list may be cut short without harm wait for Feed.
func attributes(enclosed bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if !enclosed {
		return a
	}
	a.Cloneflags = unix.CLONE_NEWPID
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 {
		// Without privileges a user namespace gives the right to the other one.
		a.Cloneflags |= unix.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
	}
	return a
}
