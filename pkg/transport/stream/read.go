package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport"
)

// readTries is how often a file is read that changes while it is read. After that it
// is left to the next batch, which its next event asks for.
const readTries = 3

// read makes an entry of what is at a path. The error is fstree.ErrChanged if the path is gone or
// keeps changing.
func read(l *fstree.Looker, name string) (e change.Entry, err error) {
	for range readTries {
		found := l.Look(name)
		switch found.State {
		case fstree.Absent, fstree.Obstructed:
			return e, fmt.Errorf("%q is not there any more: %w", name, fstree.ErrChanged)
		case fstree.Unknown:
			return e, found.Err
		case fstree.Present:
		}
		e, err = entryOf(l, name, &found.Stat)
		if !errors.Is(err, fstree.ErrChanged) {
			break
		}
	}
	if err != nil {
		return e, err
	}
	return e, e.Check()
}

func entryOf(l *fstree.Looker, name string, st *unix.Stat_t) (change.Entry, error) {
	e := change.Entry{Path: name, UID: st.Uid, GID: st.Gid, ModTime: st.Mtim.Nano()}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return contentOf(l, e, st)
	case unix.S_IFDIR:
		e.State, e.Mode = change.Dir, st.Mode
	case unix.S_IFLNK:
		target, err := l.Readlink(name)
		e.State, e.Target = change.Link, target
		return e, err
	default:
		e.State, e.Mode, e.Rdev = change.Special, st.Mode, st.Rdev
	}
	return e, nil
}

// contentOf makes an entry of a file, with its content if that travels.
func contentOf(l *fstree.Looker, e change.Entry, st *unix.Stat_t) (change.Entry, error) {
	fill := func(st *unix.Stat_t) {
		e.State, e.Mode, e.UID, e.GID = change.File, st.Mode, st.Uid, st.Gid
		e.ModTime, e.Size = st.Mtim.Nano(), st.Size
	}
	fill(st)
	if st.Size > change.MaxContent {
		e.Fetch = true
		return e, nil
	}
	f, err := l.Open(e.Path)
	if err != nil {
		return e, err
	}
	defer f.Close() //nolint:errcheck // read only
	var before, after unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &before); err != nil {
		return e, fmt.Errorf("stat %q: %w", e.Path, err)
	}
	if e.Content, err = readAll(f, before.Size); err != nil {
		return e, err
	}
	if err := unix.Fstat(int(f.Fd()), &after); err != nil {
		return e, fmt.Errorf("stat %q: %w", e.Path, err)
	}
	if int64(len(e.Content)) != after.Size || before.Mtim != after.Mtim || before.Ctim != after.Ctim || before.Size != after.Size {
		return e, fmt.Errorf("read %q: %w", e.Path, fstree.ErrChanged)
	}
	fill(&after)
	return e, nil
}

// readAll reads a file of that size, and one byte more, which shows that the file has grown.
func readAll(f *os.File, size int64) ([]byte, error) {
	if size > change.MaxContent {
		return nil, fmt.Errorf("read %q: %w", f.Name(), fstree.ErrChanged)
	}
	buf := make([]byte, size+1)
	n, err := io.ReadFull(f, buf)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("read %q: %w", f.Name(), err)
	}
	return buf[:n], nil
}

// bounds are how many entries and bytes a listed tree may have; zero: any number.
type bounds struct {
	entries int
	bytes   int64 // of contents that travel
}

// errLarge says that a tree is beyond its bounds.
var errLarge = errors.New("the tree is too large to be published entry by entry")

// below lists a directory and everything in it that is not excluded, each directory before its
// content. excluded may be nil.
func below(ctx context.Context, root *fstree.Root, dir string, excluded func(string, bool) bool, most bounds) ([]string, error) {
	fd, err := root.OpenList(dir)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", dir, err)
	}
	defer func() { _ = unix.Close(fd) }()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	out := func(name string, isDir bool) bool {
		return name == transport.PartialDir || strings.HasSuffix(name, "/"+transport.PartialDir) || excluded != nil && excluded(name, isDir)
	}
	var mu sync.Mutex
	var bytes int64
	names := []string{dir}
	walk := fstree.WalkOptions{
		Descend: func(d *fstree.Dir, name string) bool { return !out(d.RelOf(name), true) },
		Entries: func(d *fstree.Dir, batch []fstree.Entry) {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range batch {
				rel := d.RelOf(string(e.Name))
				if out(rel, e.Type == unix.DT_DIR) {
					continue
				}
				names = append(names, rel)
				bytes += travels(d.FD, e, most)
			}
			if most.entries > 0 && len(names) > most.entries || most.bytes > 0 && bytes > most.bytes {
				stop(errLarge)
			}
		},
		Error: func(d *fstree.Dir, name string, err error) {
			stop(fmt.Errorf("list %q: %w", d.RelOf(name), err))
		},
	}
	if err := fstree.Walk(ctx, fd, dir, walk); err != nil || ctx.Err() != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, err
	}
	slices.Sort(names) // what is above comes first
	return names, nil
}

// travels is how many bytes of an entry travel in its message.
func travels(dir int, e fstree.Entry, most bounds) int64 {
	var st unix.Stat_t
	if most.bytes == 0 || e.Type != unix.DT_REG || unix.Fstatat(dir, string(e.Name), &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Size > change.MaxContent {
		return 0
	}
	return st.Size
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
