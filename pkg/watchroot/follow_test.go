package watchroot

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/laneconf"
)

// TestResolveAsTheKernel: a watch path stands for the directory that the kernel opens for it, also
// in the check of the configuration.
func TestResolveAsTheKernel(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"a", "other/deep"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"a/link": "../other/deep", "a/usr": "/usr"} {
		if err := os.Symlink(to, filepath.Join(base, link)); err != nil {
			t.Fatal(err)
		}
	}
	for watch, want := range map[string]string{
		"/a/link/..":         "/other",
		"/a/link/../../a":    "/a",
		"/a/link":            "/other/deep",
		"/a/link/.//":        "/other/deep",
		"/a/":                "/a",
		"/a/../a/link/../..": "",
	} {
		got, err := laneconf.Dir(base + watch)
		if err != nil || got != base+want {
			t.Errorf("%s is %q, %v; want %q", watch, got, err, base+want)
		}
		here, err := os.Stat(base + watch)
		if err != nil {
			t.Fatal(err)
		}
		if there, err := os.Stat(got); err != nil || !os.SameFile(here, there) {
			t.Errorf("%s is another directory for the kernel than %s", watch, got)
		}
	}
	up := base + "/a/usr/.."
	if got, err := laneconf.Dir(up); err != nil || got != "/" {
		t.Errorf("above a link to /usr is %q, %v", got, err)
	}
	if err := confxml.Fatal(watching(up).CheckHost()); err == nil {
		t.Error("the root of the system is watched without allowroot")
	}
}

func watching(watch string) confxml.Config {
	return confxml.Config{LocalPaths: []confxml.LocalPath{{Watch: watch, Line: 1}}}
}

// TestFollower: only two looks in a row decide that a path leads nowhere, and a path that leads to
// the root directory of the system is not followed.
func TestFollower(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	link := base + "/current"
	repoint := func(to string) {
		t.Helper()
		_ = os.Remove(link)
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"one", "two"} {
		if err := os.Mkdir(base+"/"+dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	repoint("one")
	r := New(Options{Local: confxml.LocalPath{Watch: link}, Dir: base + "/one", Ticks: NewTicks(), Logger: zap.NewNop()})
	f := r.Follow()
	if f == nil {
		t.Fatal("the watch path goes through a link")
	}
	for i, step := range []struct {
		to   string
		lead lead
		gone bool
	}{
		{"one", leadsHere, false},
		{"nowhere", leadsNowhere, false},
		{"one", leadsHere, false},
		{"nowhere", leadsNowhere, false},
		{"nowhere", leadsNowhere, true},
		{"/", leadsNowhere, true},
		{"two", leadsOff, true},
	} {
		repoint(step.to)
		if got := f.look(watching(link)); got != step.lead {
			t.Errorf("step %d, to %s: %d, want %d", i, step.to, got, step.lead)
		}
		if gone := r.guard.gone(); gone != step.gone {
			t.Errorf("step %d, to %s: gone %v, want %v", i, step.to, gone, step.gone)
		}
	}
}
