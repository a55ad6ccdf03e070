package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/edge"
	"github.com/sersync/sersync/pkg/edge/edgexml"
	"github.com/sersync/sersync/pkg/hub/identity"
	"github.com/sersync/sersync/pkg/hub/roster"
)

const (
	// mostProcesses is the largest number of edges for which each edge has a process of its own, as
	// on a real host. If there are more, they share processes, because this machine's memory is
	// limited.
	mostProcesses = 100
	// together is how many edges share one process in that case.
	together = 100
	// hosts is the environment variable that makes this test binary such a process; it holds the
	// directories of its edges.
	hosts = "BENCH_EDGES"
)

// hostEdges runs edges until a signal ends them, each with its own connection, state and
// directory, as a process of sersync-edge runs one. It returns the exit status.
func hostEdges(dirs []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	for _, dir := range dirs {
		conf, problems, err := edgexml.Load(filepath.Join(dir, "edge.xml"))
		if err == nil && len(problems.Fatal()) > 0 {
			err = errors.New(problems[0].String())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		group.Go(func() error { return edge.Run(ctx, conf, zap.NewNop()) })
	}
	if err := group.Wait(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// network is a source that publishes to a hub, and edges that follow it. The source and the hub run
// as they are shipped, and use the disk. The edges' directories and states are on a tmpfs if there
// is one: here all edges would share a disk, while on real hosts each has its own.
type network struct {
	*contender
	hub   int
	edges []int // processes
	dirs  []string
}

func newNetwork(b *testing.B, edges int) *network {
	b.Helper()
	n := &network{contender: &contender{series: series{name: fmt.Sprintf("sersync, hub and %d edges", edges)}, b: b, src: b.TempDir()}}
	base := b.TempDir()
	port := testkit.FreePort(b)
	n.daemon = testkit.Rsyncd(b, testkit.RsyncdConf{Modules: []testkit.Module{{Name: module, Path: n.src, Options: []string{"read only = yes"}}}})
	n.server = process(b, "--config="+filepath.Join(n.daemon.Dir, "rsyncd.conf"))
	n.hub = spawn(b, testkit.Program(b, "sersync-hub"), "--dir", base+"/hub", "--listen", fmt.Sprintf("127.0.0.1:%d", port), "--metrics", "", "--max-store", "3000")
	if _, ok := until(func() bool { return testkit.Exists(base + "/hub/address") }); !ok {
		b.Fatal("the hub does not come up")
	}
	n.enrol(base, inMemory(b), port, edges)
	n.pid = start(b, n.src, []string{testkit.At(n.daemon.Port(), "unused")}, func(o *testkit.Options) {
		element := fmt.Sprintf(`<stream name="www" url="nats://127.0.0.1:%d" creds="%s/hub/%s" ca="%s/hub/%s"/>`, port, base, identity.SourceKey, base, identity.CA)
		o.Config = strings.Replace(o.Config, "<remote "+testkit.At(n.daemon.Port(), "unused")+"/>", element, 1)
	}).PID()
	n.follow()
	return n
}

// inMemory is a directory on a tmpfs, or an ordinary one where there is no tmpfs.
func inMemory(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "bench")
	if err != nil {
		return b.TempDir()
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// enrol makes the edges' directories, keys and configurations, and adds the edges to the hub.
func (n *network) enrol(base, edges string, port, count int) {
	n.b.Helper()
	var known []roster.Edge
	for i := range count {
		name := fmt.Sprintf("e%d", i)
		dir := filepath.Join(edges, name)
		n.dirs = append(n.dirs, dir+"/tree")
		if err := os.MkdirAll(dir+"/tree", 0o755); err != nil {
			n.b.Fatal(err)
		}
		seed, public, err := identity.NewKey()
		if err != nil {
			n.b.Fatal(err)
		}
		known = append(known, roster.Edge{Name: name, Key: public, Trees: []string{"www"}})
		if err := os.WriteFile(dir+"/key", []byte(seed), 0o600); err != nil {
			n.b.Fatal(err)
		}
		write(n.b, dir+"/edge.xml", fmt.Appendf(nil, `<edge name="%s"><stream url="tls://127.0.0.1:%d" creds="%s/key" ca="%s/hub/%s"/><state dir="%s/state"/><status socket="%s/socket"/>
<tree name="www" dir="%s/tree"><upstream host="127.0.0.1" port="%d" module="%s"/></tree></edge>`, name, port, dir, base, identity.CA, dir, dir, dir, n.daemon.Port(), module))
	}
	err := roster.Change(base+"/hub", func(r *roster.Roster) error {
		for _, e := range known {
			r.Put(e)
		}
		return nil
	})
	if err != nil {
		n.b.Fatal(err)
	}
}

// follow starts the edges, and returns when all of them follow the tree and are at rest.
func (n *network) follow() {
	n.b.Helper()
	if len(n.dirs) <= mostProcesses {
		for _, dir := range n.dirs {
			n.edges = append(n.edges, spawn(n.b, testkit.Program(n.b, "sersync-edge"), "-o", filepath.Dir(dir)+"/edge.xml"))
		}
	} else {
		for i := 0; i < len(n.dirs); i += together {
			var dirs []string
			for _, dir := range n.dirs[i:min(i+together, len(n.dirs))] {
				dirs = append(dirs, filepath.Dir(dir))
			}
			// env replaces itself with this binary, so the process stays the same.
			n.edges = append(n.edges, spawn(n.b, "env", hosts+"="+strings.Join(dirs, ":"), os.Args[0]))
		}
	}
	write(n.b, filepath.Join(n.src, "canary"), []byte("1"))
	for _, dir := range n.dirs {
		if _, ok := arrived(dir, []string{"canary"}); !ok {
			n.b.Fatalf("the edge of %s does not follow", dir)
		}
	}
	testkit.Settled(2*time.Second, 5*time.Minute, n.daemon.Log)
}

// used is the processor time, in seconds, that the source, the hub and the edges have used so far.
func (n *network) used() (source, hub, edges float64) {
	for _, pid := range n.edges {
		edges += tree(pid).cpu
	}
	return tree(n.pid).cpu, tree(n.hub).cpu, edges
}

// memory is how many MB the source, the hub and each edge have resident now.
func (n *network) memory() string {
	n.b.Helper()
	const mb = 1e6
	edges := 0.0
	for _, pid := range n.edges {
		edges += resident(n.b, pid, "VmRSS") / mb
	}
	return fmt.Sprintf("memory: source %.0f MB, hub %.0f MB, each edge %.1f MB (%d processes)",
		resident(n.b, n.pid, "VmRSS")/mb, resident(n.b, n.hub, "VmRSS")/mb, edges/float64(len(n.dirs)), len(n.edges))
}

// copies copies a tree to some places with all processors, as many receivers on one machine have
// to, and returns how long that took and its processor time.
func copies(b *testing.B, from string, to []string) (took, cpu time.Duration) {
	b.Helper()
	began := time.Now()
	var busy atomic.Int64
	var group errgroup.Group
	group.SetLimit(runtime.NumCPU())
	for _, dir := range to {
		group.Go(func() error {
			cmd := exec.Command("cp", "-a", from, dir)
			err := cmd.Run()
			if err == nil {
				busy.Add(int64(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()))
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	return time.Since(began), time.Duration(busy.Load())
}
