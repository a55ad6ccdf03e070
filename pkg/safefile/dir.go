package safefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrUntrusted is wrapped by every refusal whose cause is who may write to a file or a directory,
// or what kind of file it is.
var ErrUntrusted = errors.New("not trusted")

// ErrTooLarge is wrapped by ReadTrusted when the file is longer than allowed.
var ErrTooLarge = errors.New("file too large")

// UntrustedError says which path was refused, why, and what to do.
type UntrustedError struct {
	Path   string
	Reason string // cause
	Remedy string // what the administrator can do
}

// Error is cause and remedy on one line.
func (e *UntrustedError) Error() string {
	return fmt.Sprintf("%q is not trusted: %s; %s", e.Path, e.Reason, e.Remedy)
}

// Unwrap makes errors.Is(err, ErrUntrusted) true.
func (e *UntrustedError) Unwrap() error { return ErrUntrusted }

// CheckDir tells whether files in the directory at path are safe from other
// users. It is trusted when
//
//   - it belongs to us or to root, and
//   - nobody else may write to it, or its sticky bit keeps others from
//     renaming and removing our files (/tmp), or
//   - only its group may write to it, and root owns it or the group is ours:
//     then somebody with the right to decide has let that group in
//     (Ubuntu's /var/log is root:syslog 0775).
//
// Any other directory gives an *UntrustedError; a missing one gives the
// system's error.
func CheckDir(path string) error {
	d, err := openDir(path)
	if err != nil {
		return err
	}
	return d.close()
}

// dir is an open directory that has passed CheckDir's rule.
type dir struct {
	fd   int
	path string // as given, for messages
}

func openDir(path string) (*dir, error) {
	if path == "" {
		path = "."
	}
	fd, err := openat(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open directory", Path: path, Err: err}
	}
	d := &dir{fd: fd, path: path}
	if err := d.check(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// splitPath opens the directory of path and returns the final component.
func splitPath(path string) (*dir, string, error) {
	parent, name := filepath.Split(path)
	if name == "" || name == "." || name == ".." {
		return nil, "", &os.PathError{Op: "open", Path: path, Err: unix.EISDIR}
	}
	d, err := openDir(parent)
	if err != nil {
		return nil, "", err
	}
	return d, name, nil
}

func (d *dir) check() error {
	var st unix.Stat_t
	if err := unix.Fstat(d.fd, &st); err != nil {
		return &os.PathError{Op: "stat", Path: d.path, Err: err}
	}
	if reason := dirReason(st, os.Geteuid(), os.Getegid()); reason != "" {
		return &UntrustedError{
			Path:   d.path,
			Reason: reason,
			Remedy: "use a directory that only its owner may write to (chown it, or chmod go-w)",
		}
	}
	return nil
}

// dirReason is CheckDir's rule; an empty reason means trusted.
func dirReason(st unix.Stat_t, uid, gid int) string {
	if st.Uid != 0 && int(st.Uid) != uid {
		return fmt.Sprintf("it belongs to user %d", st.Uid)
	}
	if st.Mode&unix.S_ISVTX != 0 {
		return ""
	}
	if st.Mode&unix.S_IWOTH != 0 {
		return "everybody may write to it and its sticky bit is not set"
	}
	if st.Mode&unix.S_IWGRP != 0 && st.Uid != 0 && int(st.Gid) != gid {
		return fmt.Sprintf("group %d may write to it", st.Gid)
	}
	return ""
}

func (d *dir) close() error { return unix.Close(d.fd) }

// openat is openat(2) with what every call here needs: no descriptor reaches
// a child process, and a signal does not fail the call.
func openat(at int, path string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(at, path, flags|unix.O_CLOEXEC, mode)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}
