package fanotify

import (
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// Options configures a Watcher. The zero value watches everything below the
// root for structural events only.
type Options struct {
	// CloseWrite, Modify and Attrib ask for these events. Events that change
	// the tree's structure are always asked for.
	CloseWrite, Modify, Attrib bool

	// Skip tells below which directories nothing is reported. It must be quick; nil:
	// nothing is skipped.
	Skip func(rel string) bool

	// Retry is how often directories that cannot be watched are reported as changed; 0
	// means one minute.
	Retry time.Duration

	// Logger may be nil.
	Logger *zap.Logger
	// Debug prints each record of the kernel that is about the tree. Names are among
	// args, as strings. May be nil.
	Debug func(format string, args ...any)

	kernel *kernel // tests make calls fail; nil is the real one
}

// The lines of the debug output, after those of 2.5.4.
const (
	debugRecord = "fanotify name:%s\tmask:%d\n"
	debugMark   = "add mark: %s\n"
)

func (o *Options) mask() uint64 {
	m := uint64(unix.FAN_CREATE | unix.FAN_DELETE | unix.FAN_RENAME | unix.FAN_ONDIR)
	if o.CloseWrite {
		m |= unix.FAN_CLOSE_WRITE
	}
	if o.Modify {
		m |= unix.FAN_MODIFY
	}
	if o.Attrib {
		m |= unix.FAN_ATTRIB
	}
	return m
}

// kernel holds the calls that can fail for reasons which tests must produce.
type kernel struct {
	init func(flags, eventFlags uint) (int, error)
	mark func(fd int, flags uint, mask uint64, dirfd int, path string) error
	proc string // where procfs is mounted
}

func realKernel() *kernel {
	return &kernel{init: unix.FanotifyInit, mark: unix.FanotifyMark, proc: "/proc"}
}

// group holds the flags of an instance: records have the directory, the name, and the file itself,
// so that two files which follow each other under one name have two records. The queue and the
// number of marks have no limit.
const group = unix.FAN_CLASS_NOTIF | unix.FAN_CLOEXEC | unix.FAN_NONBLOCK | unix.FAN_REPORT_DFID_NAME_TARGET |
	unix.FAN_UNLIMITED_QUEUE | unix.FAN_UNLIMITED_MARKS
