package safefile

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// ReadInput reads a file that the administrator names and that may belong to
// anybody: a pattern file, a certificate. Symbolic links are followed, as a
// mounted secret of Kubernetes needs it. A fifo, a device or a socket is
// refused, and cannot make the caller wait. Of a file of more than limit bytes
// the first limit bytes come back with ErrTooLarge. The FileInfo is that of the
// open file, for rules of the caller's own.
func ReadInput(path string, limit int64) ([]byte, os.FileInfo, error) {
	fd, err := openat(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, openError(path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close() //nolint:errcheck // read only
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &UntrustedError{Path: path, Reason: "it is not a regular file", Remedy: "name a file"}
	}
	data, err := readAtMost(f, path, limit)
	return data, info, err
}

// ReadSecret is ReadInput for a file whose content only its owner may know: it
// has to belong to root or to us, with no right for anybody else; one of root's may
// also be readable for a group of ours, as a mounted secret of Kubernetes is with
// fsGroup. More than limit bytes give no content.
func ReadSecret(path string, limit int64) ([]byte, os.FileInfo, error) {
	data, info, err := ReadInput(path, limit)
	if err != nil && !errors.Is(err, ErrTooLarge) {
		return nil, nil, err
	}
	if refused := CheckSecret(path, info); refused != nil {
		return nil, nil, refused
	}
	if err != nil {
		return nil, nil, err
	}
	return data, info, nil
}

// CheckSecret is the rule of ReadSecret for a file that has been looked at.
func CheckSecret(path string, info os.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok || !info.Mode().IsRegular():
		return &UntrustedError{Path: path, Reason: "it is not a regular file", Remedy: "name a file"}
	case info.Mode().Perm()&0o077 != 0 && !letIn(info.Mode().Perm(), st, ownGroups()):
		return &UntrustedError{
			Path:   path,
			Reason: fmt.Sprintf("it is open to other users (mode %04o)", info.Mode().Perm()),
			Remedy: "chmod 600 it",
		}
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return &UntrustedError{
			Path:   path,
			Reason: fmt.Sprintf("it belongs to user %d, who knows the secret", st.Uid),
			Remedy: "chown it to root or to the user of sersync",
		}
	}
	return nil
}

// letIn tells whether root has let a group of ours read the file, and nobody else.
// The group of root itself is none of those: 0640 is there what an editor left.
func letIn(mode os.FileMode, owner *syscall.Stat_t, groups []int) bool {
	return mode&0o037 == 0 && owner.Uid == 0 && owner.Gid != 0 && slices.Contains(groups, int(owner.Gid))
}

// ownGroups are the groups of this process.
func ownGroups() []int {
	groups, err := os.Getgroups()
	if err != nil {
		groups = nil // then the effective one counts alone
	}
	return append(groups, os.Getegid())
}
