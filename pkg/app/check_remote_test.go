package app

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/confxml"
)

// --check names the release of each remote's rsync; a remote that does not answer is no error.
func TestCheckNamesTheReleases(t *testing.T) {
	real := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: t.TempDir()}}})
	old := testkit.NewOldRsyncd(t, testkit.Rsync309, real)
	s := testkit.Sshd(t)
	t.Setenv("PATH", s.Bin+":"+os.Getenv("PATH"))
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	conf := confxml.Config{File: "c.xml", LocalPaths: []confxml.LocalPath{{Watch: t.TempDir()}}}
	for i, port := range []int{real.Port(), old.Port(), testkit.FreePort(t), silent.Addr().(*net.TCPAddr).Port} {
		conf.LocalPaths[0].Remotes = append(conf.LocalPaths[0].Remotes, confxml.Remote{IP: "127.0.0.1", Name: fmt.Sprint("m", i), Port: port, Params: "-a"})
	}
	conf.LocalPaths[0].Remotes = append(conf.LocalPaths[0].Remotes, confxml.Remote{IP: "127.0.0.1", Name: "/t", SSH: true, Params: "-a"})
	text, _ := rendered(t, check(t.Context(), conf, true, askRemotes(t.Context(), conf)))
	for _, want := range []string{
		"remote:      rsync 3.4 or newer", "remote:      rsync 3.0; times compared by the second; deletions by patterns",
		"remote:      does not answer now: connection refused", "remote:      does not answer now: it takes too long", "remote:      rsync 3.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
