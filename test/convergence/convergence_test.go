package convergence

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var (
	seedFlag = flag.Int64("seed", 0, "run this seed only")
	modeFlag = flag.Int("mode", -1, "with this mode (0 to 3); default: by the seed")
)

const (
	// usualSeeds run with every go test; SOAK_SEEDS asks for more.
	usualSeeds = 12
	writers    = 3
	// operations is the least number of changes of a seed.
	operations = 2400
	// repeats is how often faults may make a full sync start again.
	repeats = 6
	// patience is how long a test waits for anything. The product's promise is
	// 10 s after an outage; a machine that also runs other tests may take
	// longer, and the time is printed.
	patience = 90 * time.Second
)

// TestSeed is the model-based test. A seed that failed is run again by
//
//	go test ./test/convergence -run Seed -args -seed=N -mode=M
func TestSeed(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("not root: no overflow, no owners")
	}
	for _, seed := range seeds(t) {
		m := int((seed - 1) % int64(len(modes())))
		if *modeFlag >= 0 {
			m = *modeFlag
		}
		t.Run(fmt.Sprintf("%d-%s", seed, modes()[m].name), func(t *testing.T) {
			t.Parallel()
			converge(t, seed, m)
		})
	}
}

func seeds(t *testing.T) (out []int64) {
	t.Helper()
	if v := os.Getenv("CONVERGENCE_SEED"); v != "" && *seedFlag == 0 {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 1 {
			t.Fatalf("CONVERGENCE_SEED=%q: want a number above 0", v)
		}
		return []int64{n}
	}
	if *seedFlag > 0 {
		return []int64{*seedFlag}
	}
	count := int64(usualSeeds)
	if v := os.Getenv("SOAK_SEEDS"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 1 {
			t.Fatalf("SOAK_SEEDS=%q: want a number above 0", v)
		}
		count = n
	}
	for n := int64(1); n <= count; n++ {
		out = append(out, n)
	}
	return out
}

func converge(t *testing.T, seed int64, m int) {
	s := newScene(t, modes()[m], rand.New(rand.NewPCG(uint64(seed), 0)))
	// Every other seed of a mode spares the program itself: there -u must not
	// hold anything back.
	faults := s.plan((seed-1)/int64(len(modes()))%2 == 0)
	s.prepare(seed)
	s.start(true)
	if s.crashed {
		// Only after a mirror run that the user asked for may a catch-up
		// delete.
		testkit.Eventually(t, patience, "the mirror run of -r is done", s.mirrored)
	}
	s.work(seed, faults)
	left := s.rsync.Heal()
	s.calm(seed)
	s.settle(seed, m, left)
	s.costs()
	s.stop(syscall.SIGTERM)
}

// prepare makes a tree for the full sync at start.
func (s *scene) prepare(seed int64) {
	w := s.writer(seed, 99, func() {})
	done, cancel := context.WithCancel(context.Background())
	cancel()
	w.run(done, 200)
}

func (s *scene) writer(seed int64, n int, ops func()) *writer {
	return &writer{
		name: fmt.Sprintf("w%d", n), rnd: rand.New(rand.NewPCG(uint64(seed), uint64(n+1))),
		m: s.m, src: s.src, out: s.out, log: s.log, ops: ops,
	}
}

// work lets the writers loose and injects the faults.
func (s *scene) work(seed int64, faults []fault) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var ops atomic.Int64
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel() // before the wait, also when the test gives up
	for n := range writers {
		w := s.writer(seed, n, func() { ops.Add(1) })
		wg.Go(func() { w.run(ctx, operations/writers) })
	}
	s.inject(faults, ops.Load, int64(operations/len(faults)))
}

