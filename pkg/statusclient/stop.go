package statusclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/unixsock"
)

// stopTime is how long Stop waits for the end of a program whose rsync processes
// finish what they have begun: as long as the systemd unit does.
const stopTime = 90 * time.Second

// errElsewhere is about a program of another pid namespace.
var errElsewhere = errors.New("its process cannot be seen from here; it runs in a container, stop it there")

// errStillRuns is about a program that was told to stop.
var errStillRuns = errors.New("it still waits for its rsync processes; a second --stop ends it at once")

// Stop ends the program as SIGTERM does, waits until it has ended, and writes
// one line. file is the configuration by which it was found. It returns the
// program's exit status.
func Stop(ctx context.Context, c *Client, file string, lang status.Lang, out, errOut io.Writer) int {
	pid, err := c.Process(ctx)
	if err == nil {
		err = end(ctx, pid, stopTime)
	}
	if err != nil {
		return complain(errOut, err)
	}
	text := [...]string{"process %d has stopped, %s\n", "进程 %d 已停止，%s\n"}
	_, _ = fmt.Fprintf(out, text[lang], pid, status.Printable(file))
	return 0
}

// Reload has the program read its configuration again and writes one line. The
// error of a configuration that cannot be used is written, and the old one stays.
func Reload(ctx context.Context, c *Client, file string, lang status.Lang, out, errOut io.Writer) int {
	pid, err := c.Process(ctx)
	if err == nil {
		err = c.Act(ctx, status.Reload, "")
	}
	if err != nil {
		return complain(errOut, err)
	}
	text := [...]string{"process %d has read the configuration again, %s\n", "进程 %d 已重新读取配置，%s\n"}
	_, _ = fmt.Fprintf(out, text[lang], pid, status.Printable(file))
	return 0
}

// Process is the process that listens at the socket.
func (c *Client) Process(ctx context.Context) (pid int, err error) {
	if err := c.checkOwner(); err != nil {
		return 0, err
	}
	conn, err := unixsock.Dial(ctx, net.Dialer{Timeout: answerTime}, c.socket)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return 0, fmt.Errorf("ask %s: %w", c.socket, ErrNotRunning)
	case err != nil:
		return 0, fmt.Errorf("ask %s: %w", c.socket, err)
	}
	defer conn.Close()
	u, ok := conn.(syscall.Conn)
	if !ok {
		return 0, fmt.Errorf("ask %s: %w", c.socket, errElsewhere)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("ask %s: %w", c.socket, err)
	}
	var peer *unix.Ucred
	if cerr := raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err == nil {
		err = cerr
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("ask %s: %w", c.socket, err)
	case peer.Pid <= 0:
		return 0, fmt.Errorf("ask %s: %w", c.socket, errElsewhere)
	}
	return int(peer.Pid), nil
}

// end sends SIGTERM and waits for the end of the process, at most for limit.
func end(ctx context.Context, pid int, limit time.Duration) error {
	// A descriptor of the process means no other one, even when its number is
	// used again.
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stop process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("stop process %d: %w; ask as root or as the user that sersync runs as", pid, err)
	}
	for deadline := time.Now().Add(limit); ctx.Err() == nil && time.Now().Before(deadline); {
		// Ready to read means ended. The wait is cut into pieces for the sake of ctx.
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(poll/time.Millisecond))
		switch {
		case n > 0:
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("wait for the end of process %d: %w", pid, err)
		}
	}
	return fmt.Errorf("process %d has been told to stop: %w", pid, errStillRuns)
}
