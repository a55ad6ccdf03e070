package logging

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// planted are things that another user can put at the path of the log. Each function gets the path
// of a file that must not change.
var planted = map[string]func(victim, path string) error{
	"link":          func(victim, path string) error { return os.Symlink(victim, path) },
	"dangling link": func(victim, path string) error { return os.Symlink(victim+"-new", path) },
	"hard link":     func(victim, path string) error { return os.Link(victim, path) },
	"fifo":          func(_, path string) error { return unix.Mkfifo(path, 0o666) },
	"world-writable": func(_, path string) error {
		return errors.Join(os.WriteFile(path, nil, 0o666), os.Chmod(path, 0o666))
	},
}

// TestPlantedFileIsLeftAlone: what others have put at the path of the log is not followed, not
// written to and not waited for, in each directory that they can write to. The entries go to
// standard error.
func TestPlantedFileIsLeftAlone(t *testing.T) {
	for kind, plant := range planted {
		for _, mode := range []os.FileMode{0o755, 0o777, 0o777 | os.ModeSticky} {
			t.Run(kind+" "+mode.String(), func(t *testing.T) {
				dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
				path := filepath.Join(dir, "log")
				if err := errors.Join(os.Chmod(dir, mode), os.WriteFile(victim, []byte("precious"), 0o600), plant(victim, path)); err != nil {
					t.Fatal(err)
				}
				got := logged(t, confxml.Log{File: path}, false, func(l *zap.Logger) { l.Info("sync goes on") })
				if !strings.Contains(got, "log goes to standard error") || !strings.Contains(got, "sync goes on") {
					t.Errorf("standard error got %q", got)
				}
				wantUntouched(t, victim)
			})
		}
	}
}

func wantUntouched(t *testing.T, victim string) {
	t.Helper()
	if b, err := os.ReadFile(victim); err != nil || string(b) != "precious" {
		t.Errorf("the file behind the log's name is %q, %v", b, err)
	}
	if list, err := os.ReadDir(filepath.Dir(victim)); err != nil || len(list) != 1 {
		t.Errorf("beside the file stand %v, %v", list, err)
	}
}

// TestPlantedFileWhileOpen: the same holds each time the file is opened again, and once the file
// may be used the log returns to it.
func TestPlantedFileWhileOpen(t *testing.T) {
	dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	path := filepath.Join(dir, "log")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "standard"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	conf := confxml.Log{File: path}
	log, err := Open(conf, false, out)
	if err != nil {
		t.Fatal(err)
	}
	log.Logger().Info("first")
	if err := errors.Join(log.Apply(conf, false), os.Remove(path), os.Symlink(victim, path)); err != nil {
		t.Fatal(err)
	}
	log.Logger().Info("second")
	log.Logger().Info("third")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	log.Logger().Info("fourth")
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile(out.Name())
	if err != nil || bytes.Count(said, []byte("symbolic link")) != 1 || !bytes.Contains(said, []byte("second")) || !bytes.Contains(said, []byte("third")) {
		t.Errorf("standard error got %q, %v", said, err)
	}
	wantUntouched(t, victim)
	if b, err := os.ReadFile(path); err != nil || !bytes.Contains(b, []byte("fourth")) {
		t.Errorf("the file holds %q, %v", b, err)
	}
}

// TestRotatedFilesAreBounded: the configured number of rotated files stays, with the mode of the
// log. A file that only looks like one of them is left alone.
func TestRotatedFilesAreBounded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sersync.log")
	others := []string{"sersync-notes.log", "sersync-2020-01-02T03-04-05.000.txt", "other-2020-01-02T03-04-05.000.log"}
	old := "sersync-2020-01-02T03-04-05.000.log"
	for _, name := range append(others, old) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, nil, 0o604); err != nil {
		t.Fatal(err)
	}
	f, err := openFile(confxml.Log{File: path, MaxBackups: 2}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	f.max = 10
	for range 6 {
		// Two rotations within one millisecond would use the same name.
		for before := list(t, dir); maps.Equal(before, list(t, dir)); {
			if _, err := f.Write([]byte("eight by")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	names := list(t, dir)
	if len(names) != len(others)+3 || names[old] {
		t.Errorf("%v", names)
	}
	for _, name := range others {
		if !names[name] {
			t.Errorf("%s is gone", name)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o604 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func list(t *testing.T, dir string) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name()] = true
	}
	return names
}
