package fanotify

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent/watchertest"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	if err := Check(dir); err != nil {
		t.Errorf("%s: %v", dir, err)
	}
	if err := Check(filepath.Join(dir, "none")); !errors.Is(err, unix.ENOENT) {
		t.Errorf("there is no such directory: %v", err)
	}
	for name, want := range map[string]string{"proc": "", "overlay": "overlayfs"} {
		mnt := watchertest.Mkdir(t, dir, name)
		options := ""
		if name == "overlay" {
			options = "lowerdir=" + watchertest.Mkdir(t, dir, "lower") + ",upperdir=" + watchertest.Mkdir(t, dir, "upper") +
				",workdir=" + watchertest.Mkdir(t, dir, "work")
		}
		do(t, unix.Mount(name, mnt, name, 0, options))
		t.Cleanup(func() { _ = unix.Unmount(mnt, unix.MNT_DETACH) })
		var refusal *RefusalError
		if err := Check(mnt); !errors.As(err, &refusal) || !strings.Contains(refusal.Cause, want) || refusal.Remedy == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the kernel refuses is an error with a cause and a remedy, and keeps the watcher from
// starting.
func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		call string
		err  error
		want string
	}{
		{"init", unix.EPERM, "CAP_SYS_ADMIN"},
		{"init", unix.EINVAL, "Linux 5.17"},
		{"init", unix.ENOSYS, "has no fanotify"},
		{"init", unix.EMFILE, "max_user_groups"},
		{"init", unix.ENOMEM, "cannot allocate memory"},
		{"mark", unix.EXDEV, "subvolume of btrfs"},
		{"mark", unix.ENODEV, "does not work with fanotify"},
		{"mark", unix.EINVAL, "Linux 5.17"},
		{"mark", unix.EPERM, "CAP_SYS_ADMIN"},
		{"mark", unix.ENOMEM, "cannot allocate memory"},
		{"proc", nil, "cannot be read"},
	} {
		k := realKernel()
		switch c.call {
		case "init":
			k.init = func(uint, uint) (int, error) { return -1, c.err }
		case "mark":
			k.mark = func(int, uint, uint64, int, string) error { return c.err }
		case "proc":
			k.proc = "/nonexistent"
		}
		w, err := New(dir, Options{kernel: k})
		do(t, err)
		told := &watchertest.Told{}
		err = w.Run(t.Context(), told)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %v: %v", c.call, c.err, err)
		}
		if told.Text() != "" {
			t.Errorf("handler was told %q", told.Text())
		}
	}
	if _, err := New("", Options{}); err == nil {
		t.Error("an empty path was accepted")
	}
}
