package listeners

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A directory that existed before its parent was watched has had no event of its own, even if
// somebody works in it afterwards.
func TestADirectoryIsAsOldAsItsBirth(t *testing.T) {
	top := t.TempDir()
	early := filepath.Join(top, "early")
	if err := os.Mkdir(early, 0o755); err != nil {
		t.Fatal(err)
	}
	f := find{seen: time.Now()}
	<-time.After(3 * clockGrain) // so that the next change is clearly later
	for _, name := range []string{"early/in", "late"} {
		if err := os.WriteFile(filepath.Join(top, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fd, err := unix.Open(top, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for name, want := range map[string]bool{"early": false, "late": true} {
		var st unix.Stat_t
		if err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			t.Fatal(err)
		}
		if got := f.hasEvent(fd, name, &st); got != want {
			t.Errorf("%s has an event of its own: %v, want %v", name, got, want)
		}
	}
}
