// Package confine makes symlinks inside a watch root impossible to follow for
// the children of one thread.
//
// A path is looked up here without following links, and then its name is given to rsync, which
// looks it up again by name. In between, anybody who may write to the tree can put a symlink in the
// place of a directory, and rsync, running as root, would send the files that the link leads to.
// The kernel can close that gap: in a mount namespace of its own the thread binds the watch root
// onto itself with MOUNT_ATTR_NOSYMFOLLOW (mount_setattr(2), Linux 5.12; mount(2) with
// MS_NOSYMFOLLOW, Linux 5.10). Links can still be read, so that rsync sends them as links.
package confine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrUnfit says that a tree cannot be confined because programs need links in
// it: the resolver reads /etc/resolv.conf through one.
var ErrUnfit = errors.New("the watch root holds files that programs reach through links")

// ErrMainThread says that the calling thread is the first of the process: with
// it /proc/self/mountinfo, and whoever reads it, would move to the namespace.
var ErrMainThread = errors.New("the main thread cannot be confined")

// Thread confines the calling thread and every child it starts from now on;
// root is an absolute path without links. The caller must have locked the
// goroutine to its thread and must never unlock it. Needs CAP_SYS_ADMIN.
//
// The namespace follows what is mounted and unmounted outside (a slave mount,
// mount_namespaces(7)). After an error the thread may be in a namespace of its
// own, in which nothing is confined; its children still work.
func Thread(root string, needed []string) error {
	for _, path := range append(essential(), needed...) {
		if within(path, root) {
			return fmt.Errorf("confine %s: %w: %s", root, ErrUnfit, path)
		}
	}
	if unix.Gettid() == unix.Getpid() {
		return fmt.Errorf("confine %s: %w", root, ErrMainThread)
	}
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		return fmt.Errorf("confine %s: new mount namespace: %w", root, err)
	}
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("confine %s: follow the mounts outside: %w", root, err)
	}
	if err := unix.Mount(root, root, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("confine %s: bind: %w", root, err)
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSYMFOLLOW}
	err := unix.MountSetattr(unix.AT_FDCWD, root, unix.AT_RECURSIVE, &attr)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
		err = unix.Mount("", root, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_NOSYMFOLLOW, "")
	}
	if err != nil {
		_ = unix.Unmount(root, unix.MNT_DETACH)
		return fmt.Errorf("confine %s: forbid links: %w", root, err)
	}
	return verify(root)
}

// verify checks that the kernel really refuses to follow a link: a kernel before 5.10 ignores the
// flag silently.
func verify(root string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(root, &st); err != nil {
		return fmt.Errorf("confine %s: %w", root, err)
	}
	const stNoSymfollow = 0x2000 // ST_NOSYMFOLLOW, statfs(2)
	if st.Flags&stNoSymfollow == 0 {
		return fmt.Errorf("confine %s: this kernel cannot forbid links", root)
	}
	return nil
}

// essential are places in which a program finds its libraries, the resolver,
// users and keys, partly through links.
func essential() []string {
	paths := []string{"/etc", "/usr", "/lib", "/lib64", "/bin", "/sbin", "/dev", "/proc", "/sys", "/run", "/var/run"}
	if home, err := os.UserHomeDir(); err == nil {
		paths = append(paths, home)
	}
	return paths
}

// within tells whether path lies at or below root.
func within(path, root string) bool {
	path, root = filepath.Clean(path), filepath.Clean(root)
	return path == root || root == "/" || strings.HasPrefix(path, root+"/")
}
