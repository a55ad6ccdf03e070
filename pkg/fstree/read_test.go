package fstree

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhatALookFoundIsReadWithoutFollowingLinks(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	for _, err := range []error{
		os.WriteFile(filepath.Join(elsewhere, "secret"), []byte("secret"), 0o600),
		os.Mkdir(filepath.Join(dir, "d"), 0o700),
		os.WriteFile(filepath.Join(dir, "d", "f"), []byte("content"), 0o600),
		os.Symlink(elsewhere, filepath.Join(dir, "out")),
		os.Symlink(filepath.Join(elsewhere, "secret"), filepath.Join(dir, "l")),
		unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	l := root.Looker()
	defer l.Close()

	f, err := l.Open("d/f")
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(f)
	_ = f.Close()
	if err != nil || string(content) != "content" {
		t.Errorf("read %q, %v", content, err)
	}
	for _, path := range []string{"l", "out/secret", "fifo", "d", "d/none", "none/f"} {
		if f, err := l.Open(path); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", path, err)
			if err == nil {
				_ = f.Close()
			}
		}
	}
	if target, err := l.Readlink("l"); err != nil || target != filepath.Join(elsewhere, "secret") {
		t.Errorf("the link says %q, %v", target, err)
	}
	for _, path := range []string{"d/f", "none", "out/secret"} {
		if target, err := l.Readlink(path); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %q, %v", path, target, err)
		}
	}
}
