package confine

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// onThread runs f on a confined thread and returns the result of f.
func onThread(t *testing.T, root string, f func() (string, error)) (string, error) {
	t.Helper()
	type answer struct {
		text string
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		runtime.LockOSThread()
		if err := Thread(root, nil); err != nil {
			done <- answer{err: err}
			return
		}
		text, err := f()
		done <- answer{text, err}
	}()
	a := <-done
	return a.text, a.err
}

func TestChildrenCannotFollowLinks(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs CAP_SYS_ADMIN for a mount namespace")
	}
	root, outside := t.TempDir(), t.TempDir()
	for path, text := range map[string]string{
		filepath.Join(outside, "secret"): "secret", filepath.Join(root, "dir", "file"): "plain",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	out, err := onThread(t, root, func() (string, error) {
		cmd := exec.Command("sh", "-c", "cat dir/file; cat link/secret; readlink link; pwd -P")
		cmd.Dir = root
		b, _ := cmd.CombinedOutput()
		return string(b), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "plain") || !strings.Contains(out, outside) || !strings.Contains(out, root) {
		t.Errorf("plain files, the link itself and the directory must be readable: %q", out)
	}
	if strings.Contains(out, "secret\n") || !strings.Contains(out, "symbolic link") {
		t.Errorf("the link was followed: %q", out)
	}
	if b, err := os.ReadFile(filepath.Join(root, "link", "secret")); err != nil || string(b) != "secret" {
		t.Errorf("outside of the thread links must work as before: %q, %v", b, err)
	}
}

func TestUnfitRootsAreRefused(t *testing.T) {
	for _, root := range []string{"/", "/etc", "/usr"} {
		if err := Thread(root, nil); !errors.Is(err, ErrUnfit) {
			t.Errorf("%s: %v, want ErrUnfit", root, err)
		}
	}
	if err := Thread("/srv/data", []string{"/srv/data/keys/rsync.pas"}); !errors.Is(err, ErrUnfit) {
		t.Errorf("a needed file below the root: %v, want ErrUnfit", err)
	}
}
