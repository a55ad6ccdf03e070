package fanotify

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent/watchertest"
)

// pair makes a root and another directory beside it.
func pair(t *testing.T) (root, outside string) {
	t.Helper()
	base := t.TempDir()
	return watchertest.Mkdir(t, base, "root"), watchertest.Mkdir(t, base, "outside")
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, root string) *watchertest.Running {
	t.Helper()
	return backend().Start(t, root, watchertest.Options{CloseWrite: true})
}

// The watcher remembers that a directory is outside of the root. Once the directory moves into the
// root it is watched, with everything below it.
func TestWhatComesInIsSeen(t *testing.T) {
	root, outside := pair(t)
	r := start(t, root)
	deep := watchertest.Mkdir(t, outside, "d/e/f")
	watchertest.Write(t, deep, "before")
	watchertest.Write(t, root, "sync")
	r.Want("close file sync", 1)
	watchertest.Rename(t, filepath.Join(outside, "d"), filepath.Join(root, "d"))
	r.Want("to covered d", 1)
	watchertest.Write(t, root, "d/e/f/after")
	r.Want("close file d/e/f/after", 1)
	if r.Told.Count("close file d/e/f/before") > 0 {
		t.Error("told what happened outside")
	}
	watchertest.Rename(t, filepath.Join(root, "d"), filepath.Join(outside, "d"))
	r.Want("from dir d", 1)
	watchertest.Write(t, deep, "gone")
	watchertest.Write(t, root, "sync")
	r.Want("close file sync", 2)
	if strings.Contains(r.Told.Text(), "d/e/f/gone") {
		t.Error("told what happened outside")
	}
}

// While a directory above the root has another name for a moment, the paths of the directories
// inside of the root do not begin with the root's path.
func TestADirectoryAboveIsRenamedForAMoment(t *testing.T) {
	base := t.TempDir()
	root := watchertest.Mkdir(t, base, "above/root")
	watchertest.Mkdir(t, root, "d")
	r := start(t, root)
	release := r.Told.Hold()
	watchertest.Write(t, root, "first")
	r.Want("create file first", 1)
	watchertest.Rename(t, filepath.Join(base, "above"), filepath.Join(base, "elsewhere"))
	watchertest.Write(t, base, "elsewhere/root/d/f")
	watchertest.Rename(t, filepath.Join(base, "elsewhere"), filepath.Join(base, "above"))
	release()
	r.Want("repaired", 1)
	watchertest.Write(t, root, "d/g")
	r.Want("close file d/g", 1)
}

// A receiving rsync renames each file from a temporary name; such a move is reported as an arrival.
func TestArrivalsAreTold(t *testing.T) {
	root, outside := pair(t)
	watchertest.Mkdir(t, root, "d")
	r := start(t, root)
	watchertest.Write(t, root, "d/.f.AbC1yz")
	watchertest.Rename(t, filepath.Join(root, "d/.f.AbC1yz"), filepath.Join(root, "d/f"))
	r.Want("to arrived d/f", 1)
	watchertest.Write(t, root, "d/other")
	watchertest.Rename(t, filepath.Join(root, "d/other"), filepath.Join(root, "d/g"))
	r.Want("to file d/g", 1)
	// A file that comes from outside may be no arrival.
	watchertest.Write(t, outside, ".h.AbC1yz")
	watchertest.Rename(t, filepath.Join(outside, ".h.AbC1yz"), filepath.Join(root, "d/h"))
	r.Want("to file d/h", 1)
}

// A program that still writes to a replaced file changes nothing under the name. An event for that
// write would make the file that has arrived look like a change of this host.
func TestWritesToReplacedFilesAreNotTold(t *testing.T) {
	root, _ := pair(t)
	watchertest.Write(t, root, "f")
	r := start(t, root)
	old, err := os.OpenFile(filepath.Join(root, "f"), os.O_WRONLY, 0)
	do(t, err)
	watchertest.Write(t, root, ".f.AbC1yz")
	watchertest.Rename(t, filepath.Join(root, ".f.AbC1yz"), filepath.Join(root, "f"))
	r.Want("to arrived f", 1)
	_, err = old.WriteString("late")
	do(t, errors.Join(err, old.Close()))
	watchertest.Write(t, root, "sync")
	r.Want("close file sync", 1)
	if r.Told.Count("close file f") > 0 {
		t.Error("the close of a file without a name was told")
	}
	watchertest.Write(t, root, "f")
	r.Want("close file f", 1)
}

// A directory from elsewhere is mounted below the root: its changes are seen there, by whichever
// path they are made.
func TestBindMounts(t *testing.T) {
	root, outside := pair(t)
	watchertest.Mkdir(t, root, "real/d")
	for _, p := range []string{"early", "late", "twice"} {
		watchertest.Mkdir(t, root, p)
	}
	bind := func(from, to string) {
		do(t, unix.Mount(from, to, "", unix.MS_BIND, ""))
		t.Cleanup(func() { _ = unix.Unmount(to, unix.MNT_DETACH) })
	}
	watchertest.Mkdir(t, outside, "one/d")
	watchertest.Mkdir(t, outside, "two/d")
	bind(filepath.Join(outside, "one"), filepath.Join(root, "early"))
	r := start(t, root)
	watchertest.Write(t, outside, "one/d/f")
	r.Want("close file early/d/f", 1)
	watchertest.Write(t, outside, "two/d/unseen")
	bind(filepath.Join(outside, "two"), filepath.Join(root, "late"))
	r.Want("mount late true", 1)
	r.Want("create covered late", 1)
	watchertest.Write(t, outside, "two/d/f")
	r.Want("close file late/d/f", 1)
	bind(filepath.Join(root, "real"), filepath.Join(root, "twice"))
	r.Want("mount twice true", 1)
	watchertest.Write(t, root, "twice/d/f")
	r.Want("close file twice/d/f", 1)
	r.Want("close file real/d/f", 1)
	r.Unmount(filepath.Join(root, "late"))
	r.Want("mount late false", 1)
	watchertest.Write(t, outside, "two/d/after")
	watchertest.Write(t, root, "sync")
	r.Want("close file sync", 1)
	if strings.Contains(r.Told.Text(), "after") || strings.Contains(r.Told.Text(), "unseen") {
		t.Error("told what happened outside")
	}
}

