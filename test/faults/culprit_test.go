package faults

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// poison is in the names of the files that make the receiver crash.
const poison = "poison"

// TestCulprit: one path breaks every run that it is part of. All other paths arrive, now and later,
// and the status names the path.
func TestCulprit(t *testing.T) {
	many := func(s *scene, format string, n int) {
		for i := range n {
			s.write(fmt.Sprintf(format, i))
		}
	}
	type culprit struct {
		name   string
		before func(*scene)
		do     func(*scene)
		named  string
	}
	for _, c := range testkit.Few([]culprit{
		{"one of many files", func(*scene) {}, func(s *scene) { many(s, "f%d", 300); s.write("f150-" + poison); many(s, "g%d", 300) }, "f150-" + poison},
		{"several", func(*scene) {}, func(s *scene) { many(s, "d%d", 50); many(s, poison+"%d", 5); many(s, "e%d", 50) }, poison + "3"},
		{"deep in a new tree", func(*scene) {}, func(s *scene) {
			many(s, "../out/t/a%d/f", 20)
			s.write("../out/t/b/c/"+poison, "../out/t/b/c/d", "../out/t/b/e")
			s.do(testkit.Op{"mv", s.out + "/t", "t"})
		}, "t/b/c/" + poison},
		{"a deletion", func(s *scene) { many(s, "f%d", 100); s.write(poison) }, func(s *scene) {
			s.do(testkit.Op{"sh", "rm f5* " + poison}, testkit.Op{"write", "new"})
		}, poison},
	}, 1) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.write("keep")
			c.before(s)
			s.mirror()
			s.equal()
			s.stop()
			s.rsync.Poison(poison)
			s.start()
			c.do(s)
			t.Logf("all but the culprit there after %.1f s", s.butPoison().Seconds())
			began := time.Now()
			testkit.Eventually(t, limit, "the fail script names the culprit", func() bool {
				b, _ := os.ReadFile(s.set.FailLog())
				return strings.Contains(string(b), c.named)
			})
			t.Logf("named %.1f s later", time.Since(began).Seconds())
			for i := range 5 {
				s.write(fmt.Sprintf("later%d", i))
				t.Logf("another change there after %.1f s", s.butPoison().Seconds())
			}
			s.rsync.Poison("")
			t.Logf("all there %.1f s after the remote can take it", s.equal().Seconds())
			s.stays()
		})
	}
}

// TestCulpritInFullSync: the mirror run of -r breaks off at one path. All other paths arrive all
// the same, and everything that exists only on the target is deleted.
func TestCulpritInFullSync(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	s := newScene(t)
	s.rsync.Poison(poison)
	for i := range 100 {
		s.write(fmt.Sprintf("d%d/f%d", i%7, i))
	}
	s.write("d3/"+poison, "top")
	s.must(os.WriteFile(s.dst+"/only-there", nil, 0o644))
	s.mirror()
	t.Logf("all but the culprit there after %.1f s", s.butPoison().Seconds())
	s.crash()
	s.write("d1/down")
	s.start()
	s.butPoison()
	s.rsync.Poison("")
	s.stays()
}

// TestCulpritAll: every run breaks, because something is wrong with the remote. That counts as an
// outage, and costs an attempt now and then.
func TestCulpritAll(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	s := newScene(t)
	s.write("f")
	s.mirror()
	s.equal()
	s.stop()
	s.rsync.Poison("f")
	s.start()
	for i := range 1000 {
		s.write(fmt.Sprintf("f%d", i))
	}
	before := s.rsync.Count()
	unchanged(t, s.dst, 5*outageTime)
	runs := s.rsync.Count() - before
	t.Logf("%d runs in %v of it", runs, 5*outageTime)
	if runs > 60 {
		t.Errorf("%d runs in %v against a remote where all of them break", runs, 5*outageTime)
	}
	s.rsync.Poison("")
	t.Logf("all there %.1f s after it", s.equal().Seconds())
}

// butPoison waits until both sides are equal except for the culprits.
func (s *scene) butPoison() time.Duration {
	s.t.Helper()
	compare := s.compare
	compare.Excluded = func(path string, _ bool) bool { return strings.Contains(path, poison) }
	began := time.Now()
	testkit.WaitEqual(s.t, s.src, s.dst, compare, limit)
	return time.Since(began)
}
