package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// coarseSize is the size of a Coarse file system in bytes. Only what is written to it takes room on
// the disk.
const coarseSize = 512 << 20

// Coarse mounts at a new directory a file system that keeps only whole seconds: an ext4 with inodes
// of 128 bytes. It needs root, and unmounts the file system after the test.
func Coarse(t testing.TB, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: a file system of its own")
	}
	image := filepath.Join(t.TempDir(), "image")
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, coarseSize))
	must(t, os.MkdirAll(dir, 0o755))
	for _, args := range [][]string{{"mkfs.ext4", "-q", "-I", "128", "-O", "^has_journal", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("needs mkfs.ext4 and a loop device: %s: %v\n%s", args[0], err, out)
		}
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	must(t, os.Chmod(dir, 0o777))
	must(t, os.Remove(filepath.Join(dir, "lost+found")))
}
