package brake

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRootGone(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	mkdir(t, root)
	write(t, root+"/f")
	old := take(t, root)
	must(t, os.Rename(root, root+".away"))
	now := take(t, root)
	v := Compare(old, now)
	wantHeld(t, v, map[string]Cause{"": Gone})
	if s := v.String(); strings.Contains(s, "\n") || !strings.Contains(s, "--accept-empty") {
		t.Errorf("message %q", s)
	}
	if !Accept(now).IsZero() {
		t.Error("a root that is gone can be accepted")
	}
	wantHeld(t, Compare(Identity{}, now), map[string]Cause{"": Gone})
	if got := Follow(old, now, true); Compare(got, now).OK() {
		t.Error("a root that is gone was followed")
	}
	write(t, root) // a file where the root was
	wantHeld(t, Compare(old, take(t, root)), map[string]Cause{"": Gone})
	must(t, os.Remove(root), os.Rename(root+".away", root))
	wantHeld(t, Compare(old, take(t, root)), nil)
}

func TestRootCreatedAnewStaysHeld(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	mkdir(t, root)
	write(t, root+"/f")
	old := take(t, root)
	must(t, os.Rename(root, root+".old")) // while the old directory exists, its inode number is not used again
	mkdir(t, root)
	wantHeld(t, Compare(old, take(t, root)), map[string]Cause{"": Changed})
	if old = take(t, root); old.Root.Born != 0 {
		must(t, os.RemoveAll(root)) // ext4 gives the same inode number to the next directory
		mkdir(t, root)
		write(t, root+"/f")
		wantHeld(t, Compare(old, take(t, root)), map[string]Cause{"": Changed})
	}
	write(t, root+"/g")
	now := take(t, root)
	wantHeld(t, Compare(old, now), map[string]Cause{"": Changed})
	wantHeld(t, Compare(Follow(old, now, true), now), map[string]Cause{"": Changed})
	wantHeld(t, Compare(Accept(now), now), nil)
}

// A root of which the configuration says that it may be created anew is held only while it is
// empty.
func TestRootMadeAnewOnTheSameFileSystem(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	mkdir(t, root)
	write(t, root+"/f")
	old := take(t, root)
	if _, again := Recreated(old, take(t, root)); again {
		t.Error("the same directory was made anew")
	}
	must(t, os.Rename(root, root+".old"))
	if _, again := Recreated(old, take(t, root)); again {
		t.Error("a root that is gone counts as made anew")
	}
	mkdir(t, root)
	now := take(t, root)
	renewed, again := Recreated(old, now)
	if !again {
		t.Error("a root that was made anew does not count as such")
	}
	wantHeld(t, Compare(renewed, now), map[string]Cause{"": Empty})
	write(t, root+"/g")
	wantHeld(t, Compare(renewed, take(t, root)), nil)
	elsewhere := now
	elsewhere.Root.Type, elsewhere.Root.FSID, elsewhere.Root.UUID, elsewhere.Root.Dev = "tmpfs", "0", "other", now.Root.Dev+1
	if _, again := Recreated(old, elsewhere); again {
		t.Error("a directory of another file system counts as the same")
	}
	if _, again := Recreated(Identity{}, now); again {
		t.Error("of nothing something was made anew")
	}
}

func TestRootFoundEmpty(t *testing.T) {
	root := t.TempDir()
	empty := take(t, root)
	wantHeld(t, Compare(Identity{}, empty), map[string]Cause{"": Empty})
	wantHeld(t, Compare(Accept(empty), empty), nil)
	if !Follow(Identity{}, empty, true).IsZero() {
		t.Error("emptiness at the first look was taken for a wish")
	}
	write(t, root+"/f")
	full := take(t, root)
	wantHeld(t, Compare(Identity{}, full), nil)
	wantHeld(t, Compare(Follow(Identity{}, full, false), full), nil)

	must(t, os.Remove(root+"/f"))
	v := Compare(full, empty)
	wantHeld(t, v, map[string]Cause{"": Empty})
	if !v.Holds("f") || !v.Holds("") || v.HoldsEvent("f") {
		t.Error("rm -rf root/* seen as events is held, or a scan's find is not")
	}
	wantHeld(t, Compare(Follow(full, empty, true), empty), nil)
	wantHeld(t, Compare(Follow(full, empty, false), empty), map[string]Cause{"": Empty})
}

