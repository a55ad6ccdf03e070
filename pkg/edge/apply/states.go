package apply

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/change"
)

// modeBits are the bits of st_mode that chmod(2) sets.
const modeBits = 0o7777

// file writes a file beside its place and renames it. A file that has the content already only gets
// its attributes.
func (t *Tree) file(name string, e change.Entry) (Done, error) {
	st, there, err := t.look(name)
	if err != nil {
		return Done{}, failed("look at", e, err)
	}
	if there && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Nlink == 1 && st.Size == e.Size && st.Mtim.Nano() == e.ModTime && t.holds(name, e.Content) {
		return t.adjust(name, e, st)
	}
	unheld, err := t.write(e)
	if err != nil {
		return Done{}, errors.Join(failed("write", e, err), t.drop())
	}
	if there && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		err = t.clear(e.Path, name, st)
	}
	if err == nil {
		err = unix.Renameat(t.fd, Temporary, t.fd, name)
	}
	if err != nil {
		return Done{}, errors.Join(failed("put in place", e, err), t.drop())
	}
	return Done{Changed: true, Unheld: unheld}, nil
}

// drop removes the temporary file after a failure.
func (t *Tree) drop() error {
	if err := unix.Unlinkat(t.fd, Temporary, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}

// holds tells whether the file at a name has this content.
func (t *Tree) holds(name string, content []byte) bool {
	fd, err := unix.Openat(t.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close() //nolint:errcheck // read only
	have := make([]byte, len(content)+1)
	n, err := f.ReadAt(have, 0)
	return n == len(content) && err != nil && bytes.Equal(have[:n], content)
}

// write makes the temporary file with content, owner, mode and time.
func (t *Tree) write(e change.Entry) (unheld bool, err error) {
	fd, err := unix.Openat(t.fd, Temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return false, err
	}
	f := os.NewFile(uintptr(fd), Temporary)
	_, err = f.Write(e.Content)
	if err == nil {
		unheld, err = t.own(func(uid, gid int) error { return unix.Fchown(fd, uid, gid) }, e)
	}
	if err == nil {
		err = unix.Fchmod(fd, e.Mode&modeBits)
	}
	if err == nil {
		err = t.touch(Temporary, e.ModTime)
	}
	return unheld, errors.Join(err, f.Close())
}

// own sets the owner. Without root's rights it sets what the kernel allows, and returns that the
// owner is not that of the entry.
func (t *Tree) own(chown func(uid, gid int) error, e change.Entry) (unheld bool, err error) {
	err = chown(int(e.UID), int(e.GID))
	if !errors.Is(err, unix.EPERM) {
		return false, err
	}
	_ = chown(-1, int(e.GID)) // a group of ours can be given
	return true, nil
}

func (t *Tree) touch(name string, at int64) error {
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(at)}
	return unix.UtimesNanoAt(t.fd, name, times, unix.AT_SYMLINK_NOFOLLOW)
}

// adjust gives what is at a name the owner, mode and time of the entry, where they
// differ.
func (t *Tree) adjust(name string, e change.Entry, st unix.Stat_t) (done Done, err error) {
	if st.Uid != e.UID || st.Gid != e.GID {
		done.Unheld, err = t.own(func(uid, gid int) error { return unix.Fchownat(t.fd, name, uid, gid, unix.AT_SYMLINK_NOFOLLOW) }, e)
		if err != nil {
			return done, failed("give an owner to", e, err)
		}
		done.Changed = !done.Unheld
	}
	if e.State != change.Link && (done.Changed || st.Mode&modeBits != e.Mode&modeBits) {
		// The call could only go wrong with a link, and here is none: whoever may put one here may
		// change the mode of what it owns anyway.
		if err := t.chmod(name, e); err != nil {
			return done, failed("set the mode of", e, err)
		}
		done.Changed = true
	}
	if st.Mtim.Nano() != e.ModTime {
		if err := t.touch(name, e.ModTime); err != nil {
			return done, failed("set the time of", e, err)
		}
		done.Changed = true
	}
	return done, nil
}

// chmod sets a mode through a descriptor of the file (O_PATH, and chmod by /proc), so that a link
// which is put there meanwhile is not followed.
func (t *Tree) chmod(name string, e change.Entry) error {
	fd, err := unix.Openat(t.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != e.Mode&unix.S_IFMT {
		return unix.ESTALE
	}
	return unix.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), e.Mode&modeBits)
}

