package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// directories makes a tree of n directories, a hundred in each directory above them.
func directories(b *testing.B, n int) string {
	b.Helper()
	root := filepath.Join(b.TempDir(), "tree")
	for made, level := 1, []string{root}; made < n; {
		var next []string
		for _, dir := range level {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				b.Fatal(err)
			}
			for i := 0; i < 100 && made < n; i++ {
				sub := fmt.Sprintf("%s/directory%02d", dir, i)
				if err := os.Mkdir(sub, 0o755); err != nil {
					b.Fatal(err)
				}
				made++
				next = append(next, sub)
			}
		}
		level = next
	}
	return root
}

// ready is the line that 2.5.4 prints once its watches are set.
const ready = "watch path is:"

// BenchmarkStart measures the time until a million directories are watched, and the memory that the
// watches take.
func BenchmarkStart(b *testing.B) {
	once(b)
	n := scale(1_000_000)
	root := directories(b, n)
	reference := filepath.Join(b.TempDir(), "walkwatch")
	command(b, ".", "gcc", "-O2", "-o", reference, "testdata/walkwatch.c")
	base := memory(b, b.TempDir(), nil)
	ours, mark, ref := series{name: "sersync"}, series{name: byFanotify}, series{name: "walk and watch in C"}
	var perDir, atOnce []float64
	command(b, ".", reference, root) // this run reads the disk, so that the contenders find it in the cache
	for range repeats(3) {
		e := command(b, ".", reference, root)
		ref.add(e.took, e.cpu, 0, 0)
		ref.peak = max(ref.peak, e.peakMB)
		bytes := memory(b, root, nil, &ours)
		ours.against(&ref)
		perDir = append(perDir, (bytes-base)/float64(n))
		atOnce = append(atOnce, memory(b, root, byMark, &mark))
		mark.against(&ours)
	}
	f := ours.figure()
	f.Note = fmt.Sprintf("%.0f bytes resident per directory", quantile(perDir, 0.5))
	add(b, row{
		Work: fmt.Sprintf("start on %d directories", n), Goal: "<= 1.0 x the C reference; <= 150 bytes resident per directory",
		Reached: fmt.Sprintf("%.2f x, %s", f.Ratio, f.Note), OK: f.Ratio <= 1 && quantile(perDir, 0.5) <= 150,
		Figures: []figure{f, ref.figure()},
	})
	m, mb := mark.figure(), quantile(atOnce, 0.5)/1e6
	m.Note = fmt.Sprintf("%.1f MB resident, %.1f with one directory and inotify", mb, base/1e6)
	add(b, row{
		Work: fmt.Sprintf("start on %d directories, fanotify", n), Goal: "< 0.5 s; < 20 MB resident",
		Reached: fmt.Sprintf("%.2f s, %s", m.P50/1000, m.Note), OK: m.P50 < 500 && mb < 20,
		Figures: []figure{m, f},
	})
}

// memory starts the program on a tree, notes the time until the tree is watched, and returns the
// resident memory of the process. Its remote is down, so that only the watches take memory. change
// may be nil.
func memory(b *testing.B, root string, change func(*testkit.Options), into ...*series) float64 {
	b.Helper()
	began := time.Now()
	s := start(b, root, []string{testkit.At(testkit.FreePort(b), module)}, func(o *testkit.Options) {
		o.NoWait = true
		if change != nil {
			change(o)
		}
	})
	if _, ok := until(func() bool { return strings.Contains(s.Stdout(), ready) || s.Exited() }); !ok || s.Exited() {
		b.Fatalf("the program does not start: %s", s.Stderr())
	}
	took, cpu := time.Since(began), tree(s.PID()).cpu
	<-time.After(3 * time.Second)
	bytes := resident(b, s.PID(), "VmRSS")
	for _, to := range into {
		to.add(took, cpu, 0, 0)
		to.peak = max(to.peak, resident(b, s.PID(), "VmHWM")/1e6)
	}
	s.Stop()
	return bytes
}

// BenchmarkIdle measures what a large tree costs while nothing changes, with either back end.
func BenchmarkIdle(b *testing.B) {
	once(b)
	n := scale(100_000)
	src := directories(b, n)
	farms := []*farm{newFarm(b, "sersync", 8), newFarm(b, byFanotify, 8)}
	began := time.Now()
	for i, f := range farms {
		f.src = src
		f.sersyncWith([]func(*testkit.Options){nil, byMark}[i])
	}
	// The first full syncs log nothing for a long time. They are over when the whole trees of
	// processes have done nothing for a while.
	testkit.Settled(15*time.Second, 10*time.Minute, func() string { return fmt.Sprintf("%.0f", 5*(tree(farms[0].pid).cpu+tree(farms[1].pid).cpu)) })
	var meters []meter
	for _, f := range farms {
		meters = append(meters, f.meter())
	}
	const window = 60 * time.Second
	<-time.After(window)
	for i, f := range farms {
		meters[i].end(time.Since(began), ended{})
		rss := resident(b, f.pid, "VmRSS") / 1e6
		share := 100 * f.cpu[0] / window.Seconds()
		g := f.figure()
		g.Note = fmt.Sprintf("%.1f MB resident, %.1f at most", rss, resident(b, f.pid, "VmHWM")/1e6)
		add(b, row{
			Work: fmt.Sprintf("idle, %d directories, 8 remotes (%s)", n, f.name), Goal: "<= 0.5 % of a core; < 60 MB resident",
			Reached: fmt.Sprintf("%.2f %%, %.1f MB", share, rss), OK: share <= 0.5 && rss < 60, Figures: []figure{g},
		})
	}
}

