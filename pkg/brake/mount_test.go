package brake

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// mount mounts a file system for the duration of the test. A process without the right to mount
// skips the test.
func mount(t *testing.T, source, target, fsType string, flags uintptr, data string) {
	t.Helper()
	err := unix.Mount(source, target, fsType, flags, data)
	if errors.Is(err, unix.EPERM) {
		t.Skip("mounting is not permitted here")
	}
	must(t, err)
	t.Cleanup(func() {
		// Most tests have unmounted the file system already.
		if err := unix.Unmount(target, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			t.Errorf("unmount %q: %v", target, err)
		}
	})
}

func tmpfs(t *testing.T, target string) { t.Helper(); mount(t, "tmpfs", target, "tmpfs", 0, "size=1m") }

func umount(t *testing.T, target string) { t.Helper(); must(t, unix.Unmount(target, 0)) }

func write(t *testing.T, path string) { t.Helper(); must(t, os.WriteFile(path, []byte("x"), 0o600)) }

func mkdir(t *testing.T, path string) { t.Helper(); must(t, os.MkdirAll(path, 0o755)) }

// take returns the identity of root, passed through JSON as a restart would.
func take(t *testing.T, root string) Identity {
	t.Helper()
	id, err := Take(root)
	must(t, err)
	data, err := json.Marshal(id)
	must(t, err)
	var back Identity
	must(t, json.Unmarshal(data, &back))
	if !reflect.DeepEqual(id, back) {
		t.Fatalf("JSON changed %+v to %+v", id, back)
	}
	return id
}

// wantHeld compares the causes that hold deletions, by path; nil: nothing is held.
func wantHeld(t *testing.T, v Verdict, want map[string]Cause) {
	t.Helper()
	got := make(map[string]Cause)
	for _, h := range v.Held {
		got[h.Path] = h.Cause
		if h.Reason == "" || h.Remedy == "" {
			t.Errorf("hold without reason or remedy: %+v", h)
		}
	}
	if len(want) == 0 {
		want = map[string]Cause{}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("held %v, want %v: %s", got, want, v)
	}
}

func TestDiskNotMounted(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	mkdir(t, root)
	tmpfs(t, root)
	write(t, root+"/f")
	old := take(t, root)
	wantHeld(t, Compare(old, take(t, root)), nil)
	umount(t, root)

	v := Compare(old, take(t, root))
	wantHeld(t, v, map[string]Cause{"": Changed})
	if !v.Holds("f") || !v.HoldsEvent("a/b") {
		t.Error("the root is not held")
	}
	write(t, root+"/written-to-the-bare-mount-point")
	wantHeld(t, Compare(old, take(t, root)), map[string]Cause{"": Changed})

	// Another file system of the same kind is not taken for the one that was there.
	tmpfs(t, root)
	write(t, root+"/f")
	wantHeld(t, Compare(old, take(t, root)), map[string]Cause{"": Changed})
	wantHeld(t, Compare(Accept(take(t, root)), take(t, root)), nil)
}

func TestDiskBelowTheRoot(t *testing.T) {
	root := t.TempDir()
	hostile := "disk 1\\040\n\t#\xff%41"
	for _, d := range []string{hostile, "a/disk", "plain"} {
		mkdir(t, filepath.Join(root, d))
	}
	tmpfs(t, filepath.Join(root, hostile))
	tmpfs(t, filepath.Join(root, "a/disk"))
	write(t, filepath.Join(root, hostile, "f"))
	write(t, filepath.Join(root, "a/disk/f"))
	old := take(t, root)
	if len(old.Mounts) != 2 || old.Mounts[0].Path != "a/disk" || string(old.Mounts[1].Path) != hostile {
		t.Fatalf("mounts %+v", old.Mounts)
	}
	wantHeld(t, Compare(old, take(t, root)), nil)

	umount(t, filepath.Join(root, hostile))
	v := Compare(old, take(t, root))
	wantHeld(t, v, map[string]Cause{hostile: Gone})
	for path, want := range map[string]bool{
		hostile: true, hostile + "/f": true, hostile + "x": false, "a": false, "a/disk/f": false, "plain/x": false, "": true,
	} {
		if v.Holds(path) != want || v.HoldsEvent(path) != want {
			t.Errorf("Holds(%q) = %v, %v; want %v", path, v.Holds(path), v.HoldsEvent(path), want)
		}
	}
	// The identity of the missing disk is kept, even if everything else is learnt anew.
	kept := Follow(old, take(t, root), true)
	wantHeld(t, Compare(kept, take(t, root)), map[string]Cause{hostile: Gone})

	umount(t, filepath.Join(root, "a/disk"))
	v = Compare(old, take(t, root))
	wantHeld(t, v, map[string]Cause{hostile: Gone, "a/disk": Gone})
	if !v.Holds("a") {
		t.Error("an ancestor of a missing disk may be deleted")
	}
}

