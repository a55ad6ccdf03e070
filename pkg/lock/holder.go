package lock

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Holder tells which process holds the lock for key among those that use the state directory dir; 0: none, or one that
// cannot be told. It only looks: it does not take the lock even for a moment, and makes no file.
func Holder(dir, key string) (pid int) {
	f, err := os.OpenFile(filepath.Join(dir, FileName(key)), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0
	}
	defer f.Close() //nolint:errcheck // only asked
	return kernelHolder(f)
}
