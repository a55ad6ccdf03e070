package edges

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/edge"
	"github.com/sersync/sersync/pkg/edge/edgestatus"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/hub"
	"github.com/sersync/sersync/pkg/hub/identity"
	"github.com/sersync/sersync/pkg/hub/roster"
	"github.com/sersync/sersync/pkg/stream/dial"
	"github.com/sersync/sersync/pkg/transport"
	publish "github.com/sersync/sersync/pkg/transport/stream"
)

// patience is how long anything may take on a machine that has other things to do.
const patience = 2 * time.Minute

// role makes the test binary a hub or an edge, so that each of them can be killed.
const role = "EDGES_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "edge":
		os.Exit(edge.Program{Argv: os.Args, Stdout: os.Stdout, Stderr: os.Stderr}.Main())
	case "hub":
		os.Exit(runHub(os.Args[1], os.Args[2]))
	}
	testkit.Main(m)
}

func runHub(dir, listen string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	h, err := hub.New(hub.Options{Dir: dir, Listen: listen, MaxStore: 1 << 30, Logger: zap.NewNop()})
	if err == nil {
		err = h.Run(ctx, func(string) {})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// child is a process that ends with this one: the kernel kills it when the thread that has started
// it ends. So a goroutine starts it that keeps its thread until then.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

func spawn(t *testing.T, cmd *exec.Cmd, name string) *child {
	t.Helper()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	cmd.Stderr = &lines{t: t, role: name}
	c := &child{cmd, make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		defer close(c.ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the process was killed
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	return c
}

// end ends the process with a signal, if it is running, and waits until it has ended.
func (c *child) end(sig syscall.Signal) {
	select {
	case <-c.ended:
	default:
		_ = c.cmd.Process.Signal(sig)
		<-c.ended
	}
}

// process is this test binary as a hub or an edge.
type process struct {
	t    *testing.T
	role string
	args []string
	runs *child
}

func (p *process) start() {
	p.t.Helper()
	cmd := exec.Command(os.Args[0], p.args...)
	cmd.Env = append(os.Environ(), role+"="+p.role)
	p.runs = spawn(p.t, cmd, p.role)
}

// end ends the process with a signal and waits until it has ended.
func (p *process) end(sig syscall.Signal) {
	if p.runs != nil {
		p.runs.end(sig)
		p.runs = nil
	}
}

// lines keeps the output of a process, which a failing test prints.
type lines struct {
	t    *testing.T
	role string
}

func (l *lines) Write(b []byte) (int, error) {
	l.t.Logf("%s: %s", l.role, strings.TrimSpace(string(b)))
	return len(b), nil
}

// scene is a hub, a source and edges.
type scene struct {
	*testing.T
	base   string
	port   int
	hub    *process
	source string // the source's directory
	rsyncd *testkit.RsyncDaemon
	pub    *publish.Publisher
	edges  []*edgeHost
	// through is the port at which new edges reach the hub; 0: the port of the hub.
	through int
	// If there is another server in the place of the hub: its address, the key that everybody uses
	// to connect, and how many servers keep each message.
	url, creds string
	replicas   int
}

// edgeHost is one edge.
type edgeHost struct {
	*process
	name string
	dir  string
	base string
}

func newScene(t *testing.T, streamBytes int64) *scene {
	t.Helper()
	return newSceneOn(t, streamBytes, func(string) {})
}

// newSceneOn is newScene, but first calls before, which may prepare the directory hub.
func newSceneOn(t *testing.T, streamBytes int64, before func(base string)) *scene {
	t.Helper()
	s := newBareScene(t)
	before(s.base)
	s.hub = &process{t: t, role: "hub", args: []string{s.base + "/hub", fmt.Sprintf("127.0.0.1:%d", s.port)}}
	s.startHub()
	t.Cleanup(func() { s.hub.end(syscall.SIGKILL) })
	s.open(streamBytes)
	return s
}

// newBareScene is a source without a hub.
func newBareScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{T: t, base: t.TempDir(), port: testkit.FreePort(t)}
	testkit.OpenToAll(t, s.base)
	s.source = s.base + "/source"
	s.rsyncd = testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "tree", Path: s.source, Options: []string{"read only = yes"}}}})
	return s
}

// open makes the publisher.
func (s *scene) open(streamBytes int64) {
	s.pub = publish.New(publish.Options{
		Tree: "www", Way: s.way(), Limits: publish.Limits{Age: time.Hour, Bytes: streamBytes, Replicas: s.replicas}, Dir: s.source, Host: "here", Source: "test",
		Root: func() *fstree.Root {
			root, err := fstree.Open(s.source)
			if err != nil {
				return nil
			}
			return root
		},
		Held: func(string) string { return "" }, Logger: zap.NewNop(),
	})
	s.Cleanup(s.pub.Close)
}

