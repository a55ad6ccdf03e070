package instance

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/sersync/sersync/pkg/safefile"
)

// TestEachInstanceHasItsFiles: a configuration file has files of its own, and so has each plugin
// that runs alone with it, in whichever form the path of the configuration is written.
func TestEachInstanceHasItsFiles(t *testing.T) {
	for _, of := range []func(stateDir, file, module string) string{Socket, Output} {
		seen := map[string]bool{}
		for _, path := range []string{of("/s", "/a/c.xml", ""), of("/s", "/b/c.xml", ""), of("/s", "/a/c.xml", "socket"), of("/s", "/a/c.xml", "http"), of("/t", "/a/c.xml", "")} {
			if seen[path] || !filepath.IsAbs(path) {
				t.Errorf("%s is there twice, or nowhere", path)
			}
			seen[path] = true
		}
		t.Chdir(t.TempDir())
		abs, err := filepath.Abs("c.xml")
		if err != nil {
			t.Fatal(err)
		}
		if of("/s", "c.xml", "") != of("/s", abs, "") || of("/s", "./x/../c.xml", "") != of("/s", abs, "") {
			t.Error("the same file has different places")
		}
	}
	if Socket("/s", "c.xml", "") == Output("/s", "c.xml", "") {
		t.Error("socket and output are one file")
	}
}

func TestFindSocket(t *testing.T) {
	wanted, temp := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("XDG_RUNTIME_DIR", "")
	const file = "/no/such/c.xml"
	find := func() string {
		t.Helper()
		path, err := FindSocket(wanted, file, "")
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	make := func(path string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	own := Socket(wanted, file, "")
	if got := find(); got != own {
		t.Errorf("without any: %s, want %s", got, own)
	}
	elsewhere := Socket(filepath.Join(temp, "sersync-"+strconv.Itoa(os.Geteuid())), file, "")
	make(elsewhere)
	if got := find(); got != elsewhere {
		t.Errorf("the state is in a temporary place: %s, want %s", got, elsewhere)
	}
	if err := os.Chmod(filepath.Dir(elsewhere), 0o777); err != nil {
		t.Fatal(err)
	}
	if got := find(); got != own {
		t.Errorf("a directory that others may write to: %s, want %s", got, own)
	}
	make(own)
	if got := find(); got != own {
		t.Errorf("both are there: %s, want %s", got, own)
	}
}

func TestConfiguredStateDir(t *testing.T) {
	dir := t.TempDir()
	if got, why, err := StateDir(dir); got != dir || why != nil || err != nil {
		t.Errorf("%q, %v, %v", got, why, err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if got, _, err := StateDir(dir); got != "" || !errors.Is(err, safefile.ErrUntrusted) {
		t.Errorf("others may write to it: %q, %v", got, err)
	}
}
