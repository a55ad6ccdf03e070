package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ackPoll is how often the send queue is looked at.
const ackPoll = time.Millisecond

// errUnacknowledged means that bytes have left and nobody has confirmed them.
var errUnacknowledged = errors.New("receiver's host has not acknowledged what was sent")

// acknowledged waits until the peer's kernel has every byte that was sent on
// conn (tcp(7), SIOCOUTQ; on a Unix socket: until the peer has read it). It
// looks at least once.
func acknowledged(ctx context.Context, conn net.Conn, patience time.Duration) error {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return fmt.Errorf("connection %T has no descriptor", conn)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	left, err := unsent(raw)
	if err != nil || left == 0 {
		return err
	}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(ackPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-deadline.C:
			return errUnacknowledged
		case <-tick.C:
		}
		left, err := unsent(raw)
		if err != nil || left == 0 {
			return err
		}
	}
}

// unsent is the number of bytes in the send queue. A connection that has
// failed gives its error.
func unsent(raw syscall.RawConn) (int, error) {
	var left, soerr int
	var err error
	if cerr := raw.Control(func(fd uintptr) {
		left, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		if err == nil {
			soerr, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		}
	}); cerr != nil {
		return 0, cerr
	}
	if err == nil && soerr != 0 {
		err = syscall.Errno(soerr)
	}
	return left, err
}

// ended reports whether the peer has closed or reset the connection.
func ended(conn net.Conn) bool {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	var events int16
	if cerr := raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		for {
			_, err = unix.Poll(fds, 0)
			if !errors.Is(err, unix.EINTR) {
				break
			}
		}
		events = fds[0].Revents
	}); cerr != nil || err != nil {
		return true
	}
	return events&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
}
