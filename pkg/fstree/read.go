package fstree

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrChanged says that a path is no longer what a look has found there.
var ErrChanged = errors.New("changed meanwhile")

// Open opens the regular file at path, which a look of this looker has found, for reading. It
// follows no link, and does not wait if the path is something else by now, such as a fifo: the
// error is then ErrChanged. The caller closes the file.
func (l *Looker) Open(path string) (*os.File, error) {
	name, err := l.at(path)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Openat(l.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENXIO):
		return nil, fmt.Errorf("open %q: %w", path, ErrChanged)
	case err != nil:
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("stat %q: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("open %q: %w", path, ErrChanged)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// Readlink returns the target of the link at path. The error is ErrChanged if the path is no longer
// a link.
func (l *Looker) Readlink(path string) (string, error) {
	name, err := l.at(path)
	if err != nil {
		return "", err
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(l.fd, name, buf)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL):
		return "", fmt.Errorf("readlink %q: %w", path, ErrChanged)
	case err != nil:
		return "", fmt.Errorf("readlink %q: %w", path, err)
	}
	return string(buf[:n]), nil
}

// at opens the parent of a path, and returns the path's last component.
func (l *Looker) at(path string) (name string, err error) {
	parent, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		parent, name = path[:i], path[i+1:]
	}
	if parent != l.parent || l.fd < 0 {
		l.enter(parent)
	}
	if l.fd < 0 {
		if l.found.Err != nil {
			return "", l.found.Err
		}
		return "", fmt.Errorf("%q: %w", path, ErrChanged)
	}
	return name, nil
}
