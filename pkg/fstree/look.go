package fstree

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Root is an open watch root. It is safe for concurrent use.
type Root struct {
	dir      string
	fd       int
	dev, ino uint64
	openat2  func(dirfd int, path string, how *unix.OpenHow) (int, error)
}

// Open opens the directory, following a symlink at the watch path itself, as
// 2.5.4 does.
func Open(dir string) (*Root, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_ = unix.Close(fd)
		return nil, &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	return &Root{dir: dir, fd: fd, dev: st.Dev, ino: st.Ino, openat2: unix.Openat2}, nil
}

// Close releases the descriptor. An open root keeps its file system from being
// unmounted, so it is opened for one piece of work and closed after it.
func (r *Root) Close() { _ = unix.Close(r.fd) }

// WorkingDir names the directory that was opened, wherever it is now, for a child of this process
// to change to: it never leads to a directory that was mounted over the path or has taken its
// place. It is valid while the root is open.
func (r *Root) WorkingDir() string { return fmt.Sprintf("/proc/self/fd/%d", r.fd) }

// FD is the root's descriptor, opened with O_PATH; it stays the caller's only
// as long as the Root is open.
func (r *Root) FD() int { return r.fd }

// Dir is the path the root was opened by.
func (r *Root) Dir() string { return r.dir }

// Identity is the root's device and inode.
func (r *Root) Identity() (dev, ino uint64) { return r.dev, r.ino }

// Stands tells whether the path still leads to the directory that was opened.
func (r *Root) Stands() bool {
	var st unix.Stat_t
	return unix.Stat(r.dir, &st) == nil && st.Dev == r.dev && st.Ino == r.ino
}

// State is what a look found.
type State uint8

// The states of a path.
const (
	// Present: the path exists; Found.Stat describes it.
	Present State = iota + 1
	// Absent: ENOENT from our own lookup, the only evidence of absence there
	// is. Found.At is the topmost missing ancestor, or the path itself.
	Absent
	// Obstructed: a symlink or another non-directory is where the path needs a directory; Found.At
	// is its path.
	Obstructed
	// Unknown: the look failed with Found.Err (EACCES, EIO, ESTALE, ...).
	Unknown
)

// Found is the answer to one look.
type Found struct {
	State State
	At    string
	Stat  unix.Stat_t
	Err   error
}

// Dir tells whether a present path is a directory.
func (f Found) Dir() bool { return f.Stat.Mode&unix.S_IFMT == unix.S_IFDIR }

// Regular tells whether a present path is a regular file.
func (f Found) Regular() bool { return f.Stat.Mode&unix.S_IFMT == unix.S_IFREG }

// Symlink tells whether a present path is a symlink.
func (f Found) Symlink() bool { return f.Stat.Mode&unix.S_IFMT == unix.S_IFLNK }

// Looker looks at many paths, keeping the last parent directory open. It
// belongs to one goroutine; Close releases the parent.
type Looker struct {
	root   *Root
	parent string
	fd     int
	found  Found // of the parent, when it could not be opened
}

// Looker returns a looker of its own for one goroutine.
func (r *Root) Looker() *Looker { return &Looker{root: r, fd: r.fd} }

// Close releases what the looker holds.
func (l *Looker) Close() {
	if l.fd >= 0 && l.fd != l.root.fd {
		_ = unix.Close(l.fd)
	}
	l.fd, l.parent = l.root.fd, ""
}

// Look tells what is at path, relative to the root; "" is the root.
func (l *Looker) Look(path string) Found {
	if path == "" {
		var f Found
		f.State = Present
		if err := unix.Fstat(l.root.fd, &f.Stat); err != nil {
			return Found{State: Unknown, Err: err}
		}
		return f
	}
	parent, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		parent, name = path[:i], path[i+1:]
	}
	if parent != l.parent || l.fd < 0 {
		l.enter(parent)
	}
	if l.fd < 0 {
		return l.found
	}
	f := Found{State: Present}
	err := unix.Fstatat(l.fd, name, &f.Stat, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case err == nil:
		return f
	case errors.Is(err, unix.ENOENT):
		return l.missing(path)
	default:
		return Found{State: Unknown, Err: fmt.Errorf("stat %q: %w", path, err)}
	}
}

// missing confirms that the parent in which a name is missing is still at its path: a directory
// that was removed or moved while it was kept open is empty, or holds other names.
func (l *Looker) missing(path string) Found {
	parent := l.parent
	if parent == "" {
		return Found{State: Absent, At: path}
	}
	l.enter(parent)
	if l.fd < 0 {
		return l.found
	}
	var st unix.Stat_t
	err := unix.Fstatat(l.fd, path[len(parent)+1:], &st, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case err == nil:
		return Found{State: Present, Stat: st}
	case errors.Is(err, unix.ENOENT):
		return Found{State: Absent, At: path}
	default:
		return Found{State: Unknown, Err: fmt.Errorf("stat %q: %w", path, err)}
	}
}

// enter opens a parent directory, or keeps what is in its way.
func (l *Looker) enter(parent string) {
	l.Close()
	if parent == "" {
		return
	}
	l.parent, l.fd = parent, -1
	fd, err := l.root.OpenDir(parent)
	if err == nil {
		l.fd = fd
		return
	}
	l.found = l.root.obstacle(parent, err)
}

// OpenDir opens the directory at path with O_PATH; the caller closes it.
func (r *Root) OpenDir(path string) (int, error) {
	if path == "" {
		return unix.Dup(r.fd)
	}
	if len(path) < unix.PathMax {
		how := unix.OpenHow{
			Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
		}
		fd, err := r.openat2(r.fd, path, &how)
		// A seccomp profile that is older than the system call answers EPERM.
		if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
			return fd, err
		}
	}
	fd, _, err := r.descend(path)
	return fd, err
}

// OpenList opens the directory at path for a walk; the caller closes it.
func (r *Root) OpenList(path string) (int, error) {
	fd, err := r.OpenDir(path)
	if err != nil {
		return -1, err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// descend opens one component after the other; at is the component, as a
// path, at which it failed.
func (r *Root) descend(path string) (fd int, at string, err error) {
	fd = r.fd
	for end := 0; end < len(path); {
		start := end
		if i := strings.IndexByte(path[start:], '/'); i >= 0 {
			end = start + i
		} else {
			end = len(path)
		}
		next, err := unix.Openat(fd, path[start:end], unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if fd != r.fd {
			_ = unix.Close(fd)
		}
		if err != nil {
			return -1, path[:end], err
		}
		fd = next
		end++
	}
	return fd, "", nil
}

// obstacle finds out which component of a directory's path is missing, is no
// directory, or cannot be looked at.
func (r *Root) obstacle(path string, err error) Found {
	fd, at, again := r.descend(path)
	if again == nil { // the directory came back meanwhile: look again later
		_ = unix.Close(fd)
		return Found{State: Unknown, Err: fmt.Errorf("open %q: %w", path, err)}
	}
	switch {
	case errors.Is(again, unix.ENOENT):
		return Found{State: Absent, At: at}
	case errors.Is(again, unix.ENOTDIR), errors.Is(again, unix.ELOOP):
		return Found{State: Obstructed, At: at}
	default:
		return Found{State: Unknown, At: at, Err: fmt.Errorf("open %q: %w", at, again)}
	}
}
