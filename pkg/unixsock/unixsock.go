// Package unixsock listens on, and connects to, Unix sockets whatever the
// length of their path. The kernel's address holds 107 bytes (unix(7)), and a
// state directory may lie deeper than that. A longer path is reached through a
// descriptor of what it names, in /proc/self/fd.
package unixsock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// maxAddress is what sockaddr_un holds beside the final NUL.
const maxAddress = 107

// maxName is how long the name of a socket to listen on may be: with a
// descriptor of nine digits it still fits behind /proc/self/fd/.
const maxName = maxAddress - len("/proc/self/fd/123456789/")

// errNoProc says why a long path cannot be used here.
var errNoProc = errors.New("its path is longer than 107 bytes, and /proc is not mounted")

// Listen listens on a socket made at path, which Close removes again.
func Listen(ctx context.Context, lc net.ListenConfig, path string) (net.Listener, error) {
	if len(path) <= maxAddress {
		return lc.Listen(ctx, "unix", path)
	}
	dir, name := filepath.Split(path)
	if len(name) > maxName {
		return nil, fmt.Errorf("listen on %s: the file name is longer than %d bytes", path, maxName)
	}
	fd, at, err := reach(dir, unix.O_DIRECTORY)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	l, err := lc.Listen(ctx, "unix", at+"/"+name)
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	return &listener{l, sync.OnceValue(func() error { return unix.Close(fd) })}, nil
}

// listener keeps the descriptor that its address names, for Close to remove the
// socket by it.
type listener struct {
	net.Listener
	closeDir func() error // once
}

// Close implements net.Listener.
func (l *listener) Close() error {
	return errors.Join(l.Listener.Close(), l.closeDir())
}

// Dial connects to the socket at path. Its errors are those of net.Dialer.
func Dial(ctx context.Context, d net.Dialer, path string) (net.Conn, error) {
	if len(path) <= maxAddress {
		return d.DialContext(ctx, "unix", path)
	}
	fd, at, err := reach(path, 0)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	conn, err := d.DialContext(ctx, "unix", at)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", path, err)
	}
	return conn, nil
}

// reach opens what stands at path, without any right to it, and returns a short
// path of it.
func reach(path string, flags int) (fd int, at string, err error) {
	fd, err = unix.Open(path, unix.O_PATH|unix.O_CLOEXEC|flags, 0)
	if err != nil {
		return -1, "", &os.PathError{Op: "open", Path: path, Err: err}
	}
	at = fmt.Sprintf("/proc/self/fd/%d", fd)
	if _, err := os.Lstat(at); err != nil {
		_ = unix.Close(fd)
		return -1, "", errNoProc
	}
	return fd, at, nil
}
