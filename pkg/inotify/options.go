package inotify

import (
	"errors"
	"strconv"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// Options configures a Watcher. The zero value watches everything below the
// root for structural events only.
type Options struct {
	// CloseWrite, Modify and Attrib ask for these events. Events that change
	// the tree's structure are always asked for: the watches depend on them.
	CloseWrite, Modify, Attrib bool

	// Skip tells which directories get no watch, and nothing below them
	// either. appeared is set for a directory that was made while the watcher
	// ran, and clear for one that was moved in or was there before. Called
	// from several goroutines at once, without locks held; it must be quick.
	Skip func(rel string, appeared bool) bool

	// Inventory tells whether the watcher has to remember which entries the directories have, so
	// that it can call fsevent.Handler.Vanished after an overflow: that costs some 20 bytes for
	// each entry. Once Inventory returns false everything is forgotten. nil: false. Called from
	// time to time, without locks held.
	Inventory func() bool

	// Workers bounds the goroutines of one walk; 0 means the processors, 2 to 4.
	Workers int
	// Retry is how often directories without a watch are tried again, and
	// reported as changed; 0 means one minute.
	Retry time.Duration

	// Logger may be nil.
	Logger *zap.Logger
	// Debug prints what 2.5.4 printed with its debug switch: each record of the
	// kernel, and each new watch. Names are among args, as strings. Called from
	// several goroutines at once; may be nil.
	Debug func(format string, args ...any)

	kernel *kernel // tests make calls fail; nil is the real one
}

// The lines of 2.5.4's debug output.
const (
	debugRecord = "inotify wd:%d\tname:%s\tmask:%d\n"
	debugWatch  = "add watch: %s return wd is: %d\n"
)

// structure is the part of every mask that the watch table needs. EXCL_UNLINK (Linux 2.6.36): no
// events from files which are open but have no name any more. DELETE_SELF is not needed below the
// root: the removal of a watched directory always ends in IN_IGNORED.
const structure = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO |
	unix.IN_ONLYDIR | unix.IN_EXCL_UNLINK

// rootOnly is added for the watch root.
const rootOnly = unix.IN_DELETE_SELF | unix.IN_MOVE_SELF

func (o *Options) mask() uint32 {
	m := uint32(structure)
	if o.CloseWrite {
		m |= unix.IN_CLOSE_WRITE
	}
	if o.Modify {
		m |= unix.IN_MODIFY
	}
	if o.Attrib {
		m |= unix.IN_ATTRIB
	}
	return m
}

// kernel holds the calls that can fail for reasons which tests must produce.
type kernel struct {
	init     func(flags int) (int, error)
	addWatch func(ifd int, path string, mask uint32) (int, error)
	proc     string // where procfs is mounted
}

func realKernel() *kernel {
	return &kernel{init: unix.InotifyInit1, addWatch: unix.InotifyAddWatch, proc: "/proc"}
}

// add watches the directory that fd stands for. Nobody can exchange a part of the name under /proc:
// the kernel goes straight to the open directory (proc(5), /proc/pid/fd). IN_DONT_FOLLOW would keep
// it from doing so. Where /proc is not mounted the path has to be used; if the directory is
// exchanged at that very moment, that is found by its own event.
func (k *kernel) add(ifd, fd int, mask uint32, path func() string) (int32, error) {
	wd, err := k.addWatch(ifd, k.proc+"/self/fd/"+strconv.Itoa(fd), mask)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EACCES) && unix.Access(k.proc+"/self/fd", unix.X_OK) != nil {
		wd, err = k.addWatch(ifd, path(), mask|unix.IN_DONT_FOLLOW)
	}
	return int32(wd), err
}

// addHere is add for the working directory of the calling thread, which is half the work for the
// kernel.
func (k *kernel) addHere(ifd int, mask uint32) (int32, error) {
	wd, err := k.addWatch(ifd, ".", mask)
	return int32(wd), err
}
