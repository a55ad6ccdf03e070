package safefile

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReadInput: a link is followed, and only a regular file is read; nothing else is waited for.
func TestReadInput(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	l, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := errors.Join(
		os.WriteFile(at("file"), []byte("text"), 0o644), os.Symlink("file", at("link")),
		unix.Mkfifo(at("fifo"), 0o600), os.Mkdir(at("dir"), 0o755),
	); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"file", "link"} {
		if data, info, err := ReadInput(at(name), 4); err != nil || string(data) != "text" || info.Size() != 4 {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	if data, _, err := ReadInput(at("file"), 3); !errors.Is(err, ErrTooLarge) || string(data) != "tex" {
		t.Errorf("too large: %q, %v", data, err)
	}
	for _, name := range []string{"fifo", "dir", "socket"} {
		if _, _, err := ReadInput(at(name), 4); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	if _, _, err := ReadInput(at("missing"), 4); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

func TestReadSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for mode, trusted := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o620: false} {
		if err := errors.Join(os.WriteFile(path, []byte("x"), 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		data, _, err := ReadSecret(path, 4)
		if trusted != (err == nil && string(data) == "x") || !trusted && (!errors.Is(err, ErrUntrusted) || data != nil) {
			t.Errorf("mode %o: %q, %v", mode, data, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLetIn: our group may be able to read a secret, as Kubernetes mounts it with fsGroup. With any
// other owner, group or mode the file is refused.
func TestLetIn(t *testing.T) {
	ours := []int{0, 65532}
	for _, c := range []struct {
		mode     os.FileMode
		uid, gid uint32
		want     bool
	}{
		{0o440, 0, 65532, true},
		{0o640, 0, 65532, true},
		{0o440, 0, 1000, false},     // the group belongs to other users
		{0o440, 0, 0, false},        // the group is root's own
		{0o440, 65532, 1000, false}, // the owner of the file is not root
		{0o460, 0, 65532, false},
		{0o444, 0, 65532, false},
	} {
		if got := letIn(c.mode, &syscall.Stat_t{Uid: c.uid, Gid: c.gid}, ours); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestRenameAndRemove: Rename and Remove touch only a regular file of ours.
func TestRenameAndRemove(t *testing.T) {
	for kind, path := range obstacles(t) {
		if err := Rename(path, "moved"); !errors.Is(err, ErrUntrusted) {
			t.Errorf("rename of a %s: %v", kind, err)
		}
		if err := Remove(path); !errors.Is(err, ErrUntrusted) {
			t.Errorf("removal of a %s: %v", kind, err)
		}
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := Remove(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(filepath.Dir(path), "moved")
	if err := errors.Join(Rename(path, "moved"), Remove(moved)); err != nil {
		t.Error(err)
	}
	wantEntries(t, filepath.Dir(path), 0)
}
