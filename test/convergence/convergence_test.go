package convergence

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
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
	modeFlag = flag.Int("mode", -1, "with the mode of this number; default: by the seed")
)

const (
	// quickSeeds is how many seeds run in the quick suite, usualSeeds how many in the whole one;
	// SOAK_SEEDS names another number.
	quickSeeds = 4
	usualSeeds = 14
	writers    = 3
	// operations is the least number of changes of a seed.
	operations = 2400
	// repeats is how often faults may make a full sync start again.
	repeats = 6
	// patience is how long a test waits for anything. The program promises 10 s after an outage. A
	// machine that also runs other tests may need longer, so the test prints the time.
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
		t.Run(fmt.Sprintf("%d-%s", seed, modeOf(seed, m)), func(t *testing.T) {
			if !modes()[m].pair { // each of them has two programs and two daemons, enough work for both processors
				t.Parallel()
			}
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
	if testing.Short() {
		count = quickSeeds
	}
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
	if modes()[m].pair {
		convergePair(t, seed, m)
		return
	}
	s := newScene(t, modeOf(seed, m), rand.New(rand.NewPCG(uint64(seed), 0)))
	faults := s.plan(crashes(seed))
	s.prepare(seed)
	s.start(true)
	if s.crashed {
		// A catch-up may delete only after a mirror run that the user has requested.
		testkit.Eventually(t, patience, "the mirror run of -r is done", s.mirrored)
	}
	s.work(seed, faults)
	left := s.rsync.Heal()
	s.calm(seed)
	t.Logf("%s; %d injected failures unused", s.settle(seed, m), left)
	s.costs()
	s.stop(syscall.SIGTERM)
}

// crashes says whether a seed may end the program and lose its events: every other seed of a mode
// does not.
func crashes(seed int64) bool { return (seed-1)/int64(len(modes()))%2 == 0 }

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

// work starts the writers and injects the faults.
func (s *scene) work(seed int64, faults []fault) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var ops atomic.Int64
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel() // so that the writers end before wg.Wait, also when the test gives up
	for n := range writers {
		w := s.writer(seed, n, func() { ops.Add(1) })
		wg.Go(func() { w.run(ctx, operations/writers) })
	}
	s.inject(faults, ops.Load, int64(operations/len(faults)))
}

// costs prints how many runs there were, and bounds their number: only the start with -r asks for a
// full sync.
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
