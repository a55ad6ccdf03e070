package convergence

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// settle waits until source and target are equal, apart from the differences that are forgiven, and
// stay equal. It returns a description of how that went.
func (s *scene) settle(seed int64, m int) (how string) {
	s.t.Helper()
	quiet := time.Now()
	var diff []testkit.Difference
	var f forgiven
	next := time.Time{}
	equal := func() bool {
		if time.Now().Before(next) {
			return false // a comparison takes processor time from the program
		}
		diff, f = s.forgive(testkit.Equal(s.src, s.dst, s.compare()))
		next = time.Now().Add(100 * time.Millisecond)
		return len(diff) == 0
	}
	var took time.Duration
	// A difference may be forgiven for a moment only, until a peer has asked once more.
	ok := testkit.Poll(patience, func() bool {
		if !equal() {
			return false
		}
		took = time.Since(quiet)
		testkit.Settled(300*time.Millisecond, 20*time.Second, func() string { return strconv.Itoa(s.rsync.Count()) })
		next = time.Time{}
		return equal()
	})
	how = fmt.Sprintf("%s, %s: %d operations, equal %.1fs after the last, %d overflows; %v",
		s.m.name, s.set.Backend, s.log.len(), took.Seconds(), s.overflows(), f)
	if ok {
		return how
	}
	s.t.Errorf("%d differences; %s; %s", len(diff), how, replay(seed, m))
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
	return ""
}

// replay is the command that runs a seed again.
func replay(seed int64, m int) string {
	return "replay: go test ./test/convergence -run Seed -args -seed=" + strconv.FormatInt(seed, 10) + " -mode=" + strconv.Itoa(m)
}

// explain writes down the state of the program for a failure: its status, and what each goroutine
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
