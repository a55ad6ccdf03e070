package plugins

import (
	"os"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
)

func TestWatchAlone(t *testing.T) {
	synced := confxml.Config{LocalPaths: []confxml.LocalPath{{Watch: "/w"}, {Watch: "/v"}}}
	for _, c := range []struct {
		conf      confxml.Config
		own, want string
	}{
		{synced, "/own", "/own"},
		{synced, "", "/w"},
		{confxml.Config{}, "/own", "/own"},
		{confxml.Config{}, "", ""},
		{confxml.Config{LocalPaths: []confxml.LocalPath{{}}}, "", ""},
	} {
		got, err := WatchAlone(c.conf, c.own)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("own %q of %d localpaths: %q, %v; want %q", c.own, len(c.conf.LocalPaths), got, err, c.want)
		}
	}
}

// TestUnrelated: a plugin's watch path stands for the directory that the path leads to.
func TestUnrelated(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"/w/below", "/w2"} {
		if err := os.MkdirAll(dir+d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("w", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	conf := confxml.Config{LocalPaths: []confxml.LocalPath{{Watch: dir + "/link"}}}
	for watch, related := range map[string]bool{
		"": true, dir + "/w": true, dir + "/w/": true, dir + "/link/below": true, dir: true, dir + "/w/missing": true, dir + "/link/missing": false,
		dir + "/w2": false, dir + "/elsewhere": false,
	} {
		problem := Unrelated(conf, watch)
		if (problem == "") != related || !related && !strings.Contains(problem, watch) {
			t.Errorf("%q: %q", watch, problem)
		}
	}
}
