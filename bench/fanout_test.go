package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// farm is one source with many targets, each a module of one daemon.
type farm struct {
	*contender
	dirs []string
	urls []string
}

func newFarm(b *testing.B, name string, remotes int) *farm {
	b.Helper()
	f := &farm{contender: &contender{series: series{name: name}, b: b, src: b.TempDir()}}
	conf := testkit.RsyncdConf{}
	dst := b.TempDir()
	for i := range remotes {
		m := fmt.Sprintf("m%d", i)
		f.dirs = append(f.dirs, filepath.Join(dst, m))
		conf.Modules = append(conf.Modules, testkit.Module{Name: m, Path: f.dirs[i]})
	}
	f.daemon = testkit.Rsyncd(b, conf)
	f.server = process(b, "--config="+filepath.Join(f.daemon.Dir, "rsyncd.conf"))
	for i := range remotes {
		f.urls = append(f.urls, fmt.Sprintf("rsync://127.0.0.1:%d/m%d/", f.daemon.Port(), i))
	}
	return f
}

// sersync starts the program for all targets.
func (f *farm) sersync() { f.b.Helper(); f.sersyncWith(nil) }

func (f *farm) sersyncWith(change func(*testkit.Options)) {
	f.b.Helper()
	var at []string
	for i := range f.dirs {
		at = append(at, testkit.At(f.daemon.Port(), fmt.Sprintf("m%d", i)))
	}
	f.pid = start(f.b, f.src, at, change).PID()
	write(f.b, filepath.Join(f.src, "canary"), []byte("1"))
	for _, dir := range f.dirs {
		if _, ok := arrived(dir, []string{"canary"}); !ok {
			f.b.Fatal("the program does not start to sync")
		}
	}
	f.settle()
}

// parallel runs a bare rsync for each target, all of them at once.
func (f *farm) parallel(top string) ended {
	f.b.Helper()
	var cmds []*exec.Cmd
	began := time.Now()
	for _, url := range f.urls {
		cmd := exec.Command("rsync", "-artuz", "--sockopts=TCP_NODELAY", "-R", "./"+top, url)
		cmd.Dir = f.src
		if err := cmd.Start(); err != nil {
			f.b.Fatal(err)
		}
		cmds = append(cmds, cmd)
	}
	var sum ended
	for _, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			f.b.Fatalf("bare rsync: %v", err)
		}
		e := finished(cmd, 0)
		sum.cpu, sum.peakMB = sum.cpu+e.cpu, sum.peakMB+e.peakMB
	}
	sum.took = time.Since(began)
	return sum
}

// BenchmarkFanout8 sends one burst to eight remotes.
func BenchmarkFanout8(b *testing.B) {
	once(b)
	ours, ref := newFarm(b, "sersync", 8), newFarm(b, "8 parallel bare rsyncs", 8)
	ours.sersync()
	s := spec{dirs: 10, files: scale(1000), least: 1 << 10, most: 10 << 10}
	for i := range repeats(7) {
		s.differential = i
		top := fmt.Sprintf("burst%d", i)
		s.make(b, ref.src, top)
		m := ref.meter()
		e := ref.parallel(top)
		ref.settle()
		m.end(e.took, e)

		m = ours.meter()
		_, last := s.make(b, ours.src, top)
		var at time.Time
		for _, dir := range ours.dirs {
			var ok bool
			if at, ok = arrived(dir, s.paths(top)); !ok {
				b.Fatalf("%s is not complete", dir)
			}
		}
		ours.settle()
		m.end(at.Sub(last), ended{})
		ours.against(&ref.series)
	}
	f := ours.figure()
	add(b, row{
		Work: "8 remotes, 1,000 files, from the last write", Goal: "<= 1.3 x 8 parallel bare rsyncs",
		Reached: fmt.Sprintf("%.2f x, %.0f runs", f.Ratio, f.Runs), OK: f.Ratio <= 1.3,
		Figures: []figure{f, ref.figure()},
	})
}

// maxProcesses is how many rsync processes there may be on this side at any time.
const maxProcesses = 64

// BenchmarkFanout50 sends one file to fifty remotes.
func BenchmarkFanout50(b *testing.B) {
	once(b)
	ours, ref := newFarm(b, "sersync", 50), newFarm(b, "50 parallel bare rsyncs", 50)
	ours.sersync()
	in := watch(b, ours.dirs...)
	most := 0
	for i := range scale(20) {
		gap()
		write(b, filepath.Join(ref.src, "file"), []byte(small(i)))
		m := ref.meter()
		e := ref.parallel("file")
		ref.settle()
		m.end(e.took, e)

		in.drain()
		m = ours.meter()
		write(b, filepath.Join(ours.src, "file"), []byte(small(i)))
		closed := time.Now()
		var at time.Time
		for range ours.dirs {
			var ok bool
			if at, ok = in.wait(); !ok {
				b.Fatal("not all remotes have the file")
			}
		}
		ours.settle()
		most = max(most, m.peak.max.n-1)
		m.end(at.Sub(closed), ended{})
		ours.against(&ref.series)
	}
	f := ours.figure()
	add(b, row{
		Work: "50 remotes, one file, until all have it", Goal: "p50 <= 75 ms; at most 64 rsync processes",
		Reached: fmt.Sprintf("p50 %.0f ms, p95 %.0f ms, %d processes", f.P50, f.P95, most),
		OK:      f.P50 <= 75 && most <= maxProcesses, Figures: []figure{f, ref.figure()},
	})
}

// BenchmarkHuge sends small files beside a huge one, on a slow link.
func BenchmarkHuge(b *testing.B) {
	once(b)
	const bandwidth = 20 << 10 // KiB/s, set as one of the user's parameters
	ours := place(b, "sersync, beside the huge file")
	remote := testkit.At(ours.daemon.Port(), module) + fmt.Sprintf(` params="-artuz --bwlimit=%d"`, bandwidth)
	ours.pid = start(b, ours.src, []string{remote}, nil).PID()
	ours.canary()
	in := watch(b, ours.dst)
	idle := series{name: "sersync, idle"}
	for i := range scale(30) {
		<-time.After(300 * time.Millisecond)
		idle.add(ours.change(in, small(i)), 0, 0, 0)
	}
	s := spec{dirs: 1, files: 1, least: scale(300 << 20), most: scale(300 << 20)}
	m := ours.meter()
	s.make(b, ours.src, "huge")
	<-time.After(time.Second)
	for i := range scale(30) {
		<-time.After(300 * time.Millisecond)
		ours.times = append(ours.times, ours.change(in, small(i)))
	}
	// A part of the file may have arrived already while the file was being written.
	whole := func() bool {
		st, err := os.Stat(ours.dst + "/" + s.paths("huge")[0])
		return err == nil && st.Size() == int64(s.most)
	}
	if whole() {
		ours.note = "the huge file arrived before the last small one"
	}
	if _, ok := until(whole); !ok {
		b.Fatal("the huge file did not arrive")
	}
	ours.peak = m.peak.end().rss
	ours.cpu = append(ours.cpu, tree(ours.pid).cpu-m.cpu)
	f, r := ours.figure(), idle.figure()
	f.Ratio = f.P50 / r.P50
	add(b, row{
		Work: "300 MB at 20 MiB/s (--bwlimit), 30 small files meanwhile", Goal: "small files' p50 <= 2 x the idle figure",
		Reached: fmt.Sprintf("p50 %.1f ms = %.2f x", f.P50, f.Ratio), OK: f.Ratio <= 2 && f.Note == "", Figures: []figure{f, r},
	})
}
