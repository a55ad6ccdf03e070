package faults

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// TestRecovery: in a large tree ten files change after the program was killed with -9. The catch-up
// takes one walk, and few runs that name these ten files.
func TestRecovery(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	files := 20_000
	soak := os.Getenv(soakEnv) != ""
	if soak {
		files = 200_000
	}
	s := newScene(t)
	name := func(i int) string { return fmt.Sprintf("d%02d/e%02d/file-%d", i/10_000, i/100%100, i) }
	for i := range files {
		s.write(name(i))
	}
	o := s.options("-r")
	o.Binary = testkit.BuildPlain(t)
	s.app = testkit.Start(t, o)
	testkit.Eventually(t, 10*limit, "the mirror run is done", func() bool { return strings.Contains(s.logged(), "full sync done") })
	s.equalAt(s.dst, 10*limit)
	// Twice a minute the program saves a watermark that lies a minute back. Until then all files
	// are younger than the watermark.
	testkit.Pass(100 * time.Second)
	s.crash()
	ten := func(round int) (list []string) {
		for i := range 10 {
			list = append(list, name((i*files/10+round*137)%files))
		}
		return list
	}
	s.write(ten(0)...)
	o = s.options()
	o.Binary = testkit.BuildPlain(t)
	before := len(s.logged())
	began := time.Now()
	s.app = testkit.Start(t, o)
	s.logs("catch-up scan done")
	s.same(ten(0)...)
	t.Logf("the ten files there %.2f s after the start", time.Since(began).Seconds())
	s.stays()
	runs, paths := sends(t, s.logged()[before:])
	t.Logf("%d runs named %d paths", runs, paths)
	if runs > 3 || paths != 10 {
		t.Errorf("%d runs named %d paths, want at most 3 that name 10", runs, paths)
	}
	if n := s.rsync.FullSyncs(); n != 1 {
		t.Errorf("%d full syncs, want the one of -r", n)
	}

	// The walk is compared with that of find. Both trees are in the same cache.
	s.must(os.WriteFile(s.path("stamp"), nil, 0o644))
	find := time.Hour
	for range 3 {
		began := time.Now()
		out, err := exec.Command("find", s.src, "-newer", s.path("stamp")).CombinedOutput()
		s.must(err)
		if len(out) > 0 {
			t.Errorf("find says that something is new: %s", out)
		}
		find = min(find, time.Since(began))
	}
	walk := took(t, s.logged()[before:])
	for range 2 {
		s.crash()
		before = len(s.logged())
		s.app = testkit.Start(t, o)
		s.logs("catch-up scan done")
		testkit.Eventually(t, limit, "the scan is done", func() bool { return strings.Contains(s.logged()[before:], "catch-up scan done") })
		walk = min(walk, took(t, s.logged()[before:]))
	}
	t.Logf("%d files: the walk took %v, find -newer %v: %.2f times", files, walk, find, walk.Seconds()/find.Seconds())
	if soak && walk > 2*find {
		t.Errorf("the walk took %.2f times what find -newer takes", walk.Seconds()/find.Seconds())
	}
}

// same waits until these files have the same content on both sides.
func (s *scene) same(names ...string) {
	s.t.Helper()
	for _, name := range names {
		testkit.Eventually(s.t, limit, name+" is the same there", func() bool {
			a, err1 := os.ReadFile(s.src + "/" + name)
			b, err2 := os.ReadFile(s.dst + "/" + name)
			return err1 == nil && err2 == nil && string(a) == string(b)
		})
	}
}

// sends counts, in a log, the runs that sent or deleted something, and the paths that they were
// given.
func sends(t *testing.T, log string) (runs, paths int) {
	t.Helper()
	ended := regexp.MustCompile(`rsync ended.* argv="?\[(.*)\]"? paths=([0-9]+)`)
	for _, m := range ended.FindAllStringSubmatch(log, -1) {
		n, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 && !strings.Contains(m[1], " -n ") {
			runs, paths = runs+1, paths+n
		}
	}
	if runs == 0 {
		t.Fatalf("no run in the log:\n%s", log)
	}
	return runs, paths
}

// took is how long the catch-up scan took, according to a log.
func took(t *testing.T, log string) time.Duration {
	t.Helper()
	m := regexp.MustCompile(`catch-up scan done.* took=(\S+)`).FindStringSubmatch(log)
	if m == nil {
		t.Fatalf("no scan in the log:\n%s", log)
	}
	d, err := time.ParseDuration(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return d
}
