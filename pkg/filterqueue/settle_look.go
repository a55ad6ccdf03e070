package filterqueue

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// found is what a look at a created file tells.
type found uint8

const (
	complete found = iota // no close will come: it is dirty
	wait                  // look again later
	absent                // nothing to do: whatever comes there has an event of its own
)

// fingerprint tells whether a file has changed between two looks.
type fingerprint struct {
	ok           bool
	size         int64
	mtime, ctime unix.Timespec
}

// sight is what a look at a created file has seen.
type sight struct {
	found found
	print fingerprint // where no lease is possible
	// stat describes the file when it has several names.
	stat    unix.Stat_t
	several bool
}

// look looks at a created file without following links. A file that cannot be looked at counts as
// complete: the run will report what is wrong with it.
func look(root int, path string, step int, before fingerprint) (s sight) {
	if root < 0 {
		return sight{found: complete}
	}
	dir, err := openParent(root, path)
	if err != nil {
		return sight{found: verdictOf(err)}
	}
	if dir != root {
		defer unix.Close(dir)
	}
	if err := retryEINTR(func() error {
		return unix.Fstatat(dir, baseName(path), &s.stat, unix.AT_SYMLINK_NOFOLLOW)
	}); err != nil {
		return sight{found: verdictOf(err)}
	}
	switch s.stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		return sight{found: absent} // replaced: an event of its own
	default:
		return sight{found: complete}
	}
	s.several = s.stat.Nlink > 1
	if step == 0 {
		s.found = wait
		return s
	}
	switch closed, known := closedForWriting(dir, baseName(path), &s.stat); {
	case !known:
		s.print = fingerprint{ok: true, size: s.stat.Size, mtime: s.stat.Mtim, ctime: s.stat.Ctim}
		if before != s.print {
			s.found = wait
		}
	case !closed:
		s.found = wait
	}
	return s
}

func verdictOf(err error) found {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return absent
	}
	return complete
}

// openParent opens the directory of path one component at a time, so that no
// symlink is followed. For a path in the root it returns root itself.
func openParent(root int, path string) (int, error) {
	dir := root
	for {
		i := strings.IndexByte(path, '/')
		if i < 0 {
			return dir, nil
		}
		var next int
		err := retryEINTR(func() (err error) {
			next, err = unix.Openat(dir, path[:i], unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
			return err
		})
		if dir != root {
			_ = unix.Close(dir)
		}
		if err != nil {
			return -1, err
		}
		dir, path = next, path[i+1:]
	}
}

// closedForWriting asks by a read lease whether somebody has the file open for writing: F_SETLEASE
// fails with EAGAIN then (fcntl(2)). known is false when the file cannot be opened or belongs to
// another user (CAP_LEASE), or its file system has no leases.
func closedForWriting(dir int, name string, want *unix.Stat_t) (closed, known bool) {
	var fd int
	err := retryEINTR(func() (err error) {
		fd, err = unix.Openat(dir, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return false, false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Ino != want.Ino || st.Dev != want.Dev {
		return false, true // another file by now
	}
	switch _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK); {
	case err == nil:
		// The lease is given back at once, for an open for writing has to wait for it.
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
		return true, true
	case errors.Is(err, unix.EAGAIN):
		return false, true
	}
	return false, false
}

// OnlyName tells whether the regular file at path below root is that of the
// given device and inode, has no other name, and is open for writing nowhere. It
// is false when that cannot be known.
func OnlyName(root int, path string, dev, ino uint64) bool {
	dir, err := openParent(root, path)
	if err != nil {
		return false
	}
	if dir != root {
		defer unix.Close(dir)
	}
	var st unix.Stat_t
	if unix.Fstatat(dir, baseName(path), &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Dev != dev || st.Ino != ino || st.Nlink != 1 {
		return false
	}
	closed, known := closedForWriting(dir, baseName(path), &st)
	return closed && known
}

func retryEINTR(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
