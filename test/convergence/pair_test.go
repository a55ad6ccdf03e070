package convergence

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// pair are two hosts that mirror each other: the target of each scene is the
// source of the other.
type pair struct {
	seed  int64
	m     int
	sides [2]*scene
	// authors are the writers, those of the first side first.
	authors []*author
}

// authorsASide is how many writers a side has; the first one also writes the files that both sides
// share.
const authorsASide = 2

func convergePair(t *testing.T, seed int64, m int) {
	p := newPair(t, seed, m)
	faults := p.plan()
	s := p.sides[0]
	s.must(os.WriteFile(filepath.Join(s.src, "first"), nil, 0o644)) // an empty tree could be a disk that is not mounted
	for _, s := range p.sides {
		s.start(true)
		testkit.Eventually(t, patience, "the mirror run of -r is done", s.mirrored)
	}
	p.work(faults)
	for _, s := range p.sides {
		s.rsync.Heal()
	}
	for _, how := range p.settle("the work") {
		t.Log(how)
	}
	p.calm()
	for _, s := range p.sides {
		s.costs()
		s.stop(syscall.SIGTERM)
	}
}

func newPair(t *testing.T, seed int64, m int) *pair {
	t.Helper()
	rnd := rand.New(rand.NewPCG(uint64(seed), 0))
	a := newScene(t, modeOf(seed, m), rnd)
	b := &scene{t: t, m: a.m, rnd: rnd, log: a.log, base: filepath.Join(a.base, "other")}
	b.src, b.dst, b.out = a.dst, a.src, filepath.Join(b.base, "out")
	b.equip()
	p := &pair{seed: seed, m: m, sides: [2]*scene{a, b}}
	for side, s := range p.sides {
		for n := range authorsASide {
			p.authors = append(p.authors, newAuthor(s, seed, side, n))
		}
	}
	return p
}

// plan takes the faults of both sides in turn.
func (p *pair) plan() (faults []fault) {
	crash := crashes(p.seed)
	a, b := p.sides[0].plan(crash), p.sides[1].plan(crash)
	for i := range a {
		faults = append(faults, a[i], b[i])
	}
	return faults
}

// work starts the authors on both sides and injects the faults.
func (p *pair) work(faults []fault) {
	s := p.sides[0]
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var ops atomic.Int64
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel() // so that the authors end before wg.Wait, also when the test gives up
	for _, a := range p.authors {
		wg.Go(func() { a.run(ctx, operations/len(p.authors), &ops) })
	}
	s.inject(faults, ops.Load, int64(operations/len(faults)))
}

// silence is how long a pair must have run no rsync to count as being at rest. Two hosts that
// answer each other's arrivals would need some five runs a second.
const silence = time.Second

// settle waits until both sides are equal and at rest, and checks that nothing is lost. It returns
// a description for each side.
func (p *pair) settle(after string) (how [2]string) {
	for i, s := range p.sides {
		s.t.Helper()
		how[i] = s.settle(p.seed, p.m)
	}
	s := p.sides[0]
	if !testkit.Settled(silence, patience, func() string { return fmt.Sprint(p.runs()) }) {
		s.t.Fatalf("after %s the two sides never come to rest: %d runs, %d runs; %s",
			after, p.sides[0].rsync.Count(), p.sides[1].rsync.Count(), replay(p.seed, p.m))
	}
	for _, s := range p.sides {
		s.settle(p.seed, p.m)
		// For some seconds the remote may be asked once more about files that have arrived.
		testkit.Eventually(s.t, patience, "nothing is pending", func() bool { return s.pending() == 0 })
		// Both sides are equal, so nothing is left that a person would have to decide about.
		testkit.Eventually(s.t, patience, "no file counts as newer on the remote", func() bool { return s.toldNewer() == 0 })
	}
	lost := p.lost()
	for i, path := range lost {
		if i < 3 {
			got, err := os.ReadFile(filepath.Join(s.src, path))
			s.t.Errorf("after %s %q holds %.12q (%v), not what was written last:\n%s", after, path, got, err, s.log.near(path))
		}
	}
	if len(lost) > 0 {
		s.t.Errorf("%d files lost: %q; %s", len(lost), lost, replay(p.seed, p.m))
		s.explain()
		p.sides[1].explain()
		s.t.FailNow()
	}
	return how
}

// pending is how many paths are not settled yet, according to the program.
func (s *scene) pending() (n int) {
	now, ok := s.status()
	if !ok {
		return 1
	}
	for _, lane := range now.Lanes {
		n += lane.Pending + lane.InFlight
	}
	return n
}

func (p *pair) runs() (n int) { return p.sides[0].rsync.Count() + p.sides[1].rsync.Count() }

// lost are the files that do not have the content that was written last; for a shared file it may
// be the last one of either side.
func (p *pair) lost() (paths []string) {
	want := map[string][][]byte{}
	for _, a := range p.authors {
		for path, content := range a.last {
			want[path] = append(want[path], content)
		}
	}
	for path, contents := range want {
		got, err := os.ReadFile(filepath.Join(p.sides[0].src, path))
		if os.IsNotExist(err) {
			got, err = nil, nil // the file counts as removed
		}
		p.sides[0].must(err)
		one := false
		for _, c := range contents {
			one = one || bytes.Equal(c, got)
		}
		if !one {
			paths = append(paths, path)
		}
	}
	return paths
}

const (
	pairRounds = 4
	// mostRuns is how many runs that send something a side may need for one change.
	mostRuns = 3
)

// calm makes one change after the other, on either side, each one when the change before has
// arrived and both sides are at rest.
func (p *pair) calm() {
	s := p.sides[0]
	s.t.Helper()
	for round := range pairRounds {
		a := p.authors[round%2*authorsASide]
		before := [2][]testkit.Run{p.sides[0].sent(), p.sides[1].sent()}
		what := a.calmly(round)
		p.settle(what)
		for i, s := range p.sides {
			if runs := s.sent()[len(before[i]):]; len(runs) > mostRuns {
				s.t.Errorf("side %d: %d runs for %s: %q", i, len(runs), what, runs)
			}
		}
	}
}

// sent lists the runs so far that have sent something. Runs that only ask about files that arrived
// before are left out.
func (s *scene) sent() []testkit.Run {
	return slices.DeleteFunc(s.rsync.Runs(), testkit.Run.Survey)
}
