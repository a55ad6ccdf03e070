package brake

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fstree"
)

// Identity is what a watch root and the mounts below it were at one moment.
// The zero Identity means that nothing is remembered. It goes into the lane's
// state file as JSON.
type Identity struct {
	Root   Place   `json:"root"`
	Mounts []Mount `json:"mounts,omitempty"` // sorted by Path
}

// Place is the identity of one directory.
type Place struct {
	// Problem is set when the place could not be examined: "gone", or the
	// error of reading it. Nothing else is reliable then.
	Problem string `json:"problem,omitempty"`

	// Boot is the boot id (/proc/sys/kernel/random/boot_id) of the look; one Identity may hold
	// places that were remembered in different boots.
	Boot string `json:"boot,omitempty"`

	Type   string  `json:"type,omitempty"`   // file system type, as in mountinfo
	Source RawPath `json:"source,omitempty"` // mount source; upper directory of an overlay
	UUID   string  `json:"uuid,omitempty"`   // of the file system, if it has one
	FSID   string  `json:"fsid,omitempty"`   // f_fsid of statfs(2), hexadecimal
	Dev    uint64  `json:"dev,omitempty"`
	Ino    uint64  `json:"ino,omitempty"`
	// Born is when the directory was created, in nanoseconds since 1970; 0 where the
	// file system does not keep it. A directory that is made right after another was
	// removed often gets its inode number: ext4 hands out the lowest one.
	Born int64 `json:"born,omitempty"`
	// Entries counts the directory's entries without lost+found, up to 1024;
	// more are not told apart. A mounted file counts as one entry.
	Entries int `json:"entries"`
}

// Mount is a place on which a file system is mounted.
type Mount struct {
	Path  RawPath `json:"path"` // relative to the root, without leading slash
	Place Place   `json:"place"`
}

// gone is the Problem of a place that does not exist.
const gone = "gone"

// maxEntries bounds the count: what matters is none or some.
const maxEntries = 1024

// IsZero reports whether nothing is remembered.
func (id Identity) IsZero() bool { return id.Root == (Place{}) && len(id.Mounts) == 0 }

// Take looks at root and at everything mounted below it. A root that is gone or cannot be read is
// no error but part of the Identity, and Compare holds it; an error means that the mounts could not
// be read (no /proc).
func Take(root string) (Identity, error) {
	boot, err := bootID()
	if err != nil {
		return Identity{}, err
	}
	var id Identity
	fd, err := openPath(unix.AT_FDCWD, root, unix.O_DIRECTORY)
	if err != nil {
		id.Root.Problem = problem(err)
		return id, nil
	}
	defer closeFD(fd)
	resolved, err := realPath(fd)
	if err != nil {
		return Identity{}, fmt.Errorf("identity of %q: %w", root, err)
	}
	table, err := fstree.ReadMounts()
	if err != nil {
		return Identity{}, fmt.Errorf("identity of %q: %w", root, err)
	}
	id.Root = takePlace(fd, table.At(resolved), boot)
	for _, point := range table.Below(resolved) {
		if p, ok := takeMount(fd, point, boot); ok {
			id.Mounts = append(id.Mounts, Mount{Path: RawPath(point.Rel), Place: p})
		}
	}
	sortMounts(id.Mounts)
	return id, nil
}

func sortMounts(m []Mount) {
	slices.SortFunc(m, func(a, b Mount) int { return strings.Compare(string(a.Path), string(b.Path)) })
}

// takeMount examines what is mounted at point below the open root. ok is false when another mount
// covers it, so that it cannot be seen.
func takeMount(root int, point fstree.MountPoint, boot string) (p Place, ok bool) {
	fd, err := openPath(root, point.Rel, unix.O_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return Place{}, false
	}
	if err != nil {
		top := point.Stacked[len(point.Stacked)-1]
		return Place{Problem: problem(err), Type: top.FSType, Source: RawPath(top.Identifier())}, true
	}
	defer closeFD(fd)
	entry, ok := point.Visible(fd)
	if !ok {
		return Place{}, false
	}
	return takePlace(fd, entry, boot), true
}

// problem is the text that a Place keeps of an error.
func problem(err error) string {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return gone
	}
	return err.Error()
}