// settle waits until source and target are equal, and stay so.
func (s *scene) settle(seed int64, m, left int) {
	s.t.Helper()
	quiet := time.Now()
	var diff []testkit.Difference
	kept, leftovers, next := 0, 0, time.Time{}
	equal := func() bool {
		if time.Now().Before(next) {
			return false // a comparison costs the program's own time
		}
		diff, kept = s.keptByUpdate(testkit.Equal(s.src, s.dst, s.m.compare()))
		diff, leftovers = s.leftByReceiver(diff)
		next = time.Now().Add(100 * time.Millisecond)
		return len(diff) == 0
	}
	ok := testkit.Poll(patience, equal)
	took := time.Since(quiet)
	if ok {
		testkit.Settled(300*time.Millisecond, 20*time.Second, func() string { return strconv.Itoa(s.rsync.Count()) })
		next = time.Time{}
		ok = equal()
	}
	s.t.Logf("%s: %d operations, equal %.1fs after the last, %d injected failures unused, %d overflows, %d newer on the target kept by -u, %d leftovers of a killed receiver",
		s.m.name, s.log.len(), took.Seconds(), left, s.overflows(), kept, leftovers)
	if ok {
		return
	}
	s.t.Errorf("%d differences; replay: go test ./test/convergence -run Seed -args -seed=%d -mode=%d", len(diff), seed, m)
	for i, d := range diff {
		if i < 10 {
			s.t.Errorf("%v", d)
		}
		if i < 3 {
			s.t.Errorf("operations near %q:\n%s", d.Path, s.log.near(d.Path))
		}
	}
	s.explain()
	s.t.FailNow()
}

// explain keeps what the program thought: its status, and what each goroutine
// was doing.
func (s *scene) explain() {
	out, _ := exec.Command(testkit.Build(s.t), "--status", "--json", "-o", s.app.File).CombinedOutput()
	s.t.Logf("status: %s", out)
	s.app.SignalProcess(syscall.SIGQUIT)
	s.app.Wait(patience)
	if os.Getenv(keepEnv) != "" {
		s.must(os.WriteFile(filepath.Join(s.base, "goroutines"), []byte(s.app.Stderr()), 0o600))
	}
}

// keptByUpdate takes out the files that -u asks to keep: after a crash or an
// overflow nobody has seen in which order things happened here, and what is
// newer on the target stays, as the user's -u says.
func (s *scene) keptByUpdate(diff []testkit.Difference) (rest []testkit.Difference, kept int) {
	if !s.m.update() || !s.crashed {
		return diff, 0
	}
	for _, d := range diff {
		a, errA := os.Lstat(filepath.Join(s.src, d.Path))
		b, errB := os.Lstat(filepath.Join(s.dst, d.Path))
		if errA == nil && errB == nil && a.Mode().IsRegular() && b.Mode().IsRegular() && b.ModTime().After(a.ModTime()) {
			kept++
			continue
		}
		rest = append(rest, d)
	}
	return rest, kept
}

// leftByReceiver takes out the temporary files and partial directories that a
// receiver leaves when it is killed, or when its sender is. Nobody can remove
// them at that moment.
func (s *scene) leftByReceiver(diff []testkit.Difference) (rest []testkit.Difference, left int) {
	for _, d := range diff {
		if d.Kind == "leftover" {
			left++
			continue
		}
		rest = append(rest, d)
	}
	return rest, left
}

// costs prints what it took, and bounds it: nothing here asks for a full sync
// but the start with -r.
func (s *scene) costs() {
	s.t.Helper()
	full, surveys, failed := 0, 0, s.failedFulls()
	runs := s.rsync.Runs()
	for _, r := range runs {
		switch {
		case r.Full():
			full++
		case r.Survey():
			surveys++
		}
	}
	sent := s.received()
	s.t.Logf("%d rsync runs, %d of them full syncs (%d failed), %d questions; %d bytes reached the daemon, %d were written",
		len(runs), full, failed, surveys, sent, s.log.bytes())
	if full-failed > s.fulls || full > s.fulls+repeats {
		s.t.Errorf("%d full syncs, %d of them failed, %d were asked for", full, failed, s.fulls)
	}
}
