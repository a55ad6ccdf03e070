// Package place checks the directory that a tree is applied to: that it is still the same
// directory, that this edge may write there, and that no other edge does.
package place

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/brake"
	"github.com/sersync/sersync/pkg/edge/trouble"
)

// New checks a directory to which nothing has been applied yet. With adopt set it need not be
// empty.
func New(dir string, adopt bool) (brake.Identity, error) {
	now, err := take(dir)
	if err != nil {
		return brake.Identity{}, err
	}
	if now.Root.Entries > 0 && !adopt {
		return brake.Identity{}, trouble.New(
			fmt.Sprintf("the directory %s is not empty, and nothing says that this edge has filled it", dir),
			"empty it, name another one, or write adopt=\"true\" in <tree> if what the source does not have may be deleted there",
		)
	}
	return now, nil
}

// Known checks a directory that the edge has filled before. verdict says where nothing
// may be deleted; next is what to remember.
func Known(dir string, remembered brake.Identity) (verdict brake.Verdict, next brake.Identity, err error) {
	now, err := take(dir)
	if err != nil {
		return brake.Verdict{}, remembered, err
	}
	verdict = brake.Compare(remembered, now)
	for _, held := range verdict.Held {
		if held.Path == "" && held.Cause != brake.Empty {
			return verdict, remembered, trouble.From(
				errors.New(held.Reason), fmt.Sprintf("the directory %s is not the one that this edge has filled", dir),
				"mount it again; if it is to be filled anew, stop the edge, remove the tree's directory below <state dir> and start it",
			)
		}
	}
	return verdict, brake.Follow(remembered, now, true), nil
}

// take reads the identity of a directory, and tries whether this edge can write there.
func take(dir string) (brake.Identity, error) {
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return brake.Identity{}, missing(dir)
	case err != nil:
		return brake.Identity{}, trouble.From(err, fmt.Sprintf("the directory %s cannot be looked at", dir), "let the user of this edge enter it")
	case !st.IsDir():
		return brake.Identity{}, trouble.New(fmt.Sprintf("%s is no directory", dir), "name a directory in <tree dir>")
	}
	if err := writable(dir, st); err != nil {
		return brake.Identity{}, err
	}
	return brake.Take(dir)
}

func missing(dir string) error {
	return trouble.New(fmt.Sprintf("the directory %s does not exist", dir), "create or mount it; the edge goes on by itself")
}

// writable tells whether this edge may write to a directory that was looked at.
func writable(dir string, st os.FileInfo) error {
	err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EROFS):
		return trouble.New(fmt.Sprintf("the directory %s is on a file system that is mounted read-only", dir), "mount it with rw; the edge goes on by itself")
	}
	me := name(os.Geteuid())
	return trouble.From(
		err, fmt.Sprintf("this edge runs as user %s, which may not write to the directory %s of mode %04o", me, dir, st.Mode().Perm()),
		fmt.Sprintf("chown %s %s, or run the edge as the directory's owner", me, dir),
	)
}

// Denied is for a path below an edge's directory that the system has refused to change: it says
// which file or directory has the wrong owner or mode, and what to do; nil: that is not the cause.
// It follows links, and so is for people only.
func Denied(dir, path string) error {
	at := filepath.Join(dir, path)
	parent := dir
	if path != "" {
		parent = filepath.Dir(at)
	}
	st, err := os.Stat(parent)
	for err != nil && parent != dir {
		parent = filepath.Dir(parent) // where it could not be made, or not be looked at
		st, err = os.Stat(parent)
	}
	if err != nil {
		return nil //nolint:nilerr // something else is wrong with it
	}
	if err := writable(parent, st); err != nil {
		return err
	}
	st, err = os.Lstat(at)
	if err != nil || os.Geteuid() == 0 {
		return nil //nolint:nilerr // what is not there belongs to nobody
	}
	owner, known := st.Sys().(*syscall.Stat_t)
	if !known || int(owner.Uid) == os.Geteuid() {
		return nil
	}
	me := name(os.Geteuid())
	return trouble.New(
		fmt.Sprintf("this edge runs as user %s, and %s belongs to user %s", me, at, name(int(owner.Uid))),
		fmt.Sprintf("chown %s %s; the edge goes on by itself", me, at),
	)
}

// name is a user as people know it, or its number where it has no name.
func name(uid int) string {
	number := strconv.Itoa(uid)
	if found, err := user.LookupId(number); err == nil {
		return found.Username
	}
	return number
}

// Claim is the right of this edge to write to a directory. The kernel releases it when the process
// ends.
type Claim struct{ fd int }

// Take claims a directory; another edge that has it, with whatever configuration, is an
// error.
func Take(dir string) (*Claim, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, missing(dir)
	}
	if err != nil {
		return nil, trouble.From(err, fmt.Sprintf("the directory %s cannot be opened", dir), "create it, and let the user of this edge read it")
	}
	err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if err == nil || errors.Is(err, unix.EBADF) || errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.EOPNOTSUPP) {
		return &Claim{fd: fd}, nil // some network file systems lock no directory
	}
	_ = unix.Close(fd)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, trouble.New(fmt.Sprintf("another edge works in the directory %s", dir), "stop it, or give this one a directory of its own")
	}
	return nil, trouble.From(err, fmt.Sprintf("the directory %s cannot be locked", dir), "look at its file system")
}

// Release gives the directory back.
func (c *Claim) Release() { _ = unix.Close(c.fd) }
