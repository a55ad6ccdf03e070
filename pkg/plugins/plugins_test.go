package plugins_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/plugintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPaths(t *testing.T) {
	tests := []struct{ root, path, full, clean string }{
		{"/src", "a", "/src/a", "/src/a"},
		{"/src/", "a", "/src//a", "/src/a"},
		{"/src//", "a", "/src///a", "/src//a"},
		{"/src/", "", "/src/", "/src"},
	}
	for _, tt := range tests {
		ev := plugins.Event{Root: tt.root, Path: tt.path}
		if ev.FullPath() != tt.full || ev.CleanPath() != tt.clean {
			t.Errorf("%q %q: %q, %q", tt.root, tt.path, ev.FullPath(), ev.CleanPath())
		}
	}
}

func TestRebase(t *testing.T) {
	tests := []struct {
		root, path string
		dir        bool
		watch      string
		want       string
		ok         bool
	}{
		{"/a", "x", false, "/a", "x", true},
		{"/a/", "x", false, "/a", "x", true},
		{"/a", "b/x", false, "/a/b/", "x", true},
		{"/a", "bc/x", false, "/a/b", "", false},
		{"/a/b", "x", false, "/a", "b/x", true},
		{"/a", "b", true, "/a/b", "", true},
		{"/a", "b", true, "/a/b/c", "", true},
		{"/a", "b", false, "/a/b/c", "", false},
		{"/a", "x", false, "/z", "", false},
	}
	for _, tt := range tests {
		got, ok := plugins.Rebase(plugins.Event{Root: tt.root, Path: tt.path, Dir: tt.dir, Seq: 3}, tt.watch)
		if ok != tt.ok || (ok && (got.Path != tt.want || got.Root != tt.watch || got.Seq != 3)) {
			t.Errorf("%+v: got %+v, %v", tt, got, ok)
		}
		if ok && !plugins.Related(tt.root, tt.watch) {
			t.Errorf("%s and %s are not related", tt.root, tt.watch)
		}
	}
	if plugins.Related("/a", "/ab") {
		t.Error("/a and /ab are related")
	}
}

func TestErrors(t *testing.T) {
	cause := errors.New("x")
	if err := fmt.Errorf("y: %w", plugins.Permanent(cause)); !plugins.IsPermanent(err) || !errors.Is(err, cause) {
		t.Error("a wrapped permanent error is not permanent")
	}
	if plugins.IsPermanent(cause) || plugins.Permanent(nil) != nil || plugins.RetryAfter(nil, time.Second) != nil {
		t.Error("plain errors are not left alone")
	}
}

func TestSettings(t *testing.T) {
	conf := confxml.Plugin{Name: "p", Line: 5, Attributes: map[string]confxml.Attribute{
		"a/time": {Value: "90", Line: 6}, "a/port": {Value: "0", Line: 7}, "a/n": {Value: "11", Line: 8},
		"a/on": {Value: "TRUE", Line: 9}, "a/file": {Value: "f", Line: 9},
	}}
	s := plugins.NewSettings(conf, plugins.Deps{File: "c.xml", Dir: "/start"})
	if d := s.Duration("a/time", 0); d != 90*time.Second {
		t.Errorf("bare number: %v", d)
	}
	if s.Bool("a/on", false) {
		t.Error(`only "true" is true`)
	}
	if f := s.FilePath("a/file"); f != "/start/f" {
		t.Errorf("file %q", f)
	}
	s.Port("a/port", "80")
	s.Int("a/n", 1, 1, 10)
	s.Required("a/none", "v")
	err := s.Err()
	for _, want := range []string{"c.xml:7: plugin p: a@port: ", "c.xml:8: plugin p: a@n: ", "c.xml:5: plugin p: a@none: missing or empty"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}

func FuzzLine(f *testing.F) {
	for _, seed := range []string{"", "a", "a\nb", `a\nb`, `\`, "\\\n", "\xff\\"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		line := plugins.EscapeLine(path)
		if strings.Contains(line, "\n") || plugintest.UnescapeLine(line) != path {
			t.Errorf("%q -> %q -> %q", path, line, plugintest.UnescapeLine(line))
		}
	})
}
