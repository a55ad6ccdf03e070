package apply

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/fstree"
)

// Temporary is the name of a file while it is being written, in the directory of its place. A
// leftover is removed the next time an entry is applied in that directory.
const Temporary = ".sersync-edge.part"

// ErrObstructed says that the path of an entry leads through a link, or through
// something else that is no directory.
var ErrObstructed = errors.New("leads through something that is no directory")

// ErrName says that an entry has the name that temporary files have.
var ErrName = errors.New("has the name of temporary files")

// ErrMount says that a file system is mounted where something is to be removed.
var ErrMount = errors.New("a file system is mounted there")

// Done says what became of an entry.
type Done struct {
	Changed bool // the tree was not like that before
	// Unheld says that the entry could not be applied completely: the owner could not be set, or a
	// device not be made, which only root can do.
	Unheld bool
}

// Tree applies entries beneath one root. It belongs to one goroutine. The root still belongs to the
// caller.
type Tree struct {
	root   *fstree.Root
	parent string // of fd
	fd     int    // -1: none is open
	// MayRemove is asked before anything (a directory with all below it, for instance) is removed
	// because an entry of another type takes its place; nil: it may always be removed.
	MayRemove func(path string) bool
}

// ErrHeld says that something is in the way of an entry and may not be removed now.
var ErrHeld = errors.New("what stands there may not be removed now")

// New returns a Tree on an open root.
func New(root *fstree.Root) *Tree {
	return &Tree{root: root, fd: -1}
}

// Close releases what the Tree holds, the root not included.
func (t *Tree) Close() {
	if t.fd >= 0 {
		_ = unix.Close(t.fd)
	}
	t.fd, t.parent = -1, ""
}

// Apply brings the entry's path to its state. An entry whose content has to be fetched, or of a
// tree, is an error. Gone removes the path with everything below it.
func (t *Tree) Apply(e change.Entry) (Done, error) {
	if e.State == change.Gone {
		return t.remove(e.Path)
	}
	if e.Path == "" {
		return t.attributes(e)
	}
	name, err := t.enter(e.Path, true)
	if err != nil {
		return Done{}, err
	}
	switch e.State {
	case change.File:
		return t.file(name, e)
	case change.Dir:
		return t.dir(name, e)
	case change.Link:
		return t.link(name, e)
	case change.Special:
		return t.special(name, e)
	default:
		return Done{}, fmt.Errorf("apply %q: a %v is not applied", e.Path, e.State)
	}
}

// enter opens the directory of a path and returns the last name. Missing directories
// are made on request; the entry of each of them brings its attributes.
func (t *Tree) enter(path string, create bool) (string, error) {
	parent, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		parent, name = path[:i], path[i+1:]
	}
	if name == Temporary {
		return "", fmt.Errorf("%q %w", path, ErrName)
	}
	if t.fd >= 0 && t.parent == parent && t.stands() {
		return name, nil
	}
	t.Close()
	fd, err := t.root.OpenDir(parent)
	if errors.Is(err, unix.ENOENT) && create {
		fd, err = t.make(parent)
	}
	switch {
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return "", fmt.Errorf("%q %w", path, ErrObstructed)
	case err != nil:
		return "", fmt.Errorf("open directory %q: %w", parent, err)
	}
	t.fd, t.parent = fd, parent
	if err := unix.Unlinkat(fd, Temporary, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return "", fmt.Errorf("remove %q in %q: %w", Temporary, parent, err)
	}
	return name, nil
}

// stands tells whether the open directory still exists.
func (t *Tree) stands() bool {
	var st unix.Stat_t
	return unix.Fstat(t.fd, &st) == nil && st.Nlink > 0
}

// make makes a directory and those above it, each beneath the one before.
func (t *Tree) make(path string) (int, error) {
	at, err := t.root.OpenDir("")
	if err != nil {
		return -1, err
	}
	for name := range strings.SplitSeq(path, "/") {
		if err = unix.Mkdirat(at, name, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
			break
		}
		var next int
		next, err = fstree.OpenIn(at, name)
		_ = unix.Close(at)
		if err != nil {
			return -1, err
		}
		at = next
	}
	if err != nil {
		_ = unix.Close(at)
		return -1, err
	}
	return at, nil
}

// look tells what has a name in the open directory; ok is false when nothing has it.
func (t *Tree) look(name string) (st unix.Stat_t, ok bool, err error) {
	err = unix.Fstatat(t.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return st, false, nil
	}
	return st, err == nil, err
}

// clear removes what has the name if a rename cannot replace it: a directory, or anything else in
// the place of which a directory is to be made.
func (t *Tree) clear(path, name string, st unix.Stat_t) error {
	if t.MayRemove != nil && !t.MayRemove(path) {
		return fmt.Errorf("%q: %w", path, ErrHeld)
	}
	return removeAll(t.fd, name, st)
}

func failed(what string, e change.Entry, err error) error {
	return fmt.Errorf("%s %q: %w", what, e.Path, err)
}

// KeepRootTime sets the time of the root, in ns since 1970. A failure does not matter: the next
// entry of the root sets it.
func (t *Tree) KeepRootTime(at int64) {
	t.Close()
	if fd, err := t.root.OpenList(""); err == nil {
		t.fd = fd
		_ = t.touch(".", at)
	}
}
