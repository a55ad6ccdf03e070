package convergence

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// rename moves a name. In the mode without deletions directories and files have different names, so
// that neither ever takes the other's place.
func (w *writer) rename(from, to string) error { return unix.Rename(w.full(from), w.full(to)) }

func (w *writer) renameFile() (string, []string, error) {
	a, b := w.file(), w.file()
	return fmt.Sprintf("mv %q %q", a, b), []string{a, b}, w.rename(a, b)
}

func (w *writer) renameDir() (string, []string, error) {
	a, b := w.below(), w.below()
	return fmt.Sprintf("mv %q %q", a, b), []string{a, b}, w.rename(a, b)
}

// exchange swaps two names in one system call.
func (w *writer) exchange() (string, []string, error) {
	a, b := w.file(), w.file()
	if w.rnd.IntN(2) == 0 {
		a, b = w.below(), w.below()
	}
	err := unix.Renameat2(unix.AT_FDCWD, w.full(a), unix.AT_FDCWD, w.full(b), unix.RENAME_EXCHANGE)
	return fmt.Sprintf("exchange %q %q", a, b), []string{a, b}, err
}

func (w *writer) moveOut() (string, []string, error) {
	p := w.file()
	if w.rnd.IntN(3) == 0 {
		p = w.below()
	}
	gone := fmt.Sprintf("%s/out-%s-%d", w.out, w.name, w.made)
	w.made++
	return fmt.Sprintf("mv %q out", p), []string{p}, os.Rename(w.full(p), gone)
}

func (w *writer) moveIn() (string, []string, error) {
	p := w.file()
	tmp := w.out + "/in-" + w.name
	err := os.WriteFile(tmp, w.text(), 0o644)
	if err == nil {
		err = os.Rename(tmp, w.full(p))
	}
	return fmt.Sprintf("mv a file in as %q", p), []string{p}, err
}

// moveDirIn moves a tree with files into the watch root; it may replace an empty directory.
func (w *writer) moveDirIn() (string, []string, error) {
	p := w.below()
	w.made++
	tmp := fmt.Sprintf("%s/tree-%s-%d", w.out, w.name, w.made)
	err := os.MkdirAll(tmp+"/db/da", 0o755)
	for _, name := range []string{"f1", "db/f2", "db/da/f3", "db/x.gz"} {
		err = errors.Join(err, os.WriteFile(tmp+"/"+name, w.text(), 0o644))
	}
	err = errors.Join(err, os.Symlink("../f1", tmp+"/db/f4"))
	if err == nil {
		err = os.Rename(tmp, w.full(p))
	}
	return fmt.Sprintf("mv a tree in as %q", p), []string{p}, err
}

func (w *writer) remove() (string, []string, error) {
	p := w.file()
	return fmt.Sprintf("rm %q", p), []string{p}, unix.Unlink(w.full(p))
}

func (w *writer) removeTree() (string, []string, error) {
	p := w.below()
	if !w.exists(p) {
		return "", nil, os.ErrNotExist
	}
	return fmt.Sprintf("rm -rf %q", p), []string{p}, w.removeAll(p)
}
