package app

import (
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/confxml"
)

// TestCheckAsksWhoKnows: --check has rsync judge the values of its options, and asks the remote
// about modules and the system's resolver about names.
func TestCheckAsksWhoKnows(t *testing.T) {
	daemon := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: t.TempDir()}}})
	const accepted = ""
	for _, c := range []struct{ host, module, params, wants string }{
		{"127.0.0.1", "m", "-artuz --bwlimit=1m --exclude=x", accepted},
		{"127.1", "m/below", "-a", accepted}, // a short form of an address, which rsync accepts
		{"127.0.0.1", "m", "-a --bwlimit=abc", "error: c.xml:7: sersync/rsync/commonParams@params: rsync sends nothing with these parameters: rsync: --bwlimit=abc is invalid"},
		{"127.0.0.1", "m", "-a --iconv=nope,utf8", `iconv_open("UTF-8", "nope") failed`},
		{"127.0.0.1", "mm", "-a", "warning: c.xml:3: sersync/localpath/remote: 127.0.0.1::mm: the remote has no such module; set name= in <remote> to a module of the rsyncd.conf on 127.0.0.1"},
		{"127.0.0.300", "m", "-a", "warning: c.xml:3: sersync/localpath/remote: 127.0.0.300::m: the remote's name cannot be resolved; check the name 127.0.0.300"},
	} {
		conf := confxml.Config{File: "c.xml", LocalPaths: []confxml.LocalPath{{Watch: t.TempDir(), Remotes: []confxml.Remote{
			{IP: c.host, Name: c.module, Port: daemon.Port(), Params: c.params, Line: 3, ParamsLine: 7},
		}}}}
		conf.Rsync.Program = "rsync"
		report := check(t.Context(), conf, true, askRemotes(t.Context(), conf))
		text, _ := rendered(t, report)
		if len(report.Problems) > 0 && c.wants == accepted || !strings.Contains(text, c.wants) {
			t.Errorf("%+v:\n%s", c, text)
		}
	}
}
