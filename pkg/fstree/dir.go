package fstree

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// openFlags opens a directory and nothing else: a symlink in its place fails
// with ENOTDIR or ELOOP (open(2)).
const openFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// ErrMoved says that a directory was moved or replaced while its descriptor
// had been closed to stay within MaxOpen, so that part of it was not walked.
var ErrMoved = errors.New("directory moved during the walk")

// Dir is one directory of a walk. The callbacks get it open, and must not use it after they have
// returned.
type Dir struct {
	// Parent is nil for the directory where the walk started. Inside Enter
	// the parent's FD is open too.
	Parent *Dir
	// Name is the entry in Parent; for the start, the rel given to Walk.
	Name string
	// FD is the open descriptor.
	FD int
	// Stamp is what WalkOptions.Stamp returned before the directory was opened.
	Stamp uint64
	// Here says, in Enter, that the calling thread's working directory is this
	// one: see WalkOptions.Chdir.
	Here bool
	// Mark and Inherit are for the callbacks' own use; a child finds those of its parent through
	// Parent. Only Enter may write them.
	Mark    int64
	Inherit bool

	// Guarded by walker.mu.
	refs     int // children not yet opened, plus one while it is listed
	users    int // workers that need FD right now
	hold     hold
	dev, ino uint64 // identity, remembered when parked
}

// hold says whose the descriptor of a directory is.
type hold uint8

const (
	owned    hold = iota // the walk's, which closes it
	borrowed             // the caller's of Walk
	parked               // it is closed, and opened again when it is needed
)

// Rel returns the path relative to the tree, without leading slash.
func (d *Dir) Rel() string {
	if d.Parent == nil {
		return d.Name
	}
	n := 0
	for p := d; p != nil; p = p.Parent {
		n += len(p.Name) + 1
	}
	buf := make([]byte, n)
	end := n
	for p := d; p != nil; p = p.Parent {
		if p.Name == "" {
			continue
		}
		if end < n {
			end--
			buf[end] = '/'
		}
		end -= len(p.Name)
		copy(buf[end:], p.Name)
	}
	return string(buf[end:])
}

// RelOf returns the path of an entry of d.
func (d *Dir) RelOf(name string) string {
	rel := d.Rel()
	if rel == "" {
		return name
	}
	return rel + "/" + name
}

// OpenIn opens the directory name inside dirfd without following a link. The
// error is a bare errno.
func OpenIn(dirfd int, name string) (int, error) {
	for {
		fd, err := unix.Openat(dirfd, name, openFlags, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// Vanished tells whether err only says that a name is no longer a directory.
func Vanished(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}

// reopen opens a parked directory again, from the nearest ancestor that is
// open, and makes sure that it is still the same one.
func (w *walker) reopen(d *Dir) error {
	w.mu.Lock()
	var chain []*Dir
	p := d
	for p.hold == parked {
		chain = append(chain, p)
		p = p.Parent
	}
	if len(chain) == 0 { // another worker was faster
		w.mu.Unlock()
		return nil
	}
	p.users++
	w.mu.Unlock()

	fd, err := descend(p.FD, chain)
	w.release(p, false)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Dev != d.dev || st.Ino != d.ino {
		unix.Close(fd)
		return ErrMoved
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if d.hold != parked {
		unix.Close(fd)
		return nil
	}
	d.FD, d.hold = fd, owned
	w.open++
	return nil
}

// descend opens chain, which is ordered deepest first, from fd downwards.
func descend(from int, chain []*Dir) (int, error) {
	fd := from
	for _, d := range slices.Backward(chain) {
		next, err := OpenIn(fd, d.Name)
		if fd != from {
			unix.Close(fd)
		}
		if err != nil {
			return -1, fmt.Errorf("reopen: %w", ErrMoved)
		}
		fd = next
	}
	return fd, nil
}

// parkLocked closes descriptors of directories which nobody uses at the
// moment, those at the bottom of the stack first: they are needed last.
func (w *walker) parkLocked() {
	for i := 0; i < len(w.stack) && w.open > w.opt.MaxOpen; i++ {
		d := w.stack[i].parent
		if d.hold != owned || d.users > 0 {
			continue
		}
		var st unix.Stat_t
		if unix.Fstat(d.FD, &st) != nil {
			continue
		}
		d.dev, d.ino, d.hold = st.Dev, st.Ino, parked
		unix.Close(d.FD)
		d.FD = -1
		w.open--
	}
}
