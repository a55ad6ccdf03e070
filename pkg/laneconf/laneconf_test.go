package laneconf

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
)

func TestOf(t *testing.T) {
	for name, c := range map[string]struct {
		remote confxml.Remote
		id     string
		port   int
	}{
		"daemon":              {confxml.Remote{IP: "host", Name: "m", Params: "-a"}, "/d#host::m", 0},
		"daemon, own port":    {confxml.Remote{IP: "host", Name: "m", Params: "-a", Port: 874}, "/d#host::m:874", 874},
		"ssh":                 {confxml.Remote{IP: "host", Name: "/t", Params: "-a", SSH: true, Port: 874}, "/d#host:/t", 0},
		"ssh, its own port":   {confxml.Remote{IP: "host", Name: "/t", Params: "-a", SSH: true, Port: 23, OwnPort: true}, "/d#host:/t:23", 0},
		"daemon, with a user": {confxml.Remote{IP: "host", Name: "m", Params: "-a", User: "u", PasswordFile: "pass"}, "/d#u@host::m", 0},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := Of(confxml.Config{}, confxml.LocalPath{Watch: "/w"}, "/d", c.remote)
			if err != nil {
				t.Fatal(err)
			}
			if l.ID != c.id || l.Target.Port != c.port || l.Dir != "/d" || l.Local.Watch != "/w" {
				t.Errorf("%+v", l)
			}
			if file := l.Target.PasswordFile; (file != "") != (c.remote.PasswordFile != "") || file != "" && !filepath.IsAbs(file) {
				t.Errorf("password file %q", file)
			}
		})
	}
	_, err := Of(confxml.Config{File: "c.xml"}, confxml.LocalPath{}, "/d", confxml.Remote{Params: "-a \"unclosed", ParamsLine: 7})
	if err == nil || !strings.HasPrefix(err.Error(), "c.xml:7: ") {
		t.Errorf("parameters that cannot be used: %v", err)
	}
}

func TestAll(t *testing.T) {
	real, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, real+"/link"); err != nil {
		t.Fatal(err)
	}
	good, bad := confxml.Remote{IP: "h", Name: "m", Params: "-a"}, confxml.Remote{IP: "bad", Name: "m", Params: "-a \"unclosed"}
	conf := confxml.Config{LocalPaths: []confxml.LocalPath{
		{Watch: real + "/link", Remotes: []confxml.Remote{good, bad, good}},
		{Watch: real + "/missing", Remotes: []confxml.Remote{good}},
		{Watch: real, Remotes: []confxml.Remote{{IP: "other", Name: "m", Params: "-a"}}},
	}}
	var ids []string
	for l := range All(conf) {
		ids = append(ids, l.ID)
	}
	if want := []string{real + "#h::m", real + "#h::m", real + "#other::m"}; !slices.Equal(ids, want) {
		t.Errorf("%q, want %q", ids, want)
	}
	for range All(conf) {
		break // the iterator must not go on after the break
	}
}
