package inotify

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent"

	"github.com/sersync/sersync/pkg/fsevent/watchertest"
)

// watchedFile is a file with two names, "a" and "b", that is watched by its inode.
type watchedFile struct {
	t      *testing.T
	dir    string
	id     fsevent.FileID
	files  *Files
	events chan fsevent.FileEvent
}

func watchFile(t *testing.T) *watchedFile {
	t.Helper()
	w := &watchedFile{t: t, dir: t.TempDir(), events: make(chan fsevent.FileEvent, 1000)}
	w.do(os.WriteFile(w.path("a"), []byte("old"), 0o600))
	w.do(os.Link(w.path("a"), w.path("b")))
	var err error
	if w.files, err = NewFiles(false); err != nil {
		t.Fatal(err)
	}
	if !w.watch("a") {
		t.Fatal("a file that nobody watched is not fresh")
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.files.Run(ctx, func(e fsevent.FileEvent) { w.events <- e }); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		if err := w.files.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *watchedFile) path(name string) string { return filepath.Join(w.dir, name) }

func (w *watchedFile) do(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *watchedFile) watch(name string) bool {
	w.t.Helper()
	fd, err := unix.Open(w.path(name), unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	w.do(err)
	defer unix.Close(fd)
	var st unix.Stat_t
	w.do(unix.Fstat(fd, &st))
	w.id = fsevent.FileID{Dev: st.Dev, Ino: st.Ino}
	fresh, err := w.files.Watch(fd, w.id)
	w.do(err)
	return fresh
}

// want waits for an event of this kind.
func (w *watchedFile) want(op fsevent.Op) {
	w.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case e := <-w.events:
			if e.ID != w.id {
				w.t.Fatalf("event of %v, want %v", e.ID, w.id)
			}
			if e.Op == op {
				return
			}
		case <-deadline:
			w.t.Fatalf("no event %d", op)
		}
	}
}

// TestFileIsWatchedWhateverItsNames: the watch of a directory loses a file in several ways. After
// each of them a write to the file is still reported.
func TestFileIsWatchedWhateverItsNames(t *testing.T) {
	for _, c := range []struct {
		name string
		drop func(w *watchedFile) error
	}{
		{"name kept", func(*watchedFile) error { return nil }},
		{"name removed", func(w *watchedFile) error { return os.Remove(w.path("a")) }},
		{"name replaced", func(w *watchedFile) error {
			w.do(os.WriteFile(w.path("other"), nil, 0o600))
			return os.Rename(w.path("other"), w.path("a"))
		}},
		{"name moved elsewhere", func(w *watchedFile) error { return os.Rename(w.path("a"), filepath.Join(t.TempDir(), "a")) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := watchFile(t)
			writer, err := os.OpenFile(w.path("a"), os.O_WRONLY|os.O_APPEND, 0)
			w.do(err)
			w.do(c.drop(w))
			_, err = writer.WriteString(" and new")
			w.do(err)
			w.do(writer.Close())
			w.want(fsevent.CloseWrite)
		})
	}
}

func TestFileWatchEndsWithTheFile(t *testing.T) {
	w := watchFile(t)
	if w.watch("b") {
		t.Error("the other name of a watched file counts as another file")
	}
	w.do(os.Remove(w.path("a")))
	w.want(fsevent.Attrib)
	w.do(os.Remove(w.path("b")))
	w.want(fsevent.Delete)
	if n := len(w.files.wds) + len(w.files.ids); n != 0 {
		t.Errorf("%d watches are remembered of a file that is gone", n)
	}
}

func TestForgottenFileIsSilent(t *testing.T) {
	w := watchFile(t)
	w.files.Forget(w.id)
	w.want(fsevent.Delete) // every event from before has been read
	w.do(os.WriteFile(w.path("a"), []byte("unseen"), 0o600))
	if !w.watch("a") {
		t.Error("a forgotten file is not fresh")
	}
	w.do(os.Chmod(w.path("b"), 0o640))
	if e := <-w.events; e.Op != fsevent.Attrib {
		t.Errorf("event %d of a file that was written before it was watched again", e.Op)
	}
}

// TestFileLeavesARootWithoutDirectories: the root has no directories, so the table of names has not
// stored anything yet.
func TestFileLeavesARootWithoutDirectories(t *testing.T) {
	base := t.TempDir()
	root := watchertest.Mkdir(t, base, "root")
	watchertest.Write(t, root, "f")
	r := start(t, root, Options{CloseWrite: true})
	watchertest.Rename(t, filepath.Join(root, "f"), filepath.Join(base, "f"))
	r.Want("from file f", 1)
}
