package disk

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/ledger"
	"github.com/sersync/sersync/pkg/transport"
)

// Disk shows what is on this host below the watch root, without what is not mirrored. Every method
// reads from the disk unless its comment says otherwise, so a lane's loop must not call it. All
// methods may be called from any goroutine.
type Disk struct {
	Open     func() *fstree.Root // nil while the watch root is gone; the caller closes it
	Excluded func(path string, dir bool) bool
	Terms    transport.Terms
}

// Excludes tells whether a path is not mirrored. It does not read from the disk.
func (d *Disk) Excludes(path string, dir bool) bool {
	return d.Filtered(path, dir) || d.Terms.Out(path, dir) || Partial(path)
}

// Filtered tells whether an expression of the filter excludes a path. It does not
// read from the disk.
func (d *Disk) Filtered(path string, dir bool) bool {
	return d.Excluded != nil && d.Excluded(path, dir)
}

// ListsTrees tells whether a tree has to be given to rsync entry by entry, which is so with a
// filter: rsync does not know the filter's expressions. It does not read from the disk.
func (d *Disk) ListsTrees() bool { return d.Excluded != nil }

// Gone tells whether the watch root cannot be opened now.
func (d *Disk) Gone() bool {
	root := d.Open()
	if root == nil {
		return true
	}
	root.Close()
	return false
}

// Look looks at one path.
func (d *Disk) Look(path string) fstree.Found {
	found := fstree.Found{State: fstree.Unknown, Err: transport.ErrRootGone}
	_ = d.Looks(context.Background(), []string{path}, func(_ string, f fstree.Found) { found = f })
	return found
}

// Looks looks at several paths, one after the other, until ctx ends.
func (d *Disk) Looks(ctx context.Context, paths []string, tell func(path string, f fstree.Found)) error {
	root := d.Open()
	if root == nil {
		return transport.ErrRootGone
	}
	defer root.Close()
	looker := root.Looker()
	defer looker.Close()
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		tell(path, looker.Look(path))
	}
	return nil
}

// Files are those of the names that are regular files here.
func (d *Disk) Files(names []string) []File {
	files := make([]File, 0, len(names))
	_ = d.Looks(context.Background(), names, func(name string, f fstree.Found) {
		if f.Regular() {
			files = append(files, FileOf(name, &f.Stat))
		}
	})
	return files
}