func (s *scene) way() dial.Way {
	if s.url != "" {
		return dial.Way{URL: s.url, Creds: s.creds, Client: "source"}
	}
	return dial.Way{
		URL: fmt.Sprintf("nats://127.0.0.1:%d", s.port), Creds: filepath.Join(s.base, "hub", identity.SourceKey),
		CA: filepath.Join(s.base, "hub", identity.CA), Client: "source",
	}
}

func (s *scene) startHub() {
	s.Helper()
	s.hub.start()
	s.await("the hub answers", func() bool {
		c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", s.port), time.Second)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// tree is the <tree> element of an edge, with further attributes.
func (s *scene) tree(dir, attributes, upstreams string) string {
	if upstreams == "" {
		upstreams = fmt.Sprintf(`<upstream host="127.0.0.1" port="%d" module="tree"/>`, s.rsyncd.Port())
	}
	return fmt.Sprintf(`<tree name="www" dir="%s" %s>%s</tree>`, dir, attributes, upstreams)
}

// add makes an edge that uses this directory, and starts it.
func (s *scene) add(name, dir, attributes, upstreams string) *edgeHost {
	s.Helper()
	e := &edgeHost{name: name, dir: dir, base: filepath.Join(s.base, name)}
	for _, d := range []string{e.base, dir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			s.Fatal(err)
		}
	}
	connect := fmt.Sprintf(`url="%s" creds="%s"`, s.url, s.creds)
	if s.url == "" {
		connect = s.enrol(e)
	}
	config := fmt.Sprintf(`<edge name="%s"><stream %s/><state dir="%s/state"/><status socket="%s/socket"/>%s</edge>`,
		name, connect, e.base, e.base, s.tree(dir, attributes, upstreams))
	s.write(e.base+"/edge.xml", config, 0o644)
	e.process = &process{t: s.T, role: "edge", args: []string{"-o", e.base + "/edge.xml"}}
	e.start()
	s.Cleanup(func() { e.end(syscall.SIGKILL) })
	s.edges = append(s.edges, e)
	return e
}

// enrol adds an edge to the hub, and returns how the edge connects.
func (s *scene) enrol(e *edgeHost) string {
	s.Helper()
	seed, public, err := identity.NewKey()
	if err != nil {
		s.Fatal(err)
	}
	s.write(e.base+"/key", seed, 0o600)
	err = roster.Change(s.base+"/hub", func(r *roster.Roster) error {
		r.Put(roster.Edge{Name: e.name, Key: public, Trees: []string{"www"}})
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	port := s.port
	if s.through != 0 {
		port = s.through
	}
	return fmt.Sprintf(`url="tls://127.0.0.1:%d" creds="%s/key" ca="%s/hub/%s"`, port, e.base, s.base, identity.CA)
}

func (s *scene) write(path, content string, mode os.FileMode) {
	s.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) await(what string, is func() bool) {
	s.Helper()
	testkit.Eventually(s.T, patience, what, is)
}

// publish sends what a call names until the hub has it, as a lane does.
func (s *scene) publish(kind transport.Kind, names ...string) {
	s.Helper()
	s.await("the hub takes a change", func() bool {
		trip, err := s.pub.Do(s.Context(), transport.Call{Batch: transport.Batch{Kind: kind, MayDelete: true}, Names: names})
		return err == nil && trip.Result.Class == transport.Done
	})
}

// put writes a file at the source, and publishes it with the directories above it.
func (s *scene) put(path, content string) {
	s.Helper()
	at := filepath.Join(s.source, path)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		s.Fatal(err)
	}
	s.write(at, content, 0o644)
	var names []string
	for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
		names = append([]string{dir}, names...)
	}
	s.publish(transport.Send, append(names, path)...)
}

func (s *scene) remove(path string) {
	s.Helper()
	if err := os.RemoveAll(filepath.Join(s.source, path)); err != nil {
		s.Fatal(err)
	}
	s.publish(transport.Delete, path)
}

// status asks an edge for its status.
func (e *edgeHost) status(ctx context.Context) (edgestatus.Tree, bool) {
	st, err := edgestatus.Get(ctx, e.base+"/socket")
	if err != nil || len(st.Trees) != 1 {
		return edgestatus.Tree{}, false
	}
	return st.Trees[0], true
}

// says waits until the status of an edge fulfils a condition.
func (s *scene) says(e *edgeHost, what string, is func(edgestatus.Tree) bool) {
	s.Helper()
	var last edgestatus.Tree
	defer func() {
		if s.Failed() {
			s.Logf("%s: %+v", e.name, last)
		}
	}()
	s.await(e.name+" says "+what, func() bool {
		t, ok := e.status(s.Context())
		if ok {
			last = t
		}
		return ok && is(t)
	})
}

// equal waits until every edge has what the source has, and reports that.
func (s *scene) equal() {
	s.Helper()
	for _, e := range s.edges {
		s.says(e, "in sync", func(t edgestatus.Tree) bool {
			return t.State == edgestatus.InSync && len(testkit.Equal(s.source, e.dir, testkit.CompareFor("-a"))) == 0
		})
	}
}
