package fanotify

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// RefusalError says why this package cannot watch a directory with everything below it, and what to
// do instead.
type RefusalError struct{ Cause, Remedy string }

func (r *RefusalError) Error() string { return r.Cause + "; " + r.Remedy }

// useInotify is the remedy that always works.
const useInotify = `write backend="inotify"`

// Check tells whether the tree at dir can be watched: a *RefusalError, another error when dir
// cannot be looked at, or nil.
func Check(dir string) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	defer unix.Close(fd)
	k := realKernel()
	group, err := k.group()
	if err != nil {
		return err
	}
	defer unix.Close(group)
	return k.watch(group, fd, unix.FAN_CREATE|unix.FAN_RENAME|unix.FAN_ONDIR)
}

// group makes an instance.
func (k *kernel) group() (int, error) {
	fd, err := k.init(group, unix.O_RDONLY|unix.O_CLOEXEC)
	switch {
	case err == nil:
		return fd, nil
	case errors.Is(err, unix.EPERM):
		return -1, &RefusalError{"fanotify needs CAP_SYS_ADMIN, which this process does not have", "run it as root (in a container: --cap-add SYS_ADMIN), or " + useInotify}
	case errors.Is(err, unix.EINVAL):
		return -1, &RefusalError{"this kernel's fanotify reports no renames: Linux 5.17 or newer is needed", useInotify}
	case errors.Is(err, unix.ENOSYS):
		return -1, &RefusalError{"this kernel has no fanotify", useInotify}
	case errors.Is(err, unix.EMFILE):
		return -1, &RefusalError{"too many fanotify groups or open files of this user", "as root: sysctl -w fs.fanotify.max_user_groups=1024, or raise ulimit -n"}
	}
	return -1, fmt.Errorf("fanotify_init: %w", err)
}

// blind are file systems of which the kernel does not report everything: changes by other hosts
// have no event, or events have the names of another file system.
var blind = map[int64]string{
	0x6969: "NFS", 0xFF534D42: "CIFS", 0xFE534D42: "SMB", 0x517B: "SMB", 0x65735546: "FUSE", 0x01021997: "9p",
	0x00C36400: "Ceph", 0x794C7630: "overlayfs", 0x5346414F: "AFS", 0x73757245: "Coda", 0x47504653: "GPFS", 0x0BD00BD0: "Lustre",
}

// watch marks the file system on which the directory fd is.
func (k *kernel) watch(group, fd int, mask uint64) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return fmt.Errorf("statfs: %w", err)
	}
	if name := blind[int64(uint32(st.Type))]; name != "" {
		return &RefusalError{"fanotify does not see everything on " + name, useInotify}
	}
	if st.Fsid.Val == [2]int32{} {
		return &RefusalError{"the file system has no id by which fanotify tells it from others", useInotify}
	}
	d, err := inodeOf(fd)
	if err != nil {
		return &RefusalError{fmt.Sprintf("the file system has no handles for directories (%v)", err), useInotify}
	}
	again, err := d.open(fd)
	if errors.Is(err, unix.EPERM) {
		return &RefusalError{"fanotify needs CAP_DAC_READ_SEARCH, which this process does not have", "run it as root (in a container: --cap-add DAC_READ_SEARCH), or " + useInotify}
	}
	if err != nil {
		return &RefusalError{fmt.Sprintf("the file system does not find a directory by its handle (%v)", err), useInotify}
	}
	defer unix.Close(again)
	if _, err := k.textOf(again); err != nil {
		return &RefusalError{fmt.Sprintf("%s cannot be read (%v), which tells where a directory is", k.proc, err), "mount it, or " + useInotify}
	}
	return markError(k.mark(group, unix.FAN_MARK_ADD|unix.FAN_MARK_FILESYSTEM, mask, fd, ""))
}

func markError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM):
		return &RefusalError{"fanotify needs CAP_SYS_ADMIN in the namespace in which the file system was mounted", useInotify}
	case errors.Is(err, unix.EXDEV):
		return &RefusalError{"the directory is in a subvolume of btrfs, which fanotify cannot tell from the others", useInotify}
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.EOPNOTSUPP):
		return &RefusalError{fmt.Sprintf("the file system does not work with fanotify (%v)", err), useInotify}
	case errors.Is(err, unix.EINVAL):
		return &RefusalError{"this kernel's fanotify reports no renames: Linux 5.17 or newer is needed", useInotify}
	}
	return fmt.Errorf("fanotify_mark: %w", err)
}
