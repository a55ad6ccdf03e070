package safefile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// tempPrefix begins the names of temporary files. The leading dot keeps them
// out of event sync when somebody puts the file below a watch root.
const tempPrefix = ".sersync-"

// WriteAtomic replaces the file at path by data, or leaves the old one: after
// a crash or a power loss one of the two is there, whole. The file gets
// exactly mode, whatever the umask is. A symbolic link or anything else than a
// regular file at path is refused, as is a directory that fails CheckDir.
func WriteAtomic(path string, data []byte, mode os.FileMode) error {
	d, name, err := splitPath(path)
	if err != nil {
		return err
	}
	err = d.replace(name, path, data, mode)
	return errors.Join(err, d.close())
}

func (d *dir) replace(name, path string, data []byte, mode os.FileMode) error {
	if err := d.checkOld(name, path); err != nil {
		return err
	}
	temp := tempPrefix + rand.Text()
	if err := d.writeTemp(temp, path, data, mode); err != nil {
		return err
	}
	if err := unix.Renameat(d.fd, temp, d.fd, name); err != nil {
		return errors.Join(&os.PathError{Op: "rename", Path: path, Err: err}, d.remove(temp))
	}
	// Without this the rename itself may be lost with the power.
	if err := unix.Fsync(d.fd); err != nil && !errors.Is(err, unix.EINVAL) {
		return &os.PathError{Op: "fsync directory", Path: d.path, Err: err}
	}
	return nil
}

// checkOld refuses to replace what is not a regular file.
func (d *dir) checkOld(name, path string) error {
	var st unix.Stat_t
	err := unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return checkRegular(st, path)
}

