package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fleet sends one file of 4 KiB to some receivers, by push and through a hub.
type fleet struct {
	receivers int
	goal      float64 // how many ms the stream may take at p50
	streamed  int     // how often the stream is measured
	pushed    int     // how often the push is measured; 0: not at all
}

// BenchmarkStream8 and the following benchmarks send one file of 4 KiB to receivers, by push and
// through a hub.
func BenchmarkStream8(b *testing.B) { fleet{8, 50, 20, 20}.run(b) }

// BenchmarkStream50 is BenchmarkStream8 with fifty receivers.
func BenchmarkStream50(b *testing.B) { fleet{50, 50, 20, 20}.run(b) }

// BenchmarkStream100 is BenchmarkStream8 with a hundred receivers, through the hub only.
func BenchmarkStream100(b *testing.B) { fleet{100, 50, 20, 0}.run(b) }

// BenchmarkStream200 is BenchmarkStream8 with two hundred receivers.
func BenchmarkStream200(b *testing.B) { fleet{200, 500, 20, 10}.run(b) }

// BenchmarkStream1000 is BenchmarkStream8 with a thousand receivers, through the hub only: on two
// cores a program that pushes to a thousand remotes needs minutes to start.
func BenchmarkStream1000(b *testing.B) { fleet{1000, 500, 20, 0}.run(b) }

func (f fleet) run(b *testing.B) {
	once(b)
	var push *farm
	var pushed *arrivals
	if f.pushed > 0 {
		push = newFarm(b, fmt.Sprintf("%d remotes by push", f.receivers), f.receivers)
		push.sersync()
		pushed = watch(b, push.dirs...)
	}
	net := newNetwork(b, f.receivers)
	streamed := watch(b, net.dirs...)
	times := scale(f.streamed)
	source0, hub0, edges0 := net.used()
	for i := range times {
		if push != nil && i < scale(f.pushed) {
			gap()
			pushed.drain()
			m := push.meter()
			m.end(f.change(b, push.src, i, pushed), ended{})
			push.settle()
		}
		gap()
		streamed.drain()
		net.times = append(net.times, f.change(b, net.src, i, streamed))
	}
	source, hub, edges := net.used()
	per := func(v float64) float64 { return v / float64(times) }
	net.cpu = append(net.cpu, per(source-source0))
	net.note = fmt.Sprintf("processor time per change: source %.4f s, hub %.4f s, each edge %.4f s; %s",
		per(source-source0), per(hub-hub0), per(edges-edges0)/float64(f.receivers), net.memory())
	f.report(b, net, push)
}

// change writes a file and returns how long it took until every receiver had it.
func (f fleet) change(b *testing.B, src string, i int, in *arrivals) time.Duration {
	b.Helper()
	write(b, filepath.Join(src, "file"), []byte(strings.Repeat(fmt.Sprintf("%08d", i), 512)))
	closed, at := time.Now(), time.Time{}
	for range f.receivers {
		var ok bool
		if at, ok = in.wait(); !ok {
			b.Fatal("not all receivers have the file")
		}
	}
	return at.Sub(closed)
}

func (f fleet) report(b *testing.B, net *network, push *farm) {
	b.Helper()
	s := net.figure()
	r := row{Work: fmt.Sprintf("one file of 4 KiB to %d receivers, until all have it", f.receivers), Goal: fmt.Sprintf("p50 <= %.0f ms", f.goal), OK: s.P50 <= f.goal}
	r.Reached = fmt.Sprintf("p50 %.0f ms, p95 %.0f ms; %s", s.P50, s.P95, s.Note)
	if push != nil {
		p := push.figure()
		p.Note = fmt.Sprintf("memory: source %.0f MB", resident(b, push.pid, "VmRSS")/1e6)
		s.Ratio = s.P50 / p.P50
		r.Goal += ", and less processor time of the source than by push"
		r.Reached += fmt.Sprintf("; by push p50 %.0f ms, source %.3f s, remotes %.3f s", p.P50, p.CPU, p.Remote)
		r.OK = r.OK && s.CPU < p.CPU
		r.Figures = []figure{s, p}
	} else {
		r.Figures = []figure{s}
	}
	add(b, r)
}

// BenchmarkStreamBurst has a tree unpacked that twenty edges follow. The references are one bare
// rsync to one receiver, and twenty copies by cp: the edges share the processors here, which they
// would not do on hosts of their own.
func BenchmarkStreamBurst(b *testing.B) {
	once(b)
	const receivers = 20
	net, ref := newNetwork(b, receivers), bare(b)
	s := spec{dirs: 100, files: scale(10000), least: 1 << 10, most: 4 << 10}
	cp, least := series{name: fmt.Sprintf("%d copies by cp", receivers)}, series{name: "bare rsync and copies"}
	source0, hub0, edges0 := net.used()
	times := repeats(5)
	for i := range times {
		s.differential = i
		top := fmt.Sprintf("set%d", i)
		s.make(b, ref.src, top)
		m := ref.meter()
		e := ref.rsync("./" + top)
		m.end(e.took, e)
		room := inMemory(b)
		var to []string
		for n := range receivers {
			to = append(to, filepath.Join(room, fmt.Sprint(n)))
		}
		took, cpu := copies(b, filepath.Join(ref.src, top), to)
		cp.add(took, cpu.Seconds(), 0, 0)
		least.times = append(least.times, e.took+took)
		if err := os.RemoveAll(room); err != nil {
			b.Fatal(err)
		}
		net.times = append(net.times, net.burst(s, top))
		net.against(&least)
	}
	source, hub, edges := net.used()
	per := func(v float64) float64 { return v / float64(times) }
	net.cpu = append(net.cpu, per(source-source0+hub-hub0+edges-edges0))
	net.note = fmt.Sprintf("processor time per burst: source %.2f s, hub %.2f s, each edge %.2f s; %s",
		per(source-source0), per(hub-hub0), per(edges-edges0)/receivers, net.memory())
	f, r, c := net.figure(), ref.figure(), cp.figure()
	const most = 1.5
	add(b, row{
		Work: fmt.Sprintf("%d files of 1-4 KiB in 100 new directories to %d edges, from the first create", s.files, receivers),
		Goal: "<= 1.5 x one bare rsync of them to one receiver and 20 copies by cp",
		Reached: fmt.Sprintf("time %.2f x, processor time %.2f x (%.1f s against %.1f s and %.1f s); %s", f.Ratio, f.CPU/(r.CPU+r.Remote+c.CPU),
			f.P50/1000, r.P50/1000, c.P50/1000, f.Note),
		OK: f.Ratio <= most, Figures: []figure{f, r, c},
	})
}

// burst writes files and returns how long it took from the first create until every edge
// had all of them.
func (n *network) burst(s spec, top string) time.Duration {
	n.b.Helper()
	first, at := time.Now(), time.Time{}
	s.make(n.b, n.src, top)
	for _, dir := range n.dirs {
		var ok bool
		if at, ok = arrived(dir, s.paths(top)); !ok {
			n.b.Fatalf("%s is not complete", dir)
		}
	}
	return at.Sub(first)
}
