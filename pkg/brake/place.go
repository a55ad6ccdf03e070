package brake

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fstree"
)

func bootID() (string, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("boot id: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// openPath opens a place without reading it, so that its identity can be told
// even where its content cannot be read, and without mounting anything.
func openPath(at int, path string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(at, path, flags|unix.O_PATH|unix.O_CLOEXEC, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// closeFD closes a descriptor through which nothing was written.
func closeFD(fd int) { _ = unix.Close(fd) }

// born is when the place behind a descriptor was created, 0 if that is not known.
func born(fd int) int64 {
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_NO_AUTOMOUNT, unix.STATX_BTIME, &st); err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return 0
	}
	return st.Btime.Sec*int64(time.Second) + int64(st.Btime.Nsec)
}

// realPath is the path of an open directory as mountinfo writes it.
func realPath(fd int) (string, error) {
	return os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
}

// takePlace examines the place behind an O_PATH descriptor.
func takePlace(fd int, entry fstree.Mount, boot string) Place {
	p := Place{Boot: boot, Type: entry.FSType}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		p.Problem = problem(err)
		return p
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		p.Problem = problem(err)
		return p
	}
	p.Dev, p.Ino = uint64(st.Dev), st.Ino
	p.Born = born(fd)
	p.FSID = fmt.Sprintf("%08x%08x", uint32(fs.Fsid.Val[0]), uint32(fs.Fsid.Val[1]))
	switch kindOf(entry.FSType) {
	case sourced, layered, vague:
		p.Source = RawPath(entry.Identifier())
	case plain, hashed, volatile: // their sources are device names, which change
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		p.Entries = 1
		return p
	}
	f, err := openToRead(fd)
	if err != nil {
		p.Problem = problem(err)
		return p
	}
	defer func() { _ = f.Close() }()
	p.UUID = fsUUID(f, p.Dev)
	if p.Entries, err = countEntries(f); err != nil {
		p.Problem = problem(err)
	}
	return p
}

func openToRead(fd int) (*os.File, error) {
	read, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(read), "directory"), nil
}

// countEntries counts up to maxEntries names. mkfs puts lost+found into every
// new ext file system, so it is no sign of content.
func countEntries(f *os.File) (int, error) {
	n := 0
	for n < maxEntries {
		names, err := f.Readdirnames(128)
		for _, name := range names {
			if name != "lost+found" {
				n++
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return n, err
		}
	}
	return min(n, maxEntries), nil
}

// fsUUIDRequest is FS_IOC_GETFSUUID, _IOR(0x15, 0, struct fsuuid2), of Linux
// 6.9; x/sys does not have it. MIPS, PowerPC, SPARC and Alpha number it
// differently and fall back to the links of udev.
const fsUUIDRequest = 0x80111500

// fsUUID asks the kernel for the file system's UUID, then udev's links, which
// older kernels need; empty if neither knows. All zeros is no UUID.
func fsUUID(f *os.File, dev uint64) string {
	var buf [17]byte // struct fsuuid2: length, then bytes
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), fsUUIDRequest, uintptr(unsafe.Pointer(&buf)))
	if errno == 0 && buf[0] == 16 && [16]byte(buf[1:]) != [16]byte{} {
		h := hex.EncodeToString(buf[1:])
		return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
	}
	return linkedUUID("/dev/disk/by-uuid", dev)
}

// linkedUUID finds the device dev among the links that udev keeps.
func linkedUUID(dir string, dev uint64) string {
	links, err := os.ReadDir(dir)
	if err != nil {
		return "" // no udev, as in a container
	}
	for _, link := range links {
		var st unix.Stat_t
		err := unix.Stat(dir+"/"+link.Name(), &st)
		if err == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK && uint64(st.Rdev) == dev {
			return link.Name()
		}
	}
	return ""
}
