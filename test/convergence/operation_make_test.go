package convergence

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func (w *writer) mkdir() (string, []string, error) {
	p := w.below()
	err := os.MkdirAll(w.full(p), 0o755)
	return fmt.Sprintf("mkdir -p %q", p), []string{p}, err
}

// mkdirWithFiles makes a directory with files in it, before anyone can have seen the directory.
func (w *writer) mkdirWithFiles() (string, []string, error) {
	p := w.below()
	err := os.MkdirAll(w.full(p), 0o755)
	for range 3 {
		err = errors.Join(err, w.put(joined(p, w.pick(w.m.fileNames())), os.O_CREATE|os.O_TRUNC, w.text()))
	}
	return fmt.Sprintf("mkdir -p %q with files", p), []string{p}, err
}

// dirForFile puts a directory where a file was.
func (w *writer) dirForFile() (string, []string, error) {
	p := w.file()
	err := w.removeAll(p)
	if err == nil {
		err = os.Mkdir(w.full(p), 0o755)
	}
	if err == nil {
		err = w.put(joined(p, "f1"), os.O_CREATE, w.text())
	}
	return fmt.Sprintf("rm -rf %q; mkdir %q; write f1", p, p), []string{p}, err
}

// fileForDir puts a file where a directory was.
func (w *writer) fileForDir() (string, []string, error) {
	p := w.below()
	err := w.removeAll(p)
	if err == nil {
		err = w.put(p, os.O_CREATE|os.O_EXCL, w.text())
	}
	return fmt.Sprintf("rm -rf %q; write %q", p, p), []string{p}, err
}

func (w *writer) fifo() (string, []string, error) {
	p := w.file()
	return fmt.Sprintf("mkfifo %q", p), []string{p}, unix.Mkfifo(w.full(p), 0o640)
}

// unnamed writes a file without a name (O_TMPFILE) and then gives it one: under that name the file
// is never closed.
func (w *writer) unnamed() (string, []string, error) {
	p := w.file()
	fd, err := unix.Open(w.full(dirOf(p)), unix.O_WRONLY|unix.O_TMPFILE|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return "", nil, err
	}
	f := os.NewFile(uintptr(fd), p)
	_, err = f.Write(w.text())
	err = errors.Join(err, unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, w.full(p), unix.AT_SYMLINK_FOLLOW))
	return fmt.Sprintf("link an unnamed file as %q", p), []string{p}, errors.Join(err, f.Close())
}
