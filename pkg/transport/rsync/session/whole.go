package session

import (
	"context"
	"path"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

// wholeLeast is the number of names in one directory from which on it is worth while to list the
// directory.
const wholeLeast = 32

// whole replaces the names of everything that a directory holds by "directory/": rsync reads a list
// with a system call for each byte, which costs it more than the rest of its work. It is done only
// where nothing else can be sent with them: without patterns, and with an rsync that follows no
// link out of the watch root.
func whole(open func() *fstree.Root, run rsync.Run, names []string) []string {
	if len(names) < wholeLeast || run.Target.Params.Rules.Any() || !run.Confinable() {
		return names
	}
	within := make(map[string]int)
	for _, n := range names {
		if parent := path.Dir(n); n != "" && parent != "." {
			within[parent]++
		}
	}
	var listed map[string]bool
	full := make(map[string]bool)
	for dir, n := range within {
		if n < wholeLeast {
			continue
		}
		if listed == nil {
			listed = make(map[string]bool, len(names))
			for _, n := range names {
				listed[n] = true
			}
		}
		if holdsOnly(open, dir, n, listed) {
			full[dir] = true
		}
	}
	if len(full) == 0 {
		return names
	}
	short := make([]string, 0, len(names))
	for _, n := range names {
		if !full[path.Dir(n)] && !full[n] {
			short = append(short, n)
		}
	}
	for dir := range full {
		short = append(short, dir+"/")
	}
	return short
}

// holdsOnly tells whether a directory holds n entries, all of them listed.
func holdsOnly(open func() *fstree.Root, dir string, n int, listed map[string]bool) bool {
	root := open()
	if root == nil {
		return false
	}
	defer root.Close()
	return n == countListed(root, dir, listed)
}

// countListed counts the entries of a directory; -1 when one is not listed.
func countListed(root *fstree.Root, dir string, listed map[string]bool) int {
	fd, err := root.OpenList(dir)
	if err != nil {
		return -1
	}
	defer func() { _ = unix.Close(fd) }()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	n := 0
	err = fstree.Walk(ctx, fd, dir, fstree.WalkOptions{
		Workers: 1,
		Descend: func(*fstree.Dir, string) bool { return false },
		Entries: func(d *fstree.Dir, batch []fstree.Entry) {
			for _, e := range batch {
				if !listed[d.RelOf(string(e.Name))] {
					stop()
					return
				}
				n++
			}
		},
		Error: func(*fstree.Dir, string, error) { stop() },
	})
	if err != nil {
		return -1
	}
	return n
}
