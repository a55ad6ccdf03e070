package leftout

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// dots leaves out files whose names begin with a dot, and everything in "excluded".
func dots(rel string, dir bool) bool {
	return !dir && strings.HasPrefix(filepath.Base(rel), ".") || rel == "excluded" || strings.HasPrefix(rel, "excluded/")
}

func TestFind(t *testing.T) {
	for name, c := range map[string]struct {
		links   map[string]string
		through string
		others  int
	}{
		"a ConfigMap": {map[string]string{
			"config/..data": "..2026_01_01", "config/key": "..data/key", "config/other": "..data/other",
		}, "config/..data", 1},
		"an excluded directory":        {map[string]string{"a/link": "../excluded/file"}, "excluded", 0},
		"by way of another link":       {map[string]string{"first": "second", "second": "config/.third", "config/.third": "key"}, "config/.third", 1},
		"by its whole path":            {map[string]string{"link": "DIR/config/.hidden", "config/.hidden": "x"}, "config/.hidden", 0},
		"up and down again":            {map[string]string{"a/b/link": "../../excluded/x"}, "excluded", 0},
		"what is mirrored":             {map[string]string{"link": "config/key", "config/key": "../a"}, "", 0},
		"into a directory with a dot":  {map[string]string{"link": ".dir/file"}, "", 0},
		"nowhere":                      {map[string]string{"link": "gone/.x"}, "", 0},
		"out of the tree":              {map[string]string{"link": "../.x", "other": "/etc/.x"}, "", 0},
		"a loop":                       {map[string]string{"link": "other", "other": "link"}, "", 0},
		"a link that is left out":      {map[string]string{".link": "..x", "..x": "a"}, "", 0},
		"itself":                       {map[string]string{"link": "."}, "", 0},
		"a directory that is left out": {map[string]string{"excluded/link": "../config/.x", "config/.x": "a"}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, d := range []string{"config/..2026_01_01", "a/b", "excluded", ".dir"} {
				if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			for _, f := range []string{"excluded/file", ".dir/file"} {
				if err := os.WriteFile(filepath.Join(dir, f), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for link, to := range c.links {
				if err := os.Symlink(strings.Replace(to, "DIR", dir, 1), filepath.Join(dir, link)); err != nil {
					t.Fatal(err)
				}
			}
			got, ok := Find(dir, dots)
			if ok != (c.through != "") || got.Through != c.through || got.Others != c.others {
				t.Errorf("found %+v, %v; want through %q and %d others", got, ok, c.through, c.others)
			}
		})
	}
}

// TestFindIsBounded: in a large tree only the upper part is searched.
func TestFindIsBounded(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/many/deep", 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range mostEntries {
		if err := os.WriteFile(fmt.Sprint(dir, "/many/", i), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"/.hidden": "many", "/link": ".hidden", "/many/deep/.x": "y", "/many/deep/link": ".x"} {
		if err := os.Symlink(to, dir+link); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	got, ok := Find(dir, func(rel string, dir bool) bool { seen++; return dots(rel, dir) })
	if !ok || got.Path != "link" || got.Others != 0 || seen > mostEntries+100 {
		t.Errorf("found %+v, %v after %d entries", got, ok, seen)
	}
}
