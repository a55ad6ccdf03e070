package change

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// Why a message is refused. Every error of Decode and of Check is one of them.
var (
	// ErrForeign: this is no change message.
	ErrForeign = errors.New("no change message")
	// ErrFuture: the message has a later version of the form.
	ErrFuture = errors.New("a later version of the form of messages")
	// ErrDamaged: the message is cut off, or not as it was written.
	ErrDamaged = errors.New("damaged message")
	// ErrPath: a path leads out of the tree, or is none.
	ErrPath = errors.New("no path below the root")
	// ErrLimit: more than a message may hold.
	ErrLimit = errors.New("beyond the limits of a message")
	// ErrEntry: the fields of an entry contradict each other.
	ErrEntry = errors.New("an entry contradicts itself")
)

// CheckPath tells whether a path may stand in an entry: relative, in its shortest
// form, and not above the root. "" is the root.
func CheckPath(path string) error {
	if len(path) > MaxPath {
		return fmt.Errorf("a path of %d bytes: %w", len(path), ErrLimit)
	}
	if path == "" {
		return nil
	}
	if strings.IndexByte(path, 0) >= 0 {
		return fmt.Errorf("path %q holds a NUL: %w", path, ErrPath)
	}
	for name := range strings.SplitSeq(path, "/") {
		switch {
		case name == "" || name == "." || name == "..":
			return fmt.Errorf("path %q: %w", path, ErrPath)
		case len(name) > MaxName:
			return fmt.Errorf("a name of %d bytes: %w", len(name), ErrLimit)
		}
	}
	return nil
}

// Check tells whether an entry can be written and read.
func (e Entry) Check() error {
	if err := CheckPath(e.Path); err != nil {
		return err
	}
	if e.Path == "" && e.State != Dir && e.State != Tree {
		return fmt.Errorf("the root as %v: %w", e.State, ErrPath)
	}
	if e.Fetch && e.State != File || e.Exact && e.State != Tree {
		return fmt.Errorf("%v %q with a flag of another state: %w", e.State, e.Path, ErrEntry)
	}
	switch kind := e.Mode & syscall.S_IFMT; e.State {
	case File:
		if kind != syscall.S_IFREG {
			return fmt.Errorf("file %q with mode %o: %w", e.Path, e.Mode, ErrEntry)
		}
		return e.checkContent()
	case Dir:
		if kind != syscall.S_IFDIR {
			return fmt.Errorf("dir %q with mode %o: %w", e.Path, e.Mode, ErrEntry)
		}
	case Link:
		if len(e.Target) > MaxPath {
			return fmt.Errorf("the target of %q has %d bytes: %w", e.Path, len(e.Target), ErrLimit)
		}
		if e.Target == "" || strings.IndexByte(e.Target, 0) >= 0 {
			return fmt.Errorf("link %q to %q: %w", e.Path, e.Target, ErrEntry)
		}
	case Special:
		switch kind {
		case syscall.S_IFIFO, syscall.S_IFSOCK, syscall.S_IFCHR, syscall.S_IFBLK:
		default:
			return fmt.Errorf("special %q with mode %o: %w", e.Path, e.Mode, ErrEntry)
		}
	case Gone, Tree:
	default:
		return fmt.Errorf("state %d of %q: %w", e.State, e.Path, ErrEntry)
	}
	return nil
}

func (e Entry) checkContent() error {
	switch {
	case e.Size < 0:
		return fmt.Errorf("file %q of %d bytes: %w", e.Path, e.Size, ErrEntry)
	case e.Fetch && len(e.Content) == 0:
		return nil
	case e.Fetch || int64(len(e.Content)) != e.Size:
		return fmt.Errorf("file %q of %d bytes with %d bytes of content: %w", e.Path, e.Size, len(e.Content), ErrEntry)
	case len(e.Content) > MaxContent:
		return fmt.Errorf("%d bytes of content of %q: %w", len(e.Content), e.Path, ErrLimit)
	}
	return nil
}