// A user who may read everything cannot be kept out by a mode; so a thread without that right takes
// the look.
func TestUnreadableIsNotEmpty(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	mkdir(t, root)
	write(t, root+"/f")
	for dir := root; dir != "/"; dir = filepath.Dir(dir) {
		// The other user has to be able to reach the root.
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o001 == 0 {
			must(t, os.Chmod(dir, info.Mode().Perm()|0o011))
		}
	}
	old := take(t, root)
	must(t, os.Chmod(root, 0o300))
	now := asNobody(t, root)
	must(t, os.Chmod(root, 0o755))
	if now.Root.Problem == "" {
		t.Fatalf("the unreadable root was read: %+v", now.Root)
	}
	wantHeld(t, Compare(old, now), map[string]Cause{"": Unreadable})
	wantHeld(t, Compare(Identity{}, now), map[string]Cause{"": Unreadable})
	if !Accept(now).IsZero() {
		t.Error("an unreadable root can be accepted")
	}
}

func TestEntriesAreBounded(t *testing.T) {
	root := t.TempDir()
	for i := range maxEntries + 10 {
		write(t, fmt.Sprintf("%s/%d", root, i))
	}
	if got := take(t, root).Root.Entries; got != maxEntries {
		t.Errorf("%d entries", got)
	}
}

func TestTakeLeavesNothingOpen(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(entries)
	}
	root := t.TempDir()
	mkdir(t, root+"/sub")
	tmpfs(t, root+"/sub")
	before := count()
	for range 20 {
		take(t, root)
		take(t, root+"/missing")
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// asNobody runs Take in a thread with another file system user. setfsuid(2) applies to the thread
// alone and takes the right to read everything away from it.
func asNobody(t *testing.T, root string) Identity {
	t.Helper()
	done := make(chan Identity)
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread is never unlocked, so that it ends with the goroutine
		if os.Geteuid() == 0 {
			if err := setfsuid(65534); err != nil {
				t.Error(err)
				return
			}
		}
		id, err := Take(root)
		if err != nil {
			t.Error(err)
		}
		done <- id
	}()
	return <-done
}

func setfsuid(uid int) error {
	_, err := unix.SetfsuidRetUid(uid)
	return err
}

func TestLinkedUUID(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Symlink("/dev/null", dir+"/not-a-block-device"), os.Symlink("missing", dir+"/dangling"))
	var null unix.Stat_t
	must(t, unix.Stat("/dev/null", &null))
	if got := linkedUUID(dir, null.Rdev); got != "" {
		t.Errorf("found %q", got)
	}
	node := filepath.Join(t.TempDir(), "disk")
	err := unix.Mknod(node, unix.S_IFBLK|0o600, int(unix.Mkdev(8, 17)))
	if err == unix.EPERM {
		t.Skip("making device nodes is not permitted here")
	}
	must(t, err, os.Symlink(node, dir+"/1234-uuid"))
	if got := linkedUUID(dir, unix.Mkdev(8, 17)); got != "1234-uuid" {
		t.Errorf("found %q", got)
	}
	if got := linkedUUID(dir, unix.Mkdev(8, 18)); got != "" {
		t.Errorf("another device is %q", got)
	}
}

// A symbolic link that leads to the root has the identity of the root and of the mounts below it.
func TestRootThroughALink(t *testing.T) {
	base := t.TempDir()
	mkdir(t, base+"/root/sub")
	tmpfs(t, base+"/root/sub")
	must(t, os.Symlink("root", base+"/link"))
	direct, linked := take(t, base+"/root/"), take(t, base+"/link")
	wantHeld(t, Compare(direct, linked), nil)
	if len(linked.Mounts) != 1 {
		t.Errorf("mounts %+v", linked.Mounts)
	}
}