// attributes gives the root its attributes.
func (t *Tree) attributes(e change.Entry) (Done, error) {
	t.Close()
	fd, err := t.root.OpenList("")
	if err != nil {
		return Done{}, failed("open", e, err)
	}
	t.fd, t.parent = fd, ""
	st, _, err := t.look(".")
	if err != nil {
		return Done{}, failed("look at", e, err)
	}
	return t.adjust(".", e, st)
}

func (t *Tree) dir(name string, e change.Entry) (Done, error) {
	st, there, err := t.look(name)
	if err != nil {
		return Done{}, failed("look at", e, err)
	}
	if there && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return t.adjust(name, e, st)
	}
	if there {
		if err := t.clear(e.Path, name, st); err != nil {
			return Done{}, failed("make place for", e, err)
		}
	}
	if err := unix.Mkdirat(t.fd, name, 0o700); err != nil {
		return Done{}, failed("make directory", e, err)
	}
	return t.fresh(name, e)
}

func (t *Tree) link(name string, e change.Entry) (Done, error) {
	st, there, err := t.look(name)
	if err != nil {
		return Done{}, failed("look at", e, err)
	}
	if there && st.Mode&unix.S_IFMT == unix.S_IFLNK && t.leads(name, e.Target) {
		return t.adjust(name, e, st)
	}
	if err := unix.Symlinkat(e.Target, t.fd, Temporary); err != nil {
		return Done{}, failed("make link", e, err)
	}
	return t.place(name, e, st, there)
}

// leads tells whether the link at a name has this target.
func (t *Tree) leads(name, target string) bool {
	have := make([]byte, len(target)+1)
	n, err := unix.Readlinkat(t.fd, name, have)
	return err == nil && string(have[:n]) == target
}

func (t *Tree) special(name string, e change.Entry) (Done, error) {
	st, there, err := t.look(name)
	if err != nil {
		return Done{}, failed("look at", e, err)
	}
	device := e.Mode&unix.S_IFMT == unix.S_IFCHR || e.Mode&unix.S_IFMT == unix.S_IFBLK
	if there && st.Mode&unix.S_IFMT == e.Mode&unix.S_IFMT && (!device || uint64(st.Rdev) == e.Rdev) { //nolint:unconvert // its size is the platform's
		return t.adjust(name, e, st)
	}
	err = unix.Mknodat(t.fd, Temporary, e.Mode&unix.S_IFMT|0o600, int(e.Rdev))
	if errors.Is(err, unix.EPERM) {
		return Done{Unheld: true}, nil
	}
	if err != nil {
		return Done{}, failed("make special file", e, err)
	}
	return t.place(name, e, st, there)
}

// place moves a link or special file, which was made under a temporary name, to its place.
func (t *Tree) place(name string, e change.Entry, old unix.Stat_t, there bool) (Done, error) {
	done, err := t.fresh(Temporary, e)
	if err == nil && there && old.Mode&unix.S_IFMT == unix.S_IFDIR {
		err = t.clear(e.Path, name, old)
	}
	if err == nil {
		err = unix.Renameat(t.fd, Temporary, t.fd, name)
	}
	if err != nil {
		return Done{}, errors.Join(failed("put in place", e, err), t.drop())
	}
	return done, nil
}

// fresh sets the attributes of what was just made.
func (t *Tree) fresh(at string, e change.Entry) (Done, error) {
	st, _, err := t.look(at)
	if err != nil {
		return Done{}, failed("look at", e, err)
	}
	done, err := t.adjust(at, e, st)
	done.Changed = true
	return done, err
}
