package app

import (
	"os"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
)

// TestLinksThroughWhatIsLeftOut: --check and the start warn of a mounted ConfigMap, whose links
// lead through names that are not mirrored, with the line and a remedy. Once these names are
// mirrored there is no warning.
func TestLinksThroughWhatIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/config/..2026", 0o700); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"..data": "..2026", "key": "..data/key", "other": "..data/other"} {
		if err := os.Symlink(to, dir+"/config/"+link); err != nil {
			t.Fatal(err)
		}
	}
	expressions := func(texts ...string) (f confxml.Filter) {
		f.On = true
		for _, text := range texts {
			f.Exclude = append(f.Exclude, confxml.Expression{Text: text})
		}
		return f
	}
	for name, c := range map[string]struct {
		dotFiles bool
		filter   confxml.Filter
		remedy   string
	}{
		"as shipped":          {false, confxml.Filter{}, `set dotfiles="true" on this localpath`},
		"dotfiles":            {true, confxml.Filter{}, ""},
		"excluded":            {true, expressions(`(.*)/\.\.(.*)`), "let that name through in <filter>"},
		"excluded as a whole": {false, expressions("config/"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			conf := confxml.Config{File: "c.xml", Filter: c.filter}
			conf.LocalPaths = []confxml.LocalPath{{Watch: dir, Line: 7, DotFiles: c.dotFiles}}
			var found []confxml.Problem
			for _, p := range problems(conf, true) {
				if strings.Contains(p.Message, "leads through") {
					found = append(found, p)
				}
			}
			if c.remedy == "" {
				if len(found) > 0 {
					t.Errorf("warned of %+v", found)
				}
				return
			}
			if len(found) != 1 || found[0].Line != 7 || found[0].Severity != confxml.Warning ||
				!strings.HasPrefix(found[0].Remedy, c.remedy) || !strings.Contains(found[0].Message, `"config/..data"`) {
				t.Errorf("warned of %+v, want the remedy %q", found, c.remedy)
			}
		})
	}
}
