package apply

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/fstree"
)

const moment = int64(1_700_000_000_123_456_789)

func open(t *testing.T, dir string) *Tree {
	t.Helper()
	root, err := fstree.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	tree := New(root)
	t.Cleanup(func() {
		tree.Close()
		root.Close()
	})
	return tree
}

func file(path, content string) change.Entry {
	return change.Entry{
		Path: path, State: change.File, Mode: unix.S_IFREG | 0o640, UID: uint32(os.Getuid()), GID: uint32(os.Getgid()),
		ModTime: moment, Size: int64(len(content)), Content: []byte(content),
	}
}

func dir(path string) change.Entry {
	return change.Entry{Path: path, State: change.Dir, Mode: unix.S_IFDIR | 0o710, UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), ModTime: moment}
}

func link(path, target string) change.Entry {
	return change.Entry{Path: path, State: change.Link, UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), ModTime: moment, Target: target}
}

func fifo(path string) change.Entry {
	return change.Entry{Path: path, State: change.Special, Mode: unix.S_IFIFO | 0o600, UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), ModTime: moment}
}

func absent(path string) change.Entry { return change.Entry{Path: path, State: change.Gone} }

// describe lists what is below a directory, one line for each entry.
func describe(t *testing.T, root string) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		what := ""
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what = fmt.Sprintf("=%s %o", data, st.Mode&modeBits)
		case unix.S_IFDIR:
			what = fmt.Sprintf("/ %o", st.Mode&modeBits)
		case unix.S_IFLNK:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			what = "->" + to
		case unix.S_IFIFO:
			what = "|"
		}
		all = append(all, strings.TrimPrefix(path, root+"/")+what)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}

// Each state is applied over each other one, twice: the second time changes nothing.
func TestEveryStateOverEveryOther(t *testing.T) {
	states := map[string][]change.Entry{
		"nothing": {absent("d/x")},
		"file":    {file("d/x", "text")},
		"other":   {file("d/x", "other text")},
		"dir":     {dir("d/x")},
		"full":    {dir("d/x"), dir("d/x/y"), file("d/x/y/z", "deep"), link("d/x/l", "/etc/passwd")},
		"link":    {link("d/x", "elsewhere")},
		"fifo":    {fifo("d/x")},
	}
	want := map[string]string{
		"nothing": "d/ 755", "file": "d/ 755\nd/x=text 640", "other": "d/ 755\nd/x=other text 640",
		"dir": "d/ 755\nd/x/ 710", "link": "d/ 755\nd/x->elsewhere", "fifo": "d/ 755\nd/x|",
		"full": "d/ 755\nd/x/ 710\nd/x/l->/etc/passwd\nd/x/y/ 710\nd/x/y/z=deep 640",
	}
	for before := range states {
		for after := range states {
			root := t.TempDir()
			if err := os.Mkdir(root+"/d", 0o755); err != nil {
				t.Fatal(err)
			}
			tree := open(t, root)
			for _, e := range states[before] {
				if _, err := tree.Apply(e); err != nil {
					t.Fatalf("%s: %v", before, err)
				}
			}
			var first Done
			for _, e := range states[after] {
				done, err := tree.Apply(e)
				if err != nil {
					t.Fatalf("%s over %s: %v", after, before, err)
				}
				first.Changed = first.Changed || done.Changed
			}
			expected := want[after]
			if before == "full" && after == "dir" {
				expected = want["full"] // the state of a directory says nothing about its entries
			}
			if got := describe(t, root); got != expected {
				t.Errorf("%s over %s:\n%s\nwant\n%s", after, before, got, expected)
			}
			if before != after && !first.Changed && !(before == "full" && after == "dir") {
				t.Errorf("%s over %s is said to have changed nothing", after, before)
			}
			if after == "full" {
				continue // its files have changed the times of its directories
			}
			for _, e := range states[after] {
				if done, err := tree.Apply(e); err != nil || done.Changed {
					t.Errorf("%s again: %+v, %v", after, done, err)
				}
			}
		}
	}
}

func TestAttributes(t *testing.T) {
	root := t.TempDir()
	tree := open(t, root)
	for _, e := range []change.Entry{file("f", "text"), link("l", "f"), fifo("p"), dir("d"), {Path: "", State: change.Dir, Mode: unix.S_IFDIR | 0o750, UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), ModTime: moment}} {
		if _, err := tree.Apply(e); err != nil {
			t.Fatal(err)
		}
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(root, e.Path), &st); err != nil {
			t.Fatal(err)
		}
		if st.Mtim.Nano() != e.ModTime || e.State != change.Link && st.Mode&modeBits != e.Mode&modeBits {
			t.Errorf("%v %q: time %d, mode %o", e.State, e.Path, st.Mtim.Nano(), st.Mode)
		}
	}
	// The entry changes only the mode of a file; the content stays the same.
	e := file("f", "text")
	e.Mode = unix.S_IFREG | 0o4755
	var before, after unix.Stat_t
	if err := unix.Lstat(root+"/f", &before); err != nil {
		t.Fatal(err)
	}
	if done, err := tree.Apply(e); err != nil || !done.Changed {
		t.Fatalf("%+v, %v", done, err)
	}
	if err := unix.Lstat(root+"/f", &after); err != nil {
		t.Fatal(err)
	}
	if after.Mode&modeBits != 0o4755 || after.Ino != before.Ino {
		t.Errorf("mode %o, written anew: %v", after.Mode, after.Ino != before.Ino)
	}
}

// Files of the same size and time are not taken for equal.
func TestContentIsCompared(t *testing.T) {
	root := t.TempDir()
	tree := open(t, root)
	for _, content := range []string{"one", "two"} {
		if done, err := tree.Apply(file("f", content)); err != nil || !done.Changed {
			t.Fatalf("%s: %+v, %v", content, done, err)
		}
	}
	if got := describe(t, root); got != "f=two 640" {
		t.Error(got)
	}
}

