package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// network is a source that publishes to a hub, and edges that follow it, each a process
// of its own.
type network struct {
	*contender
	hub   int
	edges []int
	dirs  []string
}

func newNetwork(b *testing.B, edges int) *network {
	b.Helper()
	n := &network{contender: &contender{series: series{name: "sersync, hub and edges"}, b: b, src: b.TempDir()}}
	base := b.TempDir()
	port := testkit.FreePort(b)
	n.daemon = testkit.Rsyncd(b, testkit.RsyncdConf{Modules: []testkit.Module{{Name: module, Path: n.src, Options: []string{"read only = yes"}}}})
	n.server = process(b, "--config="+filepath.Join(n.daemon.Dir, "rsyncd.conf"))
	hub := testkit.Program(b, "sersync-hub")
	n.hub = spawn(b, hub, "--dir", base+"/hub", "--listen", fmt.Sprintf("127.0.0.1:%d", port), "--metrics", "", "--max-store", "3000")
	if _, ok := until(func() bool { return testkit.Exists(base + "/hub/address") }); !ok {
		b.Fatal("the hub does not come up")
	}
	for i := range edges {
		name := fmt.Sprintf("e%d", i)
		dir := filepath.Join(base, name)
		n.dirs = append(n.dirs, dir+"/tree")
		if err := os.MkdirAll(dir+"/tree", 0o755); err != nil {
			b.Fatal(err)
		}
		out, err := exec.Command(hub, "add-edge", name, "www", "--dir", base+"/hub").Output()
		if err != nil {
			b.Fatal(err)
		}
		lines := strings.Split(string(out), "\n")
		key := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "# key") }) + 1
		if err := os.WriteFile(dir+"/key", []byte(lines[key]), 0o600); err != nil {
			b.Fatal(err)
		}
		write(b, dir+"/edge.xml", fmt.Appendf(nil, `<edge name="%s"><stream url="tls://127.0.0.1:%d" creds="%s/key" ca="%s/hub/ca.pem"/><state dir="%s/state"/><status socket="%s/s"/>
<tree name="www" dir="%s/tree"><upstream host="127.0.0.1" port="%d" module="%s"/></tree></edge>`, name, port, dir, base, dir, dir, dir, n.daemon.Port(), module))
	}
	n.pid = start(b, n.src, []string{testkit.At(n.daemon.Port(), "unused")}, func(o *testkit.Options) {
		element := fmt.Sprintf(`<stream name="www" url="nats://127.0.0.1:%d" creds="%s/hub/source.nk" ca="%s/hub/ca.pem"/>`, port, base, base)
		o.Config = strings.Replace(o.Config, "<remote "+testkit.At(n.daemon.Port(), "unused")+"/>", element, 1)
	}).PID()
	for _, dir := range n.dirs {
		n.edges = append(n.edges, spawn(b, testkit.Program(b, "sersync-edge"), "-o", filepath.Dir(dir)+"/edge.xml"))
	}
	write(b, filepath.Join(n.src, "canary"), []byte("1"))
	for _, dir := range n.dirs {
		if _, ok := arrived(dir, []string{"canary"}); !ok {
			b.Fatal("an edge does not follow")
		}
	}
	return n
}

// used is the processor time of the source, the hub and the edges so far, in seconds.
func (n *network) used() (source, hub, edges float64) {
	for _, pid := range n.edges {
		edges += tree(pid).cpu
	}
	return tree(n.pid).cpu, tree(n.hub).cpu, edges
}

// BenchmarkStream8 and BenchmarkStream50 are one file of 4 KiB to receivers, pushed and
// through a hub.
func BenchmarkStream8(b *testing.B) { pushOrStream(b, 8) }

// BenchmarkStream50 is BenchmarkStream8 with fifty.
func BenchmarkStream50(b *testing.B) { pushOrStream(b, 50) }

func pushOrStream(b *testing.B, receivers int) {
	once(b)
	push := newFarm(b, fmt.Sprintf("%d remotes by push", receivers), receivers)
	push.sersync()
	net := newNetwork(b, receivers)
	pushed, streamed := watch(b, push.dirs...), watch(b, net.dirs...)
	times := scale(20)
	all := func(in *arrivals) time.Time {
		var at time.Time
		for range receivers {
			var ok bool
			if at, ok = in.wait(); !ok {
				b.Fatal("not all receivers have the file")
			}
		}
		return at
	}
	source0, hub0, edges0 := net.used()
	for i := range times {
		content := []byte(strings.Repeat(fmt.Sprintf("%08d", i), 512))
		gap()
		pushed.drain()
		m := push.meter()
		write(b, filepath.Join(push.src, "file"), content)
		closed := time.Now()
		at := all(pushed)
		push.settle()
		m.end(at.Sub(closed), ended{})

		gap()
		streamed.drain()
		write(b, filepath.Join(net.src, "file"), content)
		closed = time.Now()
		net.times = append(net.times, all(streamed).Sub(closed))
	}
	source, hub, edges := net.used()
	per := func(v float64) float64 { return v / float64(times) }
	net.cpu = append(net.cpu, per(source-source0))
	net.note = fmt.Sprintf("processor time per change: source %.4f s, hub %.4f s, each edge %.4f s", per(source-source0), per(hub-hub0), per(edges-edges0)/float64(receivers))
	f, p := net.figure(), push.figure()
	f.Ratio = f.P50 / p.P50
	add(b, row{
		Work: fmt.Sprintf("one file of 4 KiB to %d receivers, until all have it", receivers), Goal: "p50 <= 50 ms, and less processor time of the source than by push",
		Reached: fmt.Sprintf("p50 %.0f ms, p95 %.0f ms; by push p50 %.0f ms, source %.3f s; %s", f.P50, f.P95, p.P50, p.CPU, f.Note),
		OK:      f.P50 <= 50 && f.CPU < p.CPU, Figures: []figure{f, p},
	})
}
