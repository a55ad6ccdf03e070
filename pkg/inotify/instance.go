package inotify

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// instance is an inotify instance and what wakes the goroutine that reads it.
type instance struct {
	fd     int // of inotify_init1(2), -1 when there is none
	waking int // an eventfd, -1 when there is none
	stream stream
}

func (i *instance) close() {
	for _, fd := range []int{i.fd, i.waking} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// wake makes the reader take a turn.
func (i *instance) wake() {
	one := [8]byte{1, 0, 0, 0, 0, 0, 0, 1}
	// EAGAIN: the counter is full, so the reader is awake already.
	_, _ = unix.Write(i.waking, one[:])
}

// wait sleeps until there is something to do, at most timeout milliseconds, and
// tells whether what mounts describes has changed. While events come in a stream it
// sleeps a fixed time, in which they gather.
func (i *instance) wait(mounts, timeout int) (changed bool, err error) {
	fds := []unix.PollFd{
		{Fd: int32(i.fd), Events: unix.POLLIN},
		{Fd: int32(i.waking), Events: unix.POLLIN},
		// proc(5): a change of the mounts is POLLPRI. A negative fd is ignored.
		{Fd: int32(mounts), Events: unix.POLLPRI},
	}
	if i.stream.on() {
		fds[0].Fd, timeout = -1, streamPause
	}
	if _, err := unix.Poll(fds, timeout); err != nil && err != unix.EINTR {
		return false, fmt.Errorf("poll: %w", err)
	}
	if fds[1].Revents != 0 {
		var count [8]byte
		_, _ = unix.Read(i.waking, count[:])
	}
	return fds[2].Revents != 0, nil
}

// read reads what is queued into buf: 0 bytes when nothing is.
func (i *instance) read(buf []byte) (int, error) {
	for {
		n, err := unix.Read(i.fd, buf)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, nil
		default:
			return 0, fmt.Errorf("read inotify events: %w", err)
		}
	}
}

// unwatch removes a watch.
func (i *instance) unwatch(wd int32) {
	// EINVAL: the kernel was faster, its IN_IGNORED is in the queue.
	_, _ = unix.InotifyRmWatch(i.fd, uint32(wd))
}
