package edges

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/hub/identity"
)

// programs are the three binaries, run as users run them.
type programs struct {
	*testing.T
	base, source string
	host         string // the address at which edges reach the hub and the source
	port         int
	metrics      int
	hub          *child
	edges        map[string]*child
	rsyncd       *testkit.RsyncDaemon
	app          *testkit.Sersync
	page         int
	config       string
}

// spawn starts a program that ends with this process.
func (p *programs) spawn(program string, args ...string) *child {
	p.Helper()
	c := spawn(p.T, exec.Command(program, args...), filepath.Base(program))
	p.Cleanup(func() { c.end(syscall.SIGKILL) })
	return c
}

func (p *programs) startHub() {
	p.Helper()
	p.hub = p.spawn(testkit.Program(p.T, "sersync-hub"), "--dir", p.base+"/hub", "--listen", fmt.Sprintf("%s:%d", p.host, p.port), "--metrics", fmt.Sprintf("127.0.0.1:%d", p.metrics), "--max-store", "2000")
	testkit.Eventually(p.T, patience, "the hub is healthy", func() bool {
		_, ok := p.get(p.metrics, "/healthz")
		return ok
	})
}

// admin runs a command of sersync-hub and returns its output.
func (p *programs) admin(args ...string) string {
	p.Helper()
	out, err := exec.CommandContext(p.Context(), testkit.Program(p.T, "sersync-hub"), append(args, "--dir", p.base+"/hub")...).CombinedOutput()
	if err != nil {
		p.Fatalf("sersync-hub %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func (p *programs) get(port int, path string) (string, bool) {
	ctx, cancel := context.WithTimeout(p.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), nil)
	if err != nil {
		p.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(req)
	if err != nil {
		return "", false
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), err == nil && answer.StatusCode == http.StatusOK
}

func (p *programs) write(path, content string, mode os.FileMode) {
	p.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		p.Fatal(err)
	}
}

// printed follows the documentation: one command on the hub prints the contents of two files for
// the edge. It returns the address of the hub.
func (p *programs) printed(name, dir string) string {
	p.Helper()
	printed := strings.Split(p.admin("add-edge", name, "www"), "\n")
	at := func(comment string) int {
		for i, line := range printed {
			if strings.HasPrefix(line, comment) {
				return i + 1
			}
		}
		p.Fatalf("no %q in %q", comment, printed)
		return 0
	}
	p.write(dir+"/key", printed[at("# key")]+"\n", 0o600)
	p.write(dir+"/ca.pem", strings.Join(printed[at("# ca"):], "\n"), 0o644)
	return printed[at("# address")]
}

func (p *programs) addEdge(name string) {
	p.Helper()
	p.addEdgeAs(name, testkit.Program(p.T, "sersync-edge"))
}

// addEdgeAs is addEdge with another program.
func (p *programs) addEdgeAs(name, program string) {
	p.Helper()
	p.prepareEdge(name)
	p.edges[name] = p.spawn(program, "-o", p.base+"/"+name+"/edge.xml")
}

// prepareEdge makes everything that an edge needs, and does not start it.
func (p *programs) prepareEdge(name string) {
	p.Helper()
	dir := p.base + "/" + name
	address := p.printed(name, dir)
	if err := os.MkdirAll(dir+"/tree", 0o755); err != nil {
		p.Fatal(err)
	}
	p.write(dir+"/edge.xml", fmt.Sprintf(`<edge name="%s"><stream url="%s" creds="%s/key" ca="%s/ca.pem"/><state dir="%s/state"/><status socket="%s/socket"/>
<tree name="www" dir="%s/tree"><upstream host="%s" port="%d" module="tree"/></tree></edge>`,
		name, address, dir, dir, dir, dir, dir, p.host, p.rsyncd.Port()), 0o644)
}

func newPrograms(t *testing.T) *programs {
	t.Helper()
	return newProgramsAt(t, "127.0.0.1")
}

// newProgramsAt is newPrograms with the hub and the source's daemon at another address of this
// host.
func newProgramsAt(t *testing.T, host string) *programs {
	t.Helper()
	base, err := os.MkdirTemp("", "edges")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	testkit.OpenToAll(t, base)
	p := &programs{T: t, base: base, source: base + "/source", host: host, port: testkit.FreePort(t), metrics: testkit.FreePort(t), page: testkit.FreePort(t), edges: map[string]*child{}}
	if err := os.Mkdir(p.source, 0o755); err != nil {
		t.Fatal(err)
	}
	p.rsyncd = testkit.Rsyncd(t, testkit.RsyncdConf{Address: host, Modules: []testkit.Module{{Name: "tree", Path: p.source, Options: []string{"read only = yes"}}}})
	p.startHub()
	return p
}

// startSource starts sersync with the stream and, beside it, with these remotes.
func (p *programs) startSource(remotes ...string) {
	p.Helper()
	p.startSourceAs("", remotes...)
}

// startSourceAs is startSource with another program; empty: sersync.
func (p *programs) startSourceAs(program string, remotes ...string) {
	p.Helper()
	set := testkit.Settings{Watch: p.source, Dir: p.base, Remotes: remotes, Streams: []string{fmt.Sprintf(`<stream name="www" url="nats://%s:%d" creds="%s/hub/%s" ca="%s/hub/%s"/>`,
		p.host, p.port, p.base, identity.SourceKey, p.base, identity.CA)}}
	p.config = filepath.Join(p.base, "confxml.xml")
	p.app = testkit.Start(p.T, testkit.Options{Config: set.XML(), Dir: p.base, File: p.config, Args: []string{"-o", p.config, "-r"}, Binary: program})
}

// sersync runs a command on the source's sersync.
func (p *programs) sersync(args ...string) (status int, out string) {
	p.Helper()
	cmd := exec.CommandContext(p.Context(), testkit.Build(p.T), append(args, "-o", p.config)...)
	b, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(b)
}

// tells waits until a command on the source's sersync prints this text and ends with this status.
func (p *programs) tells(want string, status int, args ...string) {
	p.Helper()
	var got int
	var out string
	if !testkit.Poll(patience, func() bool {
		got, out = p.sersync(args...)
		return got == status && strings.Contains(out, want)
	}) {
		p.Errorf("%q: status %d in the place of %d, and no %q in\n%s", args, got, status, want, out)
	}
}

func (p *programs) equal(names ...string) {
	p.Helper()
	for _, name := range names {
		testkit.WaitEqual(p.T, p.source, p.base+"/"+name+"/tree", testkit.CompareFor("-a"), patience)
	}
}

// TestWhole runs sersync, sersync-hub and two sersync-edge as users do. Files arrive, and the
// source knows the state of its edges and which of them lack a file. An edge that was stopped
// catches up, a hub that was killed loses nothing, and an edge that was removed is forgotten.
func TestWhole(t *testing.T) {
	t.Parallel()
	p := newPrograms(t)
	p.write(p.source+"/before", "1", 0o644)
	p.startSource()
	p.addEdge("one")
	p.addEdge("two")
	p.write(p.source+"/d/small", "small", 0o644)
	p.write(p.source+"/d/large", strings.Repeat("large", 50_000), 0o644)
	p.equal("one", "two")
	p.tells("edges: 2 in sync", 0, "--status")
	p.tells("on all 2 edges", 0, "--where", p.source+"/d/small")

	p.edges["two"].end(syscall.SIGTERM)
	p.write(p.source+"/d/small", "changed", 0o644)
	p.equal("one")
	p.tells("not yet on 1 of 2 edges: two", 1, "--where", p.source+"/d/small")
	p.tells("two: behind", 0, "--status")
	p.edges["two"] = p.spawn(testkit.Program(t, "sersync-edge"), "-o", p.base+"/two/edge.xml")
	p.equal("two")
	p.tells("on all 2 edges", 0, "--where", p.source+"/d/small")

	p.hub.end(syscall.SIGKILL)
	if err := os.RemoveAll(p.source + "/before"); err != nil {
		t.Fatal(err)
	}
	p.write(p.source+"/while-down", "1", 0o644)
	p.tells("the hub does not answer", 2, "--status")
	p.startHub()
	p.equal("one", "two")
	p.tells("edges: 2 in sync", 0, "--status")

	_, status := p.sersync("--status", "--json")
	var s struct {
		Lanes []struct {
			Edges struct {
				Known   int            `json:"known"`
				ByState map[string]int `json:"by_state"`
				List    []struct{ Name, State string }
			}
		}
	}
	if err := json.Unmarshal([]byte(status), &s); err != nil || len(s.Lanes) != 1 || s.Lanes[0].Edges.Known != 2 || s.Lanes[0].Edges.ByState["in-sync"] != 2 || len(s.Lanes[0].Edges.List) != 2 {
		t.Errorf("%v: %s", err, status)
	}
	if text, _ := p.get(p.metrics, "/metrics"); !strings.Contains(text, "sersync_hub_edges 2") || !strings.Contains(text, "sersync_hub_serves 1") {
		t.Error(text)
	}
	if list := p.admin("list"); !strings.Contains(list, "one") || strings.Contains(list, "never") {
		t.Error(list)
	}
	p.admin("remove-edge", "two")
	p.tells("edges: 1 in sync", 0, "--status")
	if code := p.app.Stop(); code != 0 {
		t.Errorf("exit status %d after SIGTERM", code)
	}
}
