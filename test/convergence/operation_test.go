package convergence

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// operation is one kind of change. do returns a description of the change for the journal, and the
// paths that it touched.
type operation struct {
	weight int
	do     func() (what string, paths []string, err error)
}

// table lists the operations that the mode transfers.
func (w *writer) table() []operation {
	t := []operation{
		{14, w.write}, {6, w.appendTo}, {8, w.twice}, {4, w.shorten}, {3, w.sparse},
		{8, w.edit}, {4, w.older}, {3, w.olderInPlace},
		{10, w.mkdir}, {8, w.mkdirWithFiles},
		{8, w.renameFile}, {7, w.renameDir}, {3, w.exchange}, {4, w.moveOut}, {5, w.moveIn}, {3, w.moveDirIn},
		{8, w.remove}, {3, w.removeTree},
		{4, w.symlink}, {3, w.hardlink}, {4, w.throughGoing}, {2, w.fifo}, {1, w.unnamed},
	}
	if !w.m.noDelete {
		t = append(t, operation{4, w.dirForFile}, operation{4, w.fileForDir})
	}
	if w.m.attributes {
		t = append(t, operation{6, w.chmod}, operation{5, w.chown}, operation{4, w.truncate}, operation{4, w.touch})
	}
	return t
}

// open opens a regular file for writing. It follows no link and does not wait for the reader of a
// fifo.
func (w *writer) open(rel string, flags int) (*os.File, error) {
	if w.silent(rel) {
		return nil, os.ErrPermission
	}
	modes := []os.FileMode{0o600, 0o644, 0o644, 0o755}
	return os.OpenFile(w.full(rel), os.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|flags, modes[w.rnd.IntN(len(modes))])
}

func (w *writer) put(rel string, flags int, text []byte, then ...func(*os.File) error) error {
	f, err := w.open(rel, flags)
	if err != nil {
		return err
	}
	// The file is written in two parts, so that a reader may find it half written.
	_, err = f.Write(text[:len(text)/2])
	if err == nil {
		_, err = f.Write(text[len(text)/2:])
	}
	for _, do := range then {
		err = errors.Join(err, do(f))
	}
	return errors.Join(err, f.Close())
}

func dirOf(rel string) string {
	for i := len(rel) - 1; i >= 0; i-- {
		if rel[i] == '/' {
			return rel[:i]
		}
	}
	return ""
}

func (w *writer) exists(rel string) bool {
	_, err := os.Lstat(w.full(rel))
	return err == nil
}

func (w *writer) isDir(rel string) bool {
	info, err := os.Lstat(w.full(rel))
	return err == nil && info.IsDir()
}

// any returns a path of a file or a directory.
func (w *writer) any() string {
	if w.rnd.IntN(3) == 0 {
		return w.below()
	}
	return w.file()
}

// removeAll removes a tree. os.RemoveAll would open what it takes for the parent, and would wait
// for ever where another writer has put a fifo.
func (w *writer) removeAll(rel string) error {
	root, err := os.OpenRoot(w.src)
	if err != nil {
		return err
	}
	return errors.Join(root.RemoveAll(rel), root.Close())
}
