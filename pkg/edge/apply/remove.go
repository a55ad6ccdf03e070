package apply

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/fstree"
)

// remove makes a path gone, with all below it.
func (t *Tree) remove(path string) (Done, error) {
	if path == "" {
		return Done{}, errors.New("the root of a tree is never removed")
	}
	name, err := t.enter(path, false)
	if errors.Is(err, unix.ENOENT) {
		return Done{}, nil
	}
	if errors.Is(err, ErrObstructed) {
		return Done{}, nil // so the path does not exist
	}
	if err != nil {
		return Done{}, err
	}
	e := change.Entry{Path: path}
	st, there, err := t.look(name)
	if err != nil {
		return Done{}, failed("look at", e, err)
	}
	if !there {
		return Done{}, nil
	}
	if err := t.clear(path, name, st); err != nil {
		return Done{}, failed("remove", e, err)
	}
	return Done{Changed: true}, nil
}

// RemoveOne removes one path that a comparison has found: a file, or a directory that is empty. If
// the path no longer exists, or is now a directory with something in it, nothing is done.
func (t *Tree) RemoveOne(path string) (Done, error) {
	name, err := t.enter(path, false)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, ErrObstructed) {
		return Done{}, nil
	}
	if err != nil {
		return Done{}, err
	}
	st, there, err := t.look(name)
	if err != nil || !there {
		return Done{}, err
	}
	flags := 0
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		flags = unix.AT_REMOVEDIR
	}
	err = unix.Unlinkat(t.fd, name, flags)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTEMPTY), errors.Is(err, unix.EEXIST), errors.Is(err, unix.EISDIR), errors.Is(err, unix.ENOTDIR):
		return Done{}, nil
	case err != nil:
		return Done{}, fmt.Errorf("remove %q: %w", path, err)
	}
	return Done{Changed: true}, nil
}

// deepest is how deep directories may be nested; each level takes a descriptor.
const deepest = 512

var errDeep = errors.New("too many directories in one another")

// removeAll removes a name of an open directory with all below it. It follows no link
// and enters no other file system.
func removeAll(at int, name string, st unix.Stat_t) error {
	var parent unix.Stat_t
	if err := unix.Fstat(at, &parent); err != nil {
		return err
	}
	return removeBelow(at, name, st, parent.Dev, 0)
}

func removeBelow(at int, name string, st unix.Stat_t, dev uint64, depth int) error {
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return gone(unix.Unlinkat(at, name, 0))
	}
	if st.Dev != dev {
		return fmt.Errorf("%q: %w", name, ErrMount)
	}
	if depth == deepest {
		return errDeep
	}
	fd, err := fstree.OpenIn(at, name)
	if err != nil {
		return gone(err)
	}
	d := os.NewFile(uintptr(fd), name)
	defer d.Close() //nolint:errcheck // read only
	for {
		names, err := d.Readdirnames(1024)
		if len(names) == 0 {
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			break
		}
		for _, below := range names {
			var st unix.Stat_t
			if err := unix.Fstatat(fd, below, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
				if gone(err) != nil {
					return err
				}
				continue
			}
			if err := removeBelow(fd, below, st, dev, depth+1); err != nil {
				return err
			}
		}
	}
	return gone(unix.Unlinkat(at, name, unix.AT_REMOVEDIR))
}

// gone returns err, or nil if err says that the name no longer exists.
func gone(err error) error {
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}
