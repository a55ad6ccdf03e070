package convergence

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func (w *writer) symlink() (string, []string, error) {
	p := w.file()
	targets := []string{"f1", "../f2", "nowhere", "/no/such/place", ".", p}
	to := w.pick(targets)
	return fmt.Sprintf("ln -s %q %q", to, p), []string{p}, os.Symlink(to, w.full(p))
}

func (w *writer) hardlink() (string, []string, error) {
	a, b := w.file(), w.file()
	if w.isDir(a) {
		return "", nil, os.ErrInvalid
	}
	err := os.Link(w.full(a), w.full(b))
	if err == nil {
		w.links = append(w.links, madeLink{b, time.Now()})
	}
	return fmt.Sprintf("ln %q %q", a, b), []string{a, b}, err
}

// madeLink is a hard link, with the time at which it was made.
type madeLink struct {
	name string
	at   time.Time
}

// linkAge is how old a link has to be before it is written through and removed: no program can
// notice a link that is made, written through and removed within a moment.
const linkAge = 2 * time.Second

// throughGoing writes a file of several names through one of these names. That name is removed,
// replaced or moved away before or after the file is closed.
func (w *writer) throughGoing() (string, []string, error) {
	if len(w.links) == 0 || time.Since(w.links[0].at) < linkAge {
		return "", nil, os.ErrNotExist
	}
	p := w.links[0].name
	w.links = w.links[1:]
	out, how, early := fmt.Sprintf("%s/link-%s-%d", w.out, w.name, w.made), w.rnd.IntN(3), w.rnd.IntN(2) == 0
	goes := func() error {
		switch how {
		case 0:
			return unix.Unlink(w.full(p))
		case 1:
			return errors.Join(os.WriteFile(out, w.text(), 0o644), os.Rename(out, w.full(p)))
		default:
			return os.Rename(w.full(p), out)
		}
	}
	f, err := w.open(p, os.O_APPEND)
	if err != nil {
		return "", nil, err
	}
	if early {
		err = goes()
	}
	_, wrote := f.Write(w.text())
	err = errors.Join(err, wrote, f.Close())
	if !early {
		err = errors.Join(err, goes())
	}
	return fmt.Sprintf("write through %q, which goes (%d, before the close: %v)", p, how, early), []string{p}, err
}
