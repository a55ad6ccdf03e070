package confxml_test

import (
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
)

func TestBackup(t *testing.T) {
	for name, tt := range map[string]struct {
		in   string
		want confxml.Backup
		said string
		ends bool // whether the mistake keeps the program from starting
	}{
		"defaults":  {`dir=".old"`, confxml.Backup{Line: 2, Dir: ".old", Keep: 30}, "", false},
		"both":      {`dir="a b" keep="7"`, confxml.Backup{Line: 2, Dir: "a b", Keep: 7}, "", false},
		"no number": {`dir="o" keep="0"`, confxml.Backup{Line: 2, Dir: "o", Keep: 30}, `c.xml:2: sersync/localpath/remote/backup@keep: "0" is not a number of at least 1: 30 is used`, false},
		"no name":   {``, confxml.Backup{Line: 2, Keep: 30}, "c.xml:2: sersync/localpath/remote/backup@dir: missing or empty", true},
		"deeper":    {`dir="a/b"`, confxml.Backup{Line: 2, Dir: "a/b", Keep: 30}, `c.xml:2: sersync/localpath/remote/backup@dir: "a/b" is not a name right below the destination`, true},
		"above":     {`dir=".."`, confxml.Backup{Line: 2, Dir: "..", Keep: 30}, `c.xml:2: sersync/localpath/remote/backup@dir: ".." is not a name`, true},
		"a pattern": {`dir="*"`, confxml.Backup{Line: 2, Dir: "*", Keep: 30}, `c.xml:2: sersync/localpath/remote/backup@dir: "*" has a character`, true},
	} {
		t.Run(name, func(t *testing.T) {
			conf, err := confxml.Parse("c.xml", []byte("<head><sersync><localpath watch=\"/d\"><remote ip=\"h\" name=\"m\">\n<backup "+tt.in+"/></remote></localpath></sersync></head>"))
			if err != nil {
				t.Fatal(err)
			}
			if got := *conf.LocalPaths[0].Remotes[0].Backup; got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
			said := ""
			for _, w := range conf.Warnings {
				if strings.Contains(w.Element, "backup") {
					said += w.String()
				}
			}
			if !strings.HasPrefix(said, tt.said) || (tt.said == "") != (said == "") || (confxml.Fatal(conf.Warnings) != nil) != tt.ends {
				t.Errorf("said %q, want %q", said, tt.said)
			}
		})
	}
}