// walk walks a directory with one worker.
func (d *Disk) walk(ctx context.Context, path string, opt fstree.WalkOptions) error {
	root := d.Open()
	if root == nil {
		return transport.ErrRootGone
	}
	defer root.Close()
	fd, err := root.OpenList(path)
	if err != nil {
		return fmt.Errorf("open %q: %w", path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	opt.Workers = 1
	return fstree.Walk(ctx, fd, path, opt)
}

// below tells a walk which directories to enter: those that are mirrored.
func (d *Disk) below(dir *fstree.Dir, name string) bool { return !d.Excludes(dir.RelOf(name), true) }

// flat tells a walk to enter no directory.
func flat(*fstree.Dir, string) bool { return false }

// RegularFiles visits the regular files of a directory with their state, one
// after the other; only those that are wanted, unless wanted is nil.
func (d *Disk) RegularFiles(ctx context.Context, path string, wanted func(rel string) bool, visit func(rel string, st *unix.Stat_t)) {
	_ = d.walk(ctx, path, fstree.WalkOptions{
		Descend: d.below,
		Entries: func(dir *fstree.Dir, batch []fstree.Entry) {
			for _, e := range batch {
				if e.Type != unix.DT_REG {
					continue
				}
				rel := dir.RelOf(string(e.Name))
				if wanted != nil && !wanted(rel) {
					continue
				}
				var st unix.Stat_t
				if unix.Fstatat(dir.FD, string(e.Name), &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
					visit(rel, &st)
				}
			}
		},
	})
}

// Listing is what a tree holds, entry by entry.
type Listing struct {
	Names []string // the directory itself first; without what is excluded
	// Alone are paths that could not be listed, or are too long for a list: each has to be brought
	// over, or to fail, by its own name.
	Alone map[string]dirty.Flags
}

func (l *Listing) apart(path string, f dirty.Flags) {
	if l.Alone == nil {
		l.Alone = map[string]dirty.Flags{}
	}
	l.Alone[path] |= f
}

// Entries lists a tree. A directory that is gone has no entries but itself.
func (d *Disk) Entries(ctx context.Context, path string) (list Listing, err error) {
	list.Names = []string{}
	if path != "" {
		list.Names = append(list.Names, path)
	}
	var unlisted error
	err = d.walk(ctx, path, fstree.WalkOptions{
		Descend: func(dir *fstree.Dir, name string) bool {
			rel := dir.RelOf(name)
			return !TooLong(rel) && !d.Excludes(rel, true)
		},
		Entries: func(dir *fstree.Dir, batch []fstree.Entry) {
			for _, e := range batch {
				switch rel := dir.RelOf(string(e.Name)); {
				case d.Excludes(rel, e.Type == unix.DT_DIR):
				case TooLong(rel):
					list.apart(rel, 0)
				default:
					list.Names = append(list.Names, rel)
				}
			}
		},
		Error: func(dir *fstree.Dir, name string, failed error) {
			switch {
			case name != "":
				list.apart(dir.RelOf(name), dirty.Tree)
			case dir.Parent != nil:
				list.apart(dir.Rel(), dirty.Tree)
			default:
				unlisted = fmt.Errorf("list %q: %w", path, failed)
			}
		},
	})
	switch {
	case err != nil && fstree.Vanished(err):
		return list, nil
	case err != nil:
		return list, err
	}
	return list, unlisted
}

// maxUnfold is how many entries a directory may have at most to be replaced by them. A directory
// that breaks its runs and has more entries is a culprit as a whole.
const maxUnfold = 4096

// Unfolded are the entries of a directory, to be brought over one by one in place of the tree, each
// with its flags; nil when there are none, or too many.
func (d *Disk) Unfolded(ctx context.Context, path string, flags dirty.Flags) map[string]dirty.Flags {
	flags &= dirty.Content | dirty.Gone | dirty.Arrival | dirty.Unsure
	entries := map[string]dirty.Flags{}
	err := d.walk(ctx, path, fstree.WalkOptions{
		Descend: flat,
		Entries: func(dir *fstree.Dir, batch []fstree.Entry) {
			for _, e := range batch {
				rel, isDir := dir.RelOf(string(e.Name)), e.Type == unix.DT_DIR
				switch {
				case d.Excludes(rel, isDir) || len(entries) > maxUnfold:
				case isDir:
					entries[rel] = flags | dirty.Tree
				default:
					entries[rel] = FlagsOfEntry(flags)
				}
			}
		},
	})
	if err != nil || len(entries) == 0 || len(entries) > maxUnfold {
		return nil
	}
	return entries
}

// DirectoriesSince are the directories inside a directory that were made, or changed, since then.
func (d *Disk) DirectoriesSince(ctx context.Context, path string, since time.Time) (dirs []string) {
	_ = d.walk(ctx, path, fstree.WalkOptions{
		Descend: flat,
		Entries: func(dir *fstree.Dir, batch []fstree.Entry) {
			for _, e := range batch {
				var st unix.Stat_t
				if e.Type != unix.DT_DIR || unix.Fstatat(dir.FD, string(e.Name), &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
					continue
				}
				if Stamp(st.Ctim).After(since) {
					dirs = append(dirs, dir.RelOf(string(e.Name)))
				}
			}
		},
	})
	return dirs
}

// Sample returns some files of the tree whose times are finer than seconds.
func (d *Disk) Sample(ctx context.Context) map[string]time.Time {
	found := map[string]time.Time{}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	_ = d.walk(ctx, "", fstree.WalkOptions{
		Descend: d.below,
		Entries: func(dir *fstree.Dir, batch []fstree.Entry) {
			for _, e := range batch {
				rel := dir.RelOf(string(e.Name))
				var st unix.Stat_t
				if e.Type != unix.DT_REG || TooLong(rel) || strings.HasPrefix(string(e.Name), ".") || d.Excludes(rel, false) ||
					unix.Fstatat(dir.FD, string(e.Name), &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Mtim.Nsec == 0 {
					continue
				}
				if found[rel] = Stamp(st.Mtim); len(found) >= grainSample {
					stop()
					return
				}
			}
		},
	})
	return found
}

// File is a regular file here.
type File struct {
	Path   string
	Size   int64
	Mtime  time.Time
	Change time.Time // when it came to stand here (ctime)
	// Inode is its number on that device, and Links how many names the file has.
	Device, Inode, Links uint64
}

// FileOf is a file with what a look has found of it.
func FileOf(path string, st *unix.Stat_t) File {
	return File{Path: path, Size: st.Size, Mtime: Stamp(st.Mtim), Change: Stamp(st.Ctim), Device: st.Dev, Inode: st.Ino, Links: uint64(st.Nlink)}
}

// ReplacedGap is how far a file's mtime must lie before its ctime for the file to count as
// replaced, and not simply written.
const ReplacedGap = 10 * time.Millisecond

// Replaced tells that the file was not simply written: its time is older than its coming to this
// place.
func (f File) Replaced() bool { return f.Change.Sub(f.Mtime) >= ReplacedGap }

// Version is the version under which the ledger knows the file.
func (f File) Version() ledger.Version {
	return ledger.Version{Path: f.Path, Size: f.Size, Mtime: f.Mtime.Unix()}
}

// Stamp is a time of a file as a time.
func Stamp(t unix.Timespec) time.Time { return time.Unix(t.Sec, t.Nsec) }

// maxPath is the longest path that rsync reads from a list; it would cut off a longer one, which
// then names something else.
const maxPath = unix.PathMax - 64

// TooLong tells whether a path is too long for a list of names.
func TooLong(path string) bool { return len(path) >= maxPath }

// Partial tells whether a path is, or lies in, a directory of partly arrived files, which another
// host's sersync keeps in a tree that it sends here.
func Partial(path string) bool {
	return strings.Contains("/"+path+"/", "/"+transport.PartialDir+"/")
}

// FlagsOfEntry are the flags of a file that goes by its own name instead of with its tree. That it
// was changed here, or takes the place of something deleted, counts only if it holds for the whole
// tree.
func FlagsOfEntry(tree dirty.Flags) dirty.Flags {
	switch {
	case tree&dirty.Gone != 0, tree&dirty.Content != 0 && tree&(dirty.Arrival|dirty.Unsure) == 0:
		return dirty.Content
	default:
		return dirty.Unsure
	}
}

// ParentOf is the directory that a path is in; "" is the watch root.
func ParentOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return ""
}

// Inside tells whether a path lies below a directory.
func Inside(path, dir string) bool { return dir == "" || strings.HasPrefix(path, dir+"/") }

// grainSample is how many files are compared to learn how fine a remote keeps times.
const grainSample = 128

// Spared tells whether the filter or the user's patterns keep a path on the remote. It
// does not read from the disk.
func (d *Disk) Spared(path string, dir bool) bool {
	return d.Terms.Out(path, dir) || d.Filtered(path, dir)
}
