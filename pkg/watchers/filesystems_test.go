package watchers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/confxml"
)

// command runs a program that makes or mounts a file system.
func command(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
}

// disk makes a file system in a file, mounts it at dir, and returns the file. The test ends here if
// this host cannot make such a file system.
func disk(t *testing.T, dir, kind string, options ...string) (image string) {
	t.Helper()
	program := "mkfs." + kind
	for _, at := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if _, err := os.Stat(filepath.Join(at, program)); err == nil {
			program = filepath.Join(at, program)
		}
	}
	if !filepath.IsAbs(program) {
		t.Skipf("no %s on this host", program)
	}
	image = filepath.Join(t.TempDir(), kind)
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 512<<20); err != nil {
		t.Fatal(err)
	}
	command(t, append(append([]string{program, "-q"}, options...), image)...)
	attach(t, image, dir, "loop")
	return image
}

func attach(t *testing.T, device, dir, options string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	command(t, "mount", "-o", options, device, dir)
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

// TestChooseOnDisks: which watcher is chosen on the file systems of disks, and that "auto" and the
// refusals agree.
func TestChooseOnDisks(t *testing.T) {
	for _, kind := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(kind, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "root")
			disk(t, root, kind)
			chooses(t, root, confxml.Fanotify, "root of its file system")
			small := filepath.Join(root, "small")
			if err := os.Mkdir(small, 0o755); err != nil {
				t.Fatal(err)
			}
			chooses(t, small, confxml.Inotify, "the tree has 1 directories")
		})
	}
}

// TestChooseWithSubvolumes: a subvolume of btrfs is refused, whether it is mounted or is only a
// directory, and so is a tree with a mounted subvolume in it.
func TestChooseWithSubvolumes(t *testing.T) {
	base := t.TempDir()
	top, mounted := filepath.Join(base, "top"), filepath.Join(base, "mounted")
	image := disk(t, top, "btrfs")
	command(t, "btrfs", "subvolume", "create", top+"/sub")
	const why = "in a subvolume of btrfs"
	chooses(t, top+"/sub", confxml.Inotify, why)
	chooses(t, top, confxml.Fanotify, "root of its file system")
	attach(t, image, mounted, "loop,subvol=sub")
	chooses(t, mounted, confxml.Inotify, why)
	attach(t, image, top+"/below", "loop,subvol=sub")
	chooses(t, top, confxml.Inotify, "cannot watch what is mounted at below (the directory is "+why)
}

func chooses(t *testing.T, dir, want, why string) {
	t.Helper()
	on := confxml.Switches{CreateFolder: true}
	got := Choose(t.Context(), confxml.LocalPath{Watch: dir, Backend: confxml.Auto}, dir, on)
	if got.Backend != want || !strings.Contains(got.Why, why) {
		t.Errorf("%s: %+v, want %s because of %q", dir, got, want, why)
	}
	if strings.Contains(why, "directories") || strings.Contains(why, "mounted at") {
		return // there is no subvolume to be refused
	}
	if refused := Unable(confxml.LocalPath{Watch: dir, Backend: confxml.Fanotify}, on); (refused == nil) != (want == confxml.Fanotify) {
		t.Errorf("%s: %s is chosen, and fanotify refused because of %v", dir, want, refused)
	}
}
