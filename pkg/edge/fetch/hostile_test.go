package fetch

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/edge/backlog"
	"github.com/sersync/sersync/pkg/edge/edgexml"
)

// liar passes connections on to a daemon, and replaces a name in what the daemon sends with another
// one of the same length. It returns the port on which it listens.
func liar(t *testing.T, daemon int, name, lie string) int {
	t.Helper()
	if len(name) != len(lie) {
		t.Fatalf("%q and %q differ in length", name, lie)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", daemon))
			if err != nil {
				_ = in.Close()
				continue
			}
			all.Go(func() {
				defer out.Close()
				_, _ = io.Copy(out, in)
			})
			all.Go(func() {
				defer in.Close()
				exchange(in, out, name, lie)
			})
		}
	})
	t.Cleanup(func() {
		must(t, l.Close())
		all.Wait()
	})
	return l.Addr().(*net.TCPAddr).Port
}

func exchange(to io.Writer, from io.Reader, name, lie string) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		_, werr := to.Write(bytes.ReplaceAll(buf[:n], []byte(name), []byte(lie)))
		if err != nil || werr != nil {
			return
		}
	}
}

// A mirror may be in foreign hands and send false names. It must not have anything written outside
// of the edge's directory: neither by a name that leads out, nor through a link that it has sent
// before.
func TestAnUpstreamThatLiesReachesNothingOutside(t *testing.T) {
	s := newScene(t)
	const name = "a-name-that-is-exchanged-for-another"
	outside := filepath.Join(filepath.Dir(s.dir), "outside")
	must(t, os.Mkdir(outside, 0o777))
	pad := func(lie string) string { return lie + strings.Repeat("x", len(name)-len(lie)) }
	absolute := "/tmp/lie-" + fmt.Sprint(os.Getpid()) + "-"
	t.Cleanup(func() { _ = os.Remove(pad(absolute)) })
	file := s.write(t, s.source, name, "evil")
	s.write(t, s.source, "elsewhere/f", "evil")
	hostile := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{
		Name: "tree", Path: s.source, Options: []string{"read only = yes", "munge symlinks = no"},
	}}})
	from := func(port int) {
		s.puller.Upstreams = []edgexml.Upstream{{Host: "127.0.0.1", Port: port, Module: "tree", Mirror: "m"}}
	}
	tree := &backlog.Item{Needs: 5, Entry: change.Entry{State: change.Tree}}
	for what, lie := range map[string]string{
		"above": pad("../outside/"), "far above": pad("../../../../../../tmp/lie"), "below and above": pad("d/../../outside/"), "absolute": pad(absolute),
	} {
		from(liar(t, hostile.Port(), name, lie))
		for _, item := range []*backlog.Item{file, tree} {
			t.Logf("%s: %v", what, s.puller.Pull(t.Context(), []*backlog.Item{item}).Err)
		}
	}

	// A link arrives as a link, whether the edge fetches a path that seems to be behind it or all
	// of the tree, and a directory that comes later replaces it.
	from(hostile.Port())
	must(t, os.Symlink(outside, s.source+"/d"))
	behind := &backlog.Item{Needs: 5, Entry: change.Entry{Path: "d/f", State: change.File, Fetch: true}}
	must(t, os.WriteFile(outside+"/mine", nil, 0o600))
	for _, item := range []*backlog.Item{behind, tree, behind} {
		t.Logf("a link: %v", s.puller.Pull(t.Context(), []*backlog.Item{item}).Err)
	}
	must(t, os.Remove(s.source+"/d"))
	behind = s.write(t, s.source, "d/f", "evil")
	for _, item := range []*backlog.Item{behind, tree} {
		if got := s.puller.Pull(t.Context(), []*backlog.Item{item}); got.Err != nil {
			t.Error("a directory after the link:", got.Err)
		}
	}
	left, err := os.ReadDir(outside)
	if err != nil || len(left) != 1 || left[0].Name() != "mine" {
		t.Errorf("written outside: %v, %v", left, err)
	}
	for _, path := range []string{pad(absolute), "/tmp/" + filepath.Base(pad("/../../../../../tmp/lie"))} {
		if _, err := os.Lstat(path); err == nil {
			t.Error("written outside:", path)
		}
	}
	s.has(t, name, "d/f", "elsewhere/f")
}
