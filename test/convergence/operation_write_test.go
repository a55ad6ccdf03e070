package convergence

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func (w *writer) write() (string, []string, error) {
	p, text := w.file(), w.text()
	err := w.put(p, os.O_CREATE|os.O_TRUNC, text)
	return fmt.Sprintf("write %q %d bytes", p, len(text)), []string{p}, err
}

func (w *writer) appendTo() (string, []string, error) {
	p, text := w.file(), w.text()
	err := w.put(p, os.O_CREATE|os.O_APPEND, text)
	return fmt.Sprintf("append %q %d bytes", p, len(text)), []string{p}, err
}

// twice writes another content of the same size within the same second.
func (w *writer) twice() (string, []string, error) {
	p := w.file()
	first := w.text()
	second := append([]byte{'2'}, first[1:]...)
	err := errors.Join(w.put(p, os.O_CREATE|os.O_TRUNC, first), w.put(p, 0, second))
	return fmt.Sprintf("write twice %q %d bytes", p, len(first)), []string{p}, err
}

// shorten truncates a file through a descriptor, whose close causes an event.
func (w *writer) shorten() (string, []string, error) {
	p, size := w.file(), w.rnd.Int64N(100)
	err := w.put(p, 0, nil, func(f *os.File) error { return f.Truncate(size) })
	return fmt.Sprintf("ftruncate %q %d", p, size), []string{p}, err
}

func (w *writer) sparse() (string, []string, error) {
	p := w.file()
	err := w.put(p, os.O_CREATE, w.text(), func(f *os.File) error { return f.Truncate(1 << 20) })
	return fmt.Sprintf("sparse %q", p), []string{p}, err
}

// edit saves a file as editors do: under another name, with a rename over the old one.
func (w *writer) edit() (string, []string, error) {
	p := w.file()
	tmps := []string{p + "~", joined(dirOf(p), ".edit."+w.name), joined(dirOf(p), "edit-"+w.name)}
	tmp := w.pick(tmps)
	err := w.put(tmp, os.O_CREATE|os.O_TRUNC, w.text())
	if err == nil {
		err = os.Rename(w.full(tmp), w.full(p))
	}
	return fmt.Sprintf("edit %q through %q", p, tmp), []string{p, tmp}, err
}

// past sets the times to a moment long ago, through a descriptor, as cp -p and tar do before they
// close a file.
func (w *writer) past(f *os.File) error {
	when := time.Now().Add(-time.Duration(1+w.rnd.IntN(1_000_000)) * time.Second)
	tv := unix.NsecToTimeval(when.UnixNano())
	return unix.Futimes(int(f.Fd()), []unix.Timeval{tv, tv})
}

// older replaces a file with one that has an older time.
func (w *writer) older() (string, []string, error) {
	p := w.file()
	tmp := w.out + "/older-" + w.name
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err == nil {
		_, err = f.Write(w.text())
		err = errors.Join(err, w.past(f), f.Close())
	}
	if err == nil {
		err = os.Rename(tmp, w.full(p))
	}
	return fmt.Sprintf("replace %q by an older file", p), []string{p}, err
}

func (w *writer) olderInPlace() (string, []string, error) {
	p := w.file()
	err := w.put(p, os.O_CREATE|os.O_TRUNC, w.text(), w.past)
	return fmt.Sprintf("cp -p over %q", p), []string{p}, err
}
