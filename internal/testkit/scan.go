package testkit

import (
	"errors"
	"fmt"
	"os"
	"path"
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Entry is one name below a scanned directory.
type Entry struct {
	Type   byte   // f file, d directory, l symbolic link, p fifo, s socket, c and b device
	Mode   uint32 // permission bits with setuid, setgid and sticky
	Size   int64  // of a file, in bytes
	Mtime  time.Time
	UID    uint32
	GID    uint32
	Rdev   uint64 // of a device
	Target string // of a symlink
	Inode  uint64 // the same Device and Inode mean one file
	Device uint64
	Links  uint64
	Xattrs map[string]string // only if they are requested
}

// fileTypes maps S_IFMT to Entry.Type.
var fileTypes = map[uint32]byte{
	unix.S_IFREG: 'f', unix.S_IFDIR: 'd', unix.S_IFLNK: 'l', unix.S_IFIFO: 'p',
	unix.S_IFSOCK: 's', unix.S_IFCHR: 'c', unix.S_IFBLK: 'b',
}

// Scan lists everything below dir, by its path relative to dir. It goes down by directory
// descriptors, so paths may be longer than PATH_MAX. Names that vanish during the walk are left
// out.
func Scan(dir string, xattrs bool) (map[string]Entry, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "scan", Path: dir, Err: err}
	}
	out := map[string]Entry{}
	s := scanner{out: out, xattrs: xattrs}
	if err := s.dir(fd, ""); err != nil {
		return nil, err
	}
	return out, nil
}

type scanner struct {
	out    map[string]Entry
	xattrs bool
}

// dir lists one directory and closes its descriptor.
func (s *scanner) dir(fd int, rel string) error {
	d := os.NewFile(uintptr(fd), rel)
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("list %q: %w", rel, err)
	}
	sort.Strings(names)
	for _, name := range names {
		if err := s.entry(fd, path.Join(rel, name), name); err != nil {
			return err
		}
	}
	return nil
}

func (s *scanner) entry(fd int, rel, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return ignoreGone(fmt.Errorf("stat %q: %w", rel, err))
	}
	e := Entry{
		Type: fileTypes[st.Mode&unix.S_IFMT], Mode: st.Mode & 0o7777,
		Mtime: time.Unix(st.Mtim.Unix()), UID: st.Uid, GID: st.Gid,
		Inode: st.Ino, Device: uint64(st.Dev), Links: uint64(st.Nlink),
	}
	switch e.Type {
	case 'f':
		e.Size = st.Size
	case 'c', 'b':
		e.Rdev = uint64(st.Rdev)
	case 'l':
		buf := make([]byte, 4096)
		n, err := unix.Readlinkat(fd, name, buf)
		if err != nil {
			return ignoreGone(fmt.Errorf("readlink %q: %w", rel, err))
		}
		e.Target = string(buf[:n])
	}
	if s.xattrs && (e.Type == 'f' || e.Type == 'd') {
		e.Xattrs = readXattrs(fmt.Sprintf("/proc/self/fd/%d/%s", fd, name))
	}
	s.out[rel] = e
	if e.Type != 'd' {
		return nil
	}
	sub, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return ignoreGone(fmt.Errorf("open %q: %w", rel, err))
	}
	return s.dir(sub, rel)
}

// ignoreGone returns nil for the error of a name that vanished, or changed its type, during the
// walk.
func ignoreGone(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return err
}

// readXattrs returns the attributes that rsync -X and -A carry: the user
// namespace and the ACLs.
func readXattrs(file string) map[string]string {
	buf := make([]byte, 64<<10)
	n, err := unix.Llistxattr(file, buf)
	if err != nil || n == 0 {
		return nil
	}
	out := map[string]string{}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00") {
		if !strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "system.posix_acl_") {
			continue
		}
		val := make([]byte, 64<<10)
		if m, err := unix.Lgetxattr(file, name, val); err == nil {
			out[name] = string(val[:m])
		}
	}
	return out
}
