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
	"time"

	"golang.org/x/sys/unix"
)

// maxAddress is what sockaddr_un holds beside the final NUL.
const maxAddress = 107

// maxName is how long the name of a socket to listen on may be: with a
// descriptor of nine digits it still fits behind /proc/self/fd/.
const maxName = maxAddress - len("/proc/self/fd/123456789/")

// errNoProc says why a long path cannot be used here.
var errNoProc = errors.New("its path is longer than 107 bytes, and /proc is not mounted")

// removeTime is how long Close waits for the file system of the socket.
const removeTime = time.Second

// Listen listens on a socket made at path, which Close removes again. Close waits at most
// a second for the file system that holds the socket: one that does not answer must not
// keep a program from ending.
func Listen(ctx context.Context, lc net.ListenConfig, path string) (net.Listener, error) {
	at, closeDir := path, func() error { return nil }
	if len(path) > maxAddress {
		dir, name := filepath.Split(path)
		if len(name) > maxName {
			return nil, fmt.Errorf("listen on %s: the file name is longer than %d bytes", path, maxName)
		}
		fd, short, err := reach(dir, unix.O_DIRECTORY)
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", path, err)
		}
		at, closeDir = short+"/"+name, func() error { return unix.Close(fd) }
	}
	l, err := lc.Listen(ctx, "unix", at)
	if err != nil {
		_ = closeDir()
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	unlink := func() error { return unix.Unlink(at) }
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	return &listener{Listener: l, remove: sync.OnceValue(func() error { return within(removeTime, unlink, closeDir) })}, nil
}

// listener removes its socket before it stops to listen, so that it never removes one
// that another has made since.
type listener struct {
	net.Listener
	remove func() error // once
}

// Close implements net.Listener.
func (l *listener) Close() error {
	return errors.Join(l.remove(), l.Listener.Close())
}

// within unlinks the socket, and then closes its directory. It returns after d at the latest; a
// call that hangs in the kernel goes on by itself.
func within(d time.Duration, unlink, closeDir func() error) error {
	done := make(chan error, 1)
	go func() {
		err := unlink()
		if errors.Is(err, unix.ENOENT) {
			err = nil // somebody else has removed it
		}
		done <- errors.Join(err, closeDir())
	}()
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return errors.New("the socket is not removed: its file system does not answer")
	}
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

// reach opens path with O_PATH, which needs no permission for the file, and returns a short path
// that leads to it.
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