func (d *dir) writeTemp(temp, path string, data []byte, mode os.FileMode) error {
	fd, err := openat(d.fd, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return &os.PathError{Op: "create", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err != nil {
		return errors.Join(err, d.remove(temp))
	}
	return nil
}

func (d *dir) remove(name string) error {
	if err := unix.Unlinkat(d.fd, name, 0); err != nil {
		return &os.PathError{Op: "remove", Path: d.path + "/" + name, Err: err}
	}
	return nil
}

// ReadTrusted returns the content of the regular file at path, provided that
// nobody but its owner may write to it, that the owner is root or ourselves,
// and that it has at most limit bytes (else ErrTooLarge). A symbolic link is
// refused. A missing file is fs.ErrNotExist.
func ReadTrusted(path string, limit int64) ([]byte, error) {
	fd, err := openat(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, openError(path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	data, err := readTrusted(f, path, limit)
	return data, errors.Join(err, f.Close())
}

func readTrusted(f *os.File, path string, limit int64) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if err := checkOwned(st, path); err != nil {
		return nil, err
	}
	data, err := readAtMost(f, path, limit)
	if err != nil {
		return nil, err
	}
	return data, nil
}

// readAtMost returns the first limit bytes, with ErrTooLarge when there are
// more.
func readAtMost(f *os.File, path string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return data[:limit], fmt.Errorf("read %q: %w: more than %d bytes", path, ErrTooLarge, limit)
	}
	return data, nil
}

// OpenAppend opens the file at path for appending and creates it with exactly
// mode if it is missing; an existing file keeps its mode. Links of either kind,
// files that others own or may write to, and directories that fail CheckDir
// are refused.
func OpenAppend(path string, mode os.FileMode) (*os.File, error) {
	return open(path, unix.O_WRONLY|unix.O_APPEND, mode)
}

// OpenUpdate is OpenAppend for reading and writing at any place.
func OpenUpdate(path string, mode os.FileMode) (*os.File, error) {
	return open(path, unix.O_RDWR, mode)
}

func open(path string, flags int, mode os.FileMode) (*os.File, error) {
	d, name, err := splitPath(path)
	if err != nil {
		return nil, err
	}
	f, err := d.openOwned(name, path, flags, mode)
	if err = errors.Join(err, d.close()); err != nil {
		return nil, err
	}
	return f, nil
}

func (d *dir) openOwned(name, path string, flags int, mode os.FileMode) (*os.File, error) {
	// A fifo at path must not block the open.
	flags |= unix.O_NOFOLLOW | unix.O_NONBLOCK
	fd, created, err := d.openOrCreate(name, flags, mode)
	if err != nil {
		return nil, openError(path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err != nil {
		err = &os.PathError{Op: "stat", Path: path, Err: err}
	} else if created {
		err = f.Chmod(mode)
	} else {
		err = checkOwned(st, path)
	}
	if err == nil && st.Nlink > 1 {
		err = &UntrustedError{Path: path, Reason: "it is a hard link to another name", Remedy: "remove it"}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// openOrCreate says whether the file is a new one. Two processes may create
// and remove the name under our hands, so both calls are tried in turn.
func (d *dir) openOrCreate(name string, flags int, mode os.FileMode) (fd int, created bool, err error) {
	for range 8 {
		fd, err = openat(d.fd, name, flags, 0)
		if !errors.Is(err, unix.ENOENT) {
			return fd, false, err
		}
		fd, err = openat(d.fd, name, flags|unix.O_CREAT|unix.O_EXCL, uint32(mode.Perm()))
		if !errors.Is(err, unix.EEXIST) {
			return fd, true, err
		}
	}
	return -1, false, err
}

func checkRegular(st unix.Stat_t, path string) error {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return nil
	case unix.S_IFLNK:
		return &UntrustedError{Path: path, Reason: "it is a symbolic link", Remedy: "remove it, or name the file that it points to"}
	case unix.S_IFDIR:
		return &UntrustedError{Path: path, Reason: "it is a directory", Remedy: "give the path of a file"}
	}
	return &UntrustedError{Path: path, Reason: "it is not a regular file", Remedy: "remove it"}
}

// checkOwner accepts a regular file that is root's or ours.
func checkOwner(st unix.Stat_t, path string) error {
	if err := checkRegular(st, path); err != nil {
		return err
	}
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return &UntrustedError{Path: path, Reason: fmt.Sprintf("it belongs to user %d", st.Uid), Remedy: "remove it, or chown it"}
	}
	return nil
}

// checkOwned is checkOwner for a file that nobody but its owner may write to.
func checkOwned(st unix.Stat_t, path string) error {
	if err := checkOwner(st, path); err != nil {
		return err
	}
	if st.Mode&(unix.S_IWGRP|unix.S_IWOTH) != 0 {
		return &UntrustedError{
			Path:   path,
			Reason: fmt.Sprintf("others may write to it (mode %04o)", st.Mode&0o7777),
			Remedy: "remove it, or chmod go-w",
		}
	}
	return nil
}

// openError names the symbolic link behind ELOOP, which O_NOFOLLOW gives.
func openError(path string, err error) error {
	// Some kinds fail to open before they can be looked at: a fifo without a
	// reader and a socket with ENXIO.
	for errno, kind := range map[error]uint32{unix.ELOOP: unix.S_IFLNK, unix.EISDIR: unix.S_IFDIR, unix.ENXIO: unix.S_IFIFO} {
		if errors.Is(err, errno) {
			return checkRegular(unix.Stat_t{Mode: kind}, path)
		}
	}
	return &os.PathError{Op: "open", Path: path, Err: err}
}

// Rename gives the file at path another name in the same directory, and takes
// the place of what has that name. Only a regular file that is root's or ours
// is renamed, in a directory that passes CheckDir.
func Rename(path, name string) error {
	return withOwned(path, func(d *dir, old string) error {
		if err := unix.Renameat(d.fd, old, d.fd, name); err != nil {
			return &os.PathError{Op: "rename", Path: path, Err: err}
		}
		return nil
	})
}

// Remove removes the file at path under the conditions of Rename. A missing
// file is fs.ErrNotExist.
func Remove(path string) error {
	return withOwned(path, (*dir).remove)
}

// withOwned calls do with the directory and the name of path, if what stands
// there is a regular file that is root's or ours.
func withOwned(path string, do func(d *dir, name string) error) error {
	d, name, err := splitPath(path)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err = unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		err = &os.PathError{Op: "stat", Path: path, Err: err}
	} else {
		err = checkOwner(st, path)
	}
	if err == nil {
		err = do(d, name)
	}
	return errors.Join(err, d.close())
}

// Same tells whether st, as lstat(2) gives it, describes the open file f.
func Same(f *os.File, st unix.Stat_t) bool {
	var own unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &own); err != nil {
		return false
	}
	return own.Dev == st.Dev && own.Ino == st.Ino
}
