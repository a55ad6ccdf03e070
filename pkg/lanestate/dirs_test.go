package lanestate

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/sersync/sersync/pkg/safefile"
)

// TestStateDirs: the wanted directory is the configured one or the user's own; the other
// directories exist only until the machine is restarted.
func TestStateDirs(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "/x/run")
	t.Setenv("XDG_STATE_HOME", "/x/state")
	t.Setenv("TMPDIR", "/x/tmp")
	own, runtime := "/x/state/sersync", "/x/run/sersync"
	if os.Geteuid() == 0 {
		own, runtime = "/var/lib/sersync", "/run/sersync"
	}
	beside := []string{runtime, "/x/tmp/sersync-" + strconv.Itoa(os.Geteuid())}
	for configured, want := range map[string]string{"": own, "/my/state": "/my/state"} {
		wanted, others, err := Dirs(configured)
		if err != nil || wanted != want || !slices.Equal(others, beside) {
			t.Errorf("%q: %q %q, %v", configured, wanted, others, err)
		}
	}
}

func TestCheckStateDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := CheckDir(dir); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := CheckDir(dir); !errors.Is(err, safefile.ErrUntrusted) {
		t.Errorf("open to all: %v", err)
	}
	if err := CheckDir(""); !errors.Is(err, ErrNoHome) {
		t.Errorf("no home: %v", err)
	}
	if err := CheckDir("/proc/sersync"); err == nil {
		t.Error("/proc can hold state")
	}
}
