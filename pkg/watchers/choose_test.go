package watchers

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/confxml"
)

func mount(t *testing.T, kind, at, options string) {
	t.Helper()
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(kind, at, kind, 0, options); err != nil {
		t.Fatalf("this test mounts a %s, which needs root: %v", kind, err)
	}
	t.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) })
}

func TestChoose(t *testing.T) {
	on := confxml.Switches{CreateFolder: true}
	base := t.TempDir()
	own, small, large, over := filepath.Join(base, "own"), filepath.Join(base, "small"), filepath.Join(base, "own", "large"), filepath.Join(base, "over")
	mount(t, "tmpfs", own, "size=64m")
	for _, dir := range []string{filepath.Join(small, "a/b"), filepath.Join(base, "upper"), filepath.Join(base, "lower"), filepath.Join(base, "work")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mount(t, "overlay", over, "lowerdir="+base+"/lower,upperdir="+base+"/upper,workdir="+base+"/work")
	mount(t, "ramfs", filepath.Join(base, "mixed", "mnt"), "")
	for i := range 200 {
		for j := range 101 {
			if err := os.MkdirAll(filepath.Join(large, strconv.Itoa(i), strconv.Itoa(j)), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name, dir, asked string
		sw               confxml.Switches
		want, why        string
	}{
		{"asked for", small, confxml.Inotify, on, confxml.Inotify, ""},
		{"asked for", small, confxml.Fanotify, on, confxml.Fanotify, ""},
		{"a small tree", small, confxml.Auto, on, confxml.Inotify, "the tree has 3 directories"},
		{"a file system of its own", own, confxml.Auto, on, confxml.Fanotify, "root of its file system"},
		{"a large tree", large, confxml.Auto, on, confxml.Fanotify, "the tree"},
		{"overlay", over, confxml.Auto, on, confxml.Inotify, "overlayfs"},
		{"a strange mount below", filepath.Join(base, "mixed"), confxml.Auto, on, confxml.Inotify, "ramfs, which is mounted at mnt"},
		{"createFolder off", own, confxml.Auto, confxml.Switches{}, confxml.Inotify, "createFolder"},
		{"nothing", filepath.Join(base, "none"), confxml.Auto, on, confxml.Inotify, "no such file"},
	} {
		got := Choose(t.Context(), confxml.LocalPath{Watch: c.dir, Backend: c.asked}, c.dir, c.sw)
		if got.Backend != c.want || !strings.Contains(got.Why, c.why) || (c.why == "") != (got.Why == "") {
			t.Errorf("%s: %+v, want %s because of %q", c.name, got, c.want, c.why)
		}
	}
}

func TestUnable(t *testing.T) {
	dir := t.TempDir()
	on := confxml.Switches{CreateFolder: true}
	for _, c := range []struct {
		asked string
		dir   string
		sw    confxml.Switches
		want  string
	}{
		{confxml.Fanotify, dir, on, ""},
		{confxml.Fanotify, dir, confxml.Switches{}, "createFolder"},
		{confxml.Fanotify, "/proc", on, "file system"},
		{confxml.Fanotify, dir + "/none", on, "does not work here"},
		{confxml.Auto, "/proc", on, ""},
		{confxml.Inotify, "/proc", confxml.Switches{}, ""},
	} {
		err := Unable(confxml.LocalPath{Watch: c.dir, Backend: c.asked}, c.sw)
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Cause, c.want) || err.Remedy == "") {
			t.Errorf("%s of %s: %v, want %q", c.asked, c.dir, err, c.want)
		}
	}
}
