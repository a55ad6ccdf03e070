// Package leftout finds links that lead through names which are not mirrored. On
// a remote such a link points to nothing, or goes on pointing to what stood
// there once: all keys of a mounted Kubernetes ConfigMap are links through
// "..data", which is a link whose name begins with a dot.
package leftout

import (
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// mostEntries bounds how much of a tree is looked at, from its top down.
	mostEntries = 10_000
	// mostLinks is how many links the kernel follows in one path (path_resolution(7)).
	mostLinks = 40
)

// Link is a link that leads through a name which is left out.
type Link struct {
	// Path of the link and Through, the name that is left out: both relative to
	// the tree.
	Path, Through string
	// Others is how many more there are in the part that was looked at.
	Others int
}

// Find looks at the upper part of the tree at dir; skip tells which names are
// left out, and of a directory that all below it is. ok is false when no such
// link was met. What cannot be looked at is passed over.
func Find(dir string, skip func(rel string, dir bool) bool) (found Link, ok bool) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Link{}, false
	}
	defer func() { _ = root.Close() }()
	l := looker{root: root, dir: dir, skip: skip}
	l.visit("")
	for len(l.dirs) > 0 && l.seen < mostEntries {
		next := l.dirs[0]
		l.dirs = l.dirs[1:]
		l.visit(next)
	}
	return l.found, l.any
}

type looker struct {
	root  *os.Root
	dir   string
	skip  func(rel string, dir bool) bool
	dirs  []string // still to be listed, the upper ones first
	seen  int
	found Link
	any   bool
}

func (l *looker) visit(rel string) {
	// O_DIRECTORY: what has become a fifo meanwhile is not waited for.
	dir, err := l.root.OpenFile(path.Join(".", rel), os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return
	}
	defer func() { _ = dir.Close() }()
	entries, _ := dir.ReadDir(mostEntries - l.seen)
	l.seen += len(entries)
	for _, e := range entries {
		name := path.Join(rel, e.Name())
		switch {
		case l.skip(name, e.IsDir()):
		case e.IsDir():
			l.dirs = append(l.dirs, name)
		case e.Type() == fs.ModeSymlink:
			if through := l.through(name); through != "" {
				l.add(name, through)
			}
		}
	}
}

func (l *looker) add(link, through string) {
	if l.any {
		l.found.Others++
		return
	}
	l.found, l.any = Link{Path: link, Through: through}, true
}

// through follows a link name by name and returns the first one that is left
// out; "" when there is none, or when the link leads out of the tree or nowhere.
func (l *looker) through(link string) string {
	at, rest := "", link
	for followed := 0; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		switch name {
		case "", ".":
			continue
		case "..":
			if at == "" {
				return "" // out of the tree
			}
			at = parent(at)
			continue
		}
		here := path.Join(at, name)
		info, err := l.root.Lstat(here)
		if err != nil {
			return ""
		}
		if l.skip(here, info.IsDir()) {
			return here
		}
		if info.Mode().Type() != fs.ModeSymlink {
			at = here
			continue
		}
		target, err := l.root.Readlink(here)
		if followed++; err != nil || followed > mostLinks {
			return ""
		}
		if path.IsAbs(target) {
			inside, ok := strings.CutPrefix(target+"/", l.dir+"/")
			if !ok {
				return ""
			}
			at, target = "", inside
		}
		rest = target + "/" + rest
	}
	return ""
}

func parent(rel string) string {
	if i := strings.LastIndexByte(rel, '/'); i >= 0 {
		return rel[:i]
	}
	return ""
}