// margin is how far the catch-up looks back beyond the watermark. Files younger than that would
// rightly be compared.
const margin = 16 * time.Minute

// million is the tree of the catch-up, and its copy. BENCH_FILES names a directory in which both
// are made once and kept; the files have to be older than the margin.
func million(b *testing.B, n int) (src, dst string, made time.Time) {
	b.Helper()
	base := os.Getenv("BENCH_FILES")
	if base == "" {
		base = b.TempDir()
	}
	src, dst = filepath.Join(base, "tree"), filepath.Join(base, "target")
	if st, err := os.Stat(base + "/complete"); err == nil {
		return src, dst, st.ModTime()
	}
	for i := range n {
		dir := fmt.Sprintf("%s/d%02d/d%02d", src, i/10_000, i/100%100)
		if i%100 == 0 {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				b.Fatal(err)
			}
		}
		write(b, fmt.Sprintf("%s/file%03d", dir, i%100), []byte("x"))
	}
	command(b, base, "cp", "-a", "tree", "target")
	write(b, base+"/complete", nil)
	return src, dst, time.Now()
}

// BenchmarkCatchUp restarts the program on a million files of which ten have changed.
func BenchmarkCatchUp(b *testing.B) {
	once(b)
	n := scale(1_000_000)
	src, dst, made := million(b, n)
	c := &contender{series: series{name: "sersync"}, b: b, src: src, dst: dst}
	c.daemon = testkit.Rsyncd(b, testkit.RsyncdConf{Modules: []testkit.Module{{Name: module, Path: dst}}})
	c.server = process(b, "--config="+filepath.Join(c.daemon.Dir, "rsyncd.conf"))
	if wait := time.Until(made.Add(margin)); wait > 0 {
		b.Logf("the tree has to be %v old: waiting %v", margin, wait.Round(time.Second))
		<-time.After(wait)
	}
	state := b.TempDir()
	options := func(o *testkit.Options) {
		o.NoWait = true
		o.Config = testkit.WithState(o.Config, state)
	}
	c.firstSync(state, options)
	find := series{name: "find -newer"}
	stamp := filepath.Join(b.TempDir(), "stamp")
	for i := range repeats(5) {
		write(b, stamp, nil)
		names := c.touch(i, n)
		e := command(b, src, "find", ".", "-newer", stamp, "-fprint", "/dev/null")
		find.add(e.took, e.cpu, 0, 0)
		find.peak = max(find.peak, e.peakMB)
		c.restart(names, options)
		c.against(&find)
	}
	f := c.figure()
	add(b, row{
		Work: fmt.Sprintf("catch-up after a restart, %d files, 10 changed", n), Goal: "<= 1.5 x find -newer over the tree; at most 3 runs",
		Reached: fmt.Sprintf("%.2f x, %.0f runs", f.Ratio, f.Runs), OK: f.Ratio <= 1.5 && f.Runs <= 3,
		Figures: []figure{f, find.figure()},
	})
}

// firstSync runs the program with -r until the target is known to be equal.
func (c *contender) firstSync(state string, options func(*testkit.Options)) {
	c.b.Helper()
	s := start(c.b, c.src, []string{testkit.At(c.daemon.Port(), module)}, func(o *testkit.Options) {
		options(o)
		o.Args = []string{"-r", "-o", "confxml.xml"}
	})
	if !testkit.Poll(10*time.Minute, func() bool { return marked(state) }) {
		c.b.Fatalf("no watermark after ten minutes: %s", s.Stderr())
	}
	s.Stop()
}

// marked tells whether a state file has a watermark, which means that everything is synced.
func marked(state string) bool {
	files, _ := filepath.Glob(state + "/lane-*.json")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), `"watermark"`) {
			return true
		}
	}
	return false
}

// touch rewrites ten files and returns them.
func (c *contender) touch(i, n int) []string {
	c.b.Helper()
	names := make([]string, 10)
	for k := range names {
		at := (k*n/10 + i*137) % n
		names[k] = fmt.Sprintf("d%02d/d%02d/file%03d", at/10_000, at/100%100, at%100)
		write(c.b, c.src+"/"+names[k], fmt.Appendf(nil, "changed at %d\n", time.Now().UnixNano()))
	}
	return names
}

// restart measures from the start of the program until the target has the
// files' new content.
func (c *contender) restart(names []string, options func(*testkit.Options)) {
	c.b.Helper()
	m := c.meter()
	began := time.Now()
	s := start(c.b, c.src, []string{testkit.At(c.daemon.Port(), module)}, options)
	at, ok := until(func() bool {
		for len(names) > 0 {
			here, err1 := os.ReadFile(c.src + "/" + names[0])
			there, err2 := os.ReadFile(c.dst + "/" + names[0])
			if err1 != nil || err2 != nil || string(here) != string(there) {
				return false
			}
			names = names[1:]
		}
		return true
	})
	if !ok {
		c.b.Fatalf("%d of the files did not arrive: %s", len(names), s.Stderr())
	}
	took := at.Sub(began)
	c.settle()
	m.end(took, ended{cpu: tree(s.PID()).cpu, peakMB: resident(c.b, s.PID(), "VmHWM") / 1e6})
	s.Stop()
}