func TestBindMountComesBack(t *testing.T) {
	base := t.TempDir()
	root, disk, other := base+"/root", base+"/disk", base+"/other"
	for _, d := range []string{root + "/sub", disk, other} {
		mkdir(t, d)
		write(t, d+"/f")
	}
	mount(t, disk, root+"/sub", "", unix.MS_BIND, "")
	old := take(t, root)
	umount(t, root+"/sub")
	wantHeld(t, Compare(old, take(t, root)), map[string]Cause{"sub": Gone})
	mount(t, disk, root+"/sub", "", unix.MS_BIND, "")
	wantHeld(t, Compare(old, take(t, root)), nil)
	umount(t, root+"/sub")
	mount(t, other, root+"/sub", "", unix.MS_BIND, "")
	wantHeld(t, Compare(old, take(t, root)), map[string]Cause{"sub": Changed})
	// Two file systems are mounted at one directory: the upper one counts.
	mount(t, disk, root+"/sub", "", unix.MS_BIND, "")
	wantHeld(t, Compare(old, take(t, root)), nil)
}

func TestRootIsABindMount(t *testing.T) {
	base := t.TempDir()
	root, disk := base+"/root", base+"/disk"
	mkdir(t, root)
	mkdir(t, disk)
	write(t, disk+"/f")
	mount(t, disk, root, "", unix.MS_BIND, "")
	old := take(t, root)
	umount(t, root)
	wantHeld(t, Compare(old, take(t, root)), map[string]Cause{"": Changed})
	mount(t, disk, root, "", unix.MS_BIND, "")
	wantHeld(t, Compare(old, take(t, root)), nil)
}

func TestMountAppears(t *testing.T) {
	root := t.TempDir()
	mkdir(t, root+"/sub")
	write(t, root+"/sub/f")
	old := take(t, root)
	tmpfs(t, root+"/sub")
	v := Compare(old, take(t, root))
	wantHeld(t, v, map[string]Cause{"sub": Appeared})
	if !v.Holds("sub/f") || v.HoldsEvent("sub/f") {
		t.Error("deletions below the mount point are not held, or events in the mount are")
	}
	wantHeld(t, Compare(Follow(old, take(t, root), true), take(t, root)), map[string]Cause{"sub": Appeared})
	wantHeld(t, Compare(Accept(take(t, root)), take(t, root)), nil)
}

func TestMountsThatCannotBeReachedDoNotCount(t *testing.T) {
	root := t.TempDir()
	mkdir(t, root+"/a/b")
	tmpfs(t, root+"/a/b")
	write(t, root+"/a/b/f")
	old := take(t, root)
	tmpfs(t, root+"/a") // hides a/b; the file system has a directory of the same name
	mkdir(t, root+"/a/b")
	now := take(t, root)
	if len(now.Mounts) != 1 || now.Mounts[0].Path != "a" {
		t.Errorf("mounts %+v", now.Mounts)
	}
	wantHeld(t, Compare(old, now), map[string]Cause{"a": Appeared, "a/b": Gone})
}

func TestLostAndFoundAloneIsEmpty(t *testing.T) {
	root := t.TempDir()
	mkdir(t, root+"/disk")
	mkdir(t, root+"/disk2")
	tmpfs(t, root+"/disk")
	tmpfs(t, root+"/disk2")
	for _, d := range []string{root, root + "/disk", root + "/disk2"} {
		mkdir(t, d+"/lost+found")
	}
	write(t, root+"/disk/f")
	old := take(t, root)
	must(t, os.Remove(root+"/disk/f"))
	now := take(t, root)
	v := Compare(old, now)
	wantHeld(t, v, map[string]Cause{"disk": Empty}) // disk2 was empty before the restart, too
	if !v.Holds("disk/f") || v.HoldsEvent("disk/f") {
		t.Error("a deletion found by a scan is not held, or one seen as an event is")
	}
	wantHeld(t, Compare(Follow(old, now, false), now), map[string]Cause{"disk": Empty})
	wantHeld(t, Compare(Follow(old, now, true), now), nil)
	write(t, root+"/disk/g")
	wantHeld(t, Compare(old, take(t, root)), nil)
}

func TestMountedFile(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/f")
	write(t, root+"/g")
	old := take(t, root)
	mount(t, root+"/g", root+"/f", "", unix.MS_BIND, "")
	now := take(t, root)
	if len(now.Mounts) != 1 || now.Mounts[0].Place.Problem != "" || now.Mounts[0].Place.Entries != 1 {
		t.Fatalf("mounts %+v", now.Mounts)
	}
	wantHeld(t, Compare(old, now), map[string]Cause{"f": Appeared})
}
