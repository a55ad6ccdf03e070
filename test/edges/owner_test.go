package edges

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/hub/roster"
)

// A command that root runs acts as the user who owns the hub's directory, so that user can read the
// files that it writes there.
func TestCommandsActAsTheOwnerOfTheHub(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root: it acts as another user")
	}
	base, err := os.MkdirTemp("", "owner")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	testkit.OpenToAll(t, base)
	// For a service with a user of its own systemd makes the directory below one that only root can
	// enter.
	private := filepath.Join(base, "private")
	if err := os.Mkdir(private, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Join(base, "hub"), filepath.Join(private, "hub")} {
		actsAsOwner(t, dir)
	}
	link := filepath.Join(base, "link")
	if err := os.Symlink(filepath.Join(private, "hub"), link); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), testkit.Program(t, "sersync-hub"), "list", "--dir", link).CombinedOutput(); err != nil || !strings.Contains(string(out), "e1") {
		t.Errorf("%v\n%s", err, out)
	}
}

func actsAsOwner(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("certificate\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), testkit.Program(t, "sersync-hub"), "add-edge", "e1", "www", "--dir", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(roster.Path(dir))
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); st.Uid != nobody || st.Gid != nobody || info.Mode().Perm() != 0o600 {
		t.Errorf("the roster belongs to %d:%d, mode %v", st.Uid, st.Gid, info.Mode())
	}
}
