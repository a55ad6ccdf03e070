package child

import "golang.org/x/sys/unix"

const (
	// lowestNice is nice(1)'s 19.
	lowestNice = 19
	// From linux/ioprio.h: whose priority is set, and the class of those who get the
	// disk when nobody else wants it.
	ioprioWhoGroup  = 2
	ioprioClassIdle = 3 << 13
)

// makeGentle gives a process group the lowest priorities there are. What starts in it
// later inherits them. An error, as in a sandbox, leaves them as they are: a child
// that is not gentle does its work all the same.
func makeGentle(group int) {
	_ = unix.Setpriority(unix.PRIO_PGRP, group, lowestNice)
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, ioprioWhoGroup, uintptr(group), ioprioClassIdle)
}