// The root may be a mount of a directory inside of a file system: entries outside of that directory
// have no path.
func TestRootIsBindMount(t *testing.T) {
	root, outside := pair(t)
	watchertest.Mkdir(t, outside, "in/d")
	watchertest.Mkdir(t, outside, "out", root, "d")
	do(t, unix.Mount(filepath.Join(outside, "in"), root, "", unix.MS_BIND, ""))
	t.Cleanup(func() { _ = unix.Unmount(root, unix.MNT_DETACH) })
	r := start(t, root)
	watchertest.Write(t, outside, "out", root, "d/unseen")
	watchertest.Write(t, outside, "unseen")
	watchertest.Write(t, outside, "in/d/f")
	r.Want("close file d/f", 1)
	if strings.Contains(r.Told.Text(), "unseen") {
		t.Errorf("told what happened outside:\n%s", r.Told.Text())
	}
}

// A file system of which fanotify does not report every change is scanned again.
func TestStrangeFileSystemBelowTheRoot(t *testing.T) {
	root, _ := pair(t)
	mnt := watchertest.Mkdir(t, root, "mnt")
	do(t, unix.Mount("ramfs", mnt, "ramfs", 0, ""))
	t.Cleanup(func() { _ = unix.Unmount(mnt, unix.MNT_DETACH) })
	r := start(t, root)
	r.Want(`uncovered mnt fanotify does not see everything on ramfs; write backend="inotify"`, 1)
	r.Until("the count", func() bool { return r.Stats().Uncovered == 1 })
	r.Unmount(mnt)
	r.Want("uncovered mnt <nil>", 1)
	r.Want("mount mnt false", 1)
	watchertest.Write(t, mnt, "f")
	r.Want("close file mnt/f", 1)
}

// Where a path is longer than the kernel reports, the nearest directory above it is reported with
// everything below.
func TestLongPaths(t *testing.T) {
	root, _ := pair(t)
	fd, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	do(t, err)
	r := start(t, root)
	name := strings.Repeat("n", 255)
	for range 20 {
		do(t, unix.Mkdirat(fd, name, 0o755))
		next, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		do(t, err)
		unix.Close(fd)
		fd = next
	}
	defer unix.Close(fd)
	r.Quiet()
	before := r.Stats().Events
	f, err := unix.Openat(fd, "f", unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	do(t, err)
	unix.Close(f)
	r.Until("events", func() bool { return r.Stats().Events > before })
	lines := strings.Split(r.Told.Text(), "\n")
	path, ok := strings.CutPrefix(lines[len(lines)-1], "create covered ")
	if !ok || len(path) < 3000 {
		t.Errorf("told %.100q... of %d bytes", lines[len(lines)-1], len(path))
	}
}

// While the root's path leads to another directory, records are dropped. When the path leads to the
// root again, a scan finds the changes that they would have reported.
func TestTheRootIsAwayForAMoment(t *testing.T) {
	root, _ := pair(t)
	watchertest.Mkdir(t, root, "d")
	w, err := New(root, Options{CloseWrite: true})
	do(t, err)
	s, err := w.open(t.Context())
	do(t, err)
	defer s.close()
	told := &watchertest.Told{}
	s.h = told
	watchertest.Write(t, root, "d/f")
	watchertest.Rename(t, root, root+".away")
	buf := make([]byte, readBuffer)
	do(t, s.readAll(buf))
	watchertest.Rename(t, root+".away", root)
	if s.rootLost() || !s.places.lost {
		t.Error("the root is lost, or nobody has noticed")
	}
	s.settleDoubt(time.Now())
	if told.Count("repaired") == 0 {
		t.Errorf("no scan was asked for:\n%s", told.Text())
	}
}

// The kernel may use the inode number of a deleted directory for a new file, and then says of the
// directory that there is no memory for it. No event is lost by that.
func TestNumbersThatAreUsedAgain(t *testing.T) {
	root, _ := pair(t)
	r := start(t, root)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			dir := filepath.Join(root, strconv.Itoa(i))
			for range 1500 {
				_ = os.MkdirAll(filepath.Join(dir, "sub"), 0o755)
				_ = os.WriteFile(filepath.Join(dir, "sub", "f"), nil, 0o600)
				_ = os.RemoveAll(dir)
			}
		})
	}
	wg.Wait()
	r.Quiet()
	watchertest.Write(t, root, "sync")
	r.Want("close file sync", 1)
	if n := r.Told.Count("overflow"); n > 0 {
		t.Errorf("%d scans were asked for", n)
	}
}