// If a file has another name, outside or inside of the tree, that name keeps its content.
func TestOtherNamesKeepTheirContent(t *testing.T) {
	root := t.TempDir()
	tree := open(t, root)
	if _, err := tree.Apply(file("a", "text")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(root+"/a", root+"/b"); err != nil {
		t.Fatal(err)
	}
	e := file("a", "text")
	e.Mode = unix.S_IFREG | 0o600
	if _, err := tree.Apply(e); err != nil {
		t.Fatal(err)
	}
	if got := describe(t, root); got != "a=text 600\nb=text 640" {
		t.Error(got)
	}
}

// No entry writes, changes or removes anything behind a symbolic link.
func TestLinksAreNotFollowed(t *testing.T) {
	base := t.TempDir()
	root, outside := base+"/root", base+"/outside"
	for _, d := range []string{root, outside, outside + "/d"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(outside+"/f", []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := describe(t, outside)
	for name, target := range map[string]string{"out": outside, "rel": "../outside", "file": outside + "/f"} {
		if err := os.Symlink(target, root+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	tree := open(t, root)
	for _, path := range []string{"out/f", "rel/f", "rel/d", "out/d/new", "out/new/new", "file/f"} {
		for _, e := range []change.Entry{file(path, "forged"), dir(path), link(path, "x"), fifo(path)} {
			if _, err := tree.Apply(e); !errors.Is(err, ErrObstructed) {
				t.Errorf("%v %q: %v", e.State, path, err)
			}
		}
		if done, err := tree.Apply(absent(path)); err != nil || done.Changed {
			t.Errorf("gone %q: %+v, %v", path, done, err)
		}
		if done, err := tree.RemoveOne(path); err != nil || done.Changed {
			t.Errorf("remove %q: %+v, %v", path, done, err)
		}
	}
	if got := describe(t, outside); got != before {
		t.Errorf("outside has changed:\n%s", got)
	}
	// A link at the path itself is replaced, and not followed.
	if _, err := tree.Apply(file("file", "mine")); err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Apply(absent("out")); err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Apply(dir("rel")); err != nil {
		t.Fatal(err)
	}
	if got := describe(t, outside); got != before {
		t.Errorf("outside has changed:\n%s", got)
	}
	if got := describe(t, root); got != "file=mine 640\nrel/ 710" {
		t.Error(got)
	}
}

// A program that was killed while it wrote a file has left a part of it; the next entry in that
// directory removes the part.
func TestLeftoverOfAKill(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(root+"/"+Temporary, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	tree := open(t, root)
	if _, err := tree.Apply(absent("other")); err != nil {
		t.Fatal(err)
	}
	if got := describe(t, root); got != "" {
		t.Error(got)
	}
	if _, err := tree.Apply(file(Temporary, "x")); !errors.Is(err, ErrName) {
		t.Error(err)
	}
}

// A directory that was removed while the program keeps it open is made again.
func TestDirectoryRemovedMeanwhile(t *testing.T) {
	root := t.TempDir()
	tree := open(t, root)
	if _, err := tree.Apply(file("d/a", "1")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(root + "/d"); err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Apply(file("d/b", "2")); err != nil {
		t.Fatal(err)
	}
	if got := describe(t, root); got != "d/ 755\nd/b=2 640" {
		t.Error(got)
	}
}

func TestHeld(t *testing.T) {
	root := t.TempDir()
	tree := open(t, root)
	if _, err := tree.Apply(file("d/a", "1")); err != nil {
		t.Fatal(err)
	}
	before := describe(t, root)
	tree.MayRemove = func(string) bool { return false }
	for _, e := range []change.Entry{absent("d"), absent("d/a"), file("d", "x"), link("d", "x"), fifo("d"), dir("d/a")} {
		if _, err := tree.Apply(e); !errors.Is(err, ErrHeld) {
			t.Errorf("%v %q: %v", e.State, e.Path, err)
		}
	}
	if got := describe(t, root); got != before {
		t.Error(got)
	}
}

func TestRemoveOne(t *testing.T) {
	root := t.TempDir()
	tree := open(t, root)
	if _, err := tree.Apply(file("d/a", "1")); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		path    string
		changed bool
	}{{"d", false}, {"no", false}, {"d/no/x", false}, {"d/a", true}, {"d/a", false}, {"d", true}} {
		if done, err := tree.RemoveOne(step.path); err != nil || done.Changed != step.changed {
			t.Errorf("%q: %+v, %v", step.path, done, err)
		}
	}
}

// An owner that only root can set is counted and is no failure.
func TestOwnerAsAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: it becomes another user")
	}
	root := t.TempDir()
	if err := os.Chmod(root, 0o777); err != nil {
		t.Fatal(err)
	}
	tree := open(t, root)
	done := make(chan error, 1)
	go func() { // from here on the thread is another user; it ends with the goroutine
		done <- asUser(65534, func() error {
			for _, e := range []change.Entry{file("f", "x"), dir("d"), link("l", "x"), fifo("p"), {Path: "dev", State: change.Special, Mode: unix.S_IFCHR | 0o600, Rdev: 0x103, ModTime: moment}} {
				for range 2 {
					e.UID, e.GID = 0, 0
					got, err := tree.Apply(e)
					if err != nil || !got.Unheld {
						return fmt.Errorf("%v %q: %+v, %w", e.State, e.Path, got, err)
					}
				}
			}
			return nil
		})
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := describe(t, root); got != "d/ 710\nf=x 640\nl->x\np|" {
		t.Error(got)
	}
}
