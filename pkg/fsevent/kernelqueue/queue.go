// Package kernelqueue reads the queue of an inotify or a fanotify instance: it sleeps until there
// is something to do. While events come in a stream it lets them gather between two reads.
package kernelqueue

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Queue is a descriptor from which the kernel's events are read, and what wakes the
// goroutine that reads it. Nothing but Wake may be called from several goroutines.
type Queue struct {
	FD     int // -1 when there is none
	waking int // an eventfd, -1 when there is none
	stream stream
}

// None is a queue without a descriptor. pause is how long the events of a stream gather between two
// reads.
func None(pause time.Duration) Queue {
	return Queue{FD: -1, waking: -1, stream: stream{pause: pause}}
}

// Open takes over fd, which must be non-blocking.
func (q *Queue) Open(fd int) (err error) {
	q.FD = fd
	if q.waking, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		q.waking = -1
		return fmt.Errorf("eventfd: %w", err)
	}
	return nil
}

// Close closes the descriptors.
func (q *Queue) Close() {
	for _, fd := range []int{q.FD, q.waking} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// Wake ends the reader's Wait.
func (q *Queue) Wake() {
	one := [8]byte{1, 0, 0, 0, 0, 0, 0, 1}
	// EAGAIN: the counter is full, so the reader is awake already.
	_, _ = unix.Write(q.waking, one[:])
}

// Wait sleeps until there is something to do, at most timeout milliseconds, and
// tells whether what the descriptor mounts (of /proc/self/mountinfo, or -1) describes
// has changed. While events come in a stream it sleeps a fixed time, in which they
// gather.
func (q *Queue) Wait(mounts, timeout int) (changed bool, err error) {
	fds := []unix.PollFd{
		{Fd: int32(q.FD), Events: unix.POLLIN},
		{Fd: int32(q.waking), Events: unix.POLLIN},
		// proc(5): a change of the mounts is POLLPRI. A negative fd is ignored.
		{Fd: int32(mounts), Events: unix.POLLPRI},
	}
	if q.stream.on() {
		fds[0].Fd, timeout = -1, int(q.stream.pause/time.Millisecond)
	}
	if _, err := unix.Poll(fds, timeout); err != nil && err != unix.EINTR {
		return false, fmt.Errorf("poll: %w", err)
	}
	if fds[1].Revents != 0 {
		var count [8]byte
		_, _ = unix.Read(q.waking, count[:])
	}
	return fds[2].Revents != 0, nil
}

// Read reads what is queued into buf: 0 bytes when nothing is.
func (q *Queue) Read(buf []byte) (int, error) {
	for {
		n, err := unix.Read(q.FD, buf)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, nil
		default:
			return 0, fmt.Errorf("read events: %w", err)
		}
	}
}

// Turn notes a turn of the reader; some says that it has found events.
func (q *Queue) Turn(some bool, now time.Time) { q.stream.read(some, now) }
