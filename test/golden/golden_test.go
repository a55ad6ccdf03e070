// Package golden compares this program with recorded runs of sersync 2.5.4; README.md in its
// directory describes how.
package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// soakEnv is the environment variable that has the slow runs played as well.
const soakEnv = "SERSYNC_SOAK"

func TestGolden(t *testing.T) {
	all := load(t)
	names, families := map[string]bool{}, map[string]bool{}
	ran := 0
	for _, r := range all {
		names[r.Case] = true
		if _, ok := slow[r.Case]; ok {
			continue
		}
		ran++
		f := family(r.Case)
		if testing.Short() && families[f] {
			continue
		}
		families[f] = true
		t.Run(r.Case, func(t *testing.T) {
			t.Parallel()
			run(t, r, exceptions[r.Case])
		})
	}
	if ran != fastRuns {
		t.Errorf("%d runs, want %d", ran, fastRuns)
	}
	for name := range exceptions {
		if !names[name] {
			t.Errorf("exception %s: no such run", name)
		}
	}
}

// family is the part of a run's name that ten neighbouring numbers share: such runs are about one
// subject. The quick suite plays the first run of each family.
func family(name string) string {
	number := name[:len(name)-len(strings.TrimLeft(name, "0123456789"))]
	return number[:max(1, len(number)-1)]
}

// TestGoldenSlow plays the runs that take minutes, in make soak only. Otherwise it checks only
// their number and their names.
func TestGoldenSlow(t *testing.T) {
	ran := 0
	for _, r := range load(t) {
		if _, ok := slow[r.Case]; !ok {
			continue
		}
		ran++
		if os.Getenv(soakEnv) == "" {
			continue
		}
		t.Run(r.Case, func(t *testing.T) {
			t.Parallel()
			run(t, r, slowWant[r.Case])
		})
	}
	if ran != slowRuns {
		t.Errorf("%d slow runs, want %d", ran, slowRuns)
	}
}

// run plays one recorded run with this program and checks the end.
func run(t *testing.T, r recorded, w want) {
	s := newScene(t, r, w)
	for _, o := range r.Setup {
		s.do(o)
	}
	s.remember()
	if w.noSource {
		s.must(os.RemoveAll(s.path("src")))
	}
	s.start()
	if s.expectedExit() == running || w.exit == endedClean || w.exit == anyEnd {
		s.settle()
		s.play()
	} else {
		s.app.Wait(20 * time.Second)
		s.play()
	}
	s.checkTargets()
	s.checkPlugins()
	s.checkFailLog()
	s.checkInjection()
	s.checkStdout()
	if w.after != nil {
		w.after(s)
	}
	s.finish()
}

// remember records both sides before the start.
func (s *scene) remember() {
	var err error
	if s.before, err = testkit.Scan(s.path("src"), false); err != nil {
		s.t.Fatal(err)
	}
	dst := "dst"
	if s.r.has(`name="auth1"`) {
		dst = "dsta"
	}
	if s.kept, err = testkit.Scan(s.path(dst), false); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) start() {
	o := testkit.Options{
		Dir:    s.fill.Replace(string(s.r.Cwd)),
		Path:   []string{s.rsync.Dir},
		Args:   []string{},
		NoWait: s.w.signal == "" && s.expectedExit() != running && s.w.exit != endedClean,
	}
	if s.r.flag("m") { // with -m no line says that the program is ready
		o.Ready = (*testkit.Sersync).Watching
	}
	if s.r.Config != nil && s.r.ConfigPath != "" {
		o.Config = s.config()
		o.File = s.fill.Replace(string(s.r.ConfigPath))
	}
	for _, f := range s.r.Flags {
		o.Args = append(o.Args, s.fill.Replace(string(f)))
	}
	if s.r.Case == "160_nonroot" && os.Getuid() == 0 {
		o.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	if s.r.Case == "033_ssh" {
		o.Path = append(o.Path, testkit.Sshd(s.t).Bin)
	}
	s.app = testkit.Start(s.t, o)
	if s.r.flag("d") && s.expectedExit() == running {
		s.checkParent()
	}
}

// config fills in the recorded configuration. Two runs name hosts and a directory that a test
// cannot have.
func (s *scene) config() string {
	c := s.fill.Replace(string(*s.r.Config))
	replace := map[string][2]string{
		"033_ssh":                        {"/data/backup", filepath.Join(s.root, "dst")},
		"808_r_then_crontab_two_remotes": {`<remote ip="10.0.0.1" name="m"/><remote ip="10.0.0.2" name="m"/>`, `<remote ip="127.0.0.1" name="mod1"/><remote ip="127.0.0.1" name="mod2"/>`},
	}
	if pair, ok := replace[s.r.Case]; ok {
		c = strings.ReplaceAll(c, pair[0], pair[1])
	}
	// The recorded daemon listened on port 873. Here each remote names a port, because the program
	// may also make a connection of its own.
	if !strings.Contains(c, `<ssh start="true"`) && !strings.Contains(c, `<userDefinedPort start="true"`) {
		c = strings.ReplaceAll(c, `<remote ip="127.0.0.1" `, fmt.Sprintf(`<remote ip="127.0.0.1" port="%d" `, s.remote.Port()))
	}
	return c
}

// checkParent checks the foreground part of -d: it ends with status 0 and leaves a daemon in a
// session of its own.
func (s *scene) checkParent() {
	if code := s.app.Wait(20 * time.Second); code != 0 {
		s.t.Fatalf("-d: exit status %d\nstdout:\n%s\nstderr:\n%s", code, s.app.Stdout(), s.app.Stderr())
	}
	if !s.app.Alive() {
		s.t.Fatalf("-d: no daemon\nstdout:\n%s\nstderr:\n%s", s.app.Stdout(), s.app.Stderr())
	}
}

func (s *scene) play() {
	for _, step := range s.r.Steps {
		for _, o := range step.Ops {
			s.do(o)
		}
		s.settle()
	}
	if s.w.signal != "" {
		s.app.Signal(signals[s.w.signal])
		s.settle()
	}
}

// checkTargets waits until the targets are as expected, and then until nothing changes any more:
// only then it is sure that nothing arrives, or is deleted, that should not.
func (s *scene) checkTargets() {
	for _, t := range s.targets() {
		var diff []string
		ok := testkit.Poll(arrival, func() bool {
			diff = s.compare(t)
			return len(diff) == 0
		})
		if ok {
			s.settle()
			// A part of the setup that comes later may have taken effect only now.
			testkit.Poll(arrival, func() bool {
				diff = s.compare(t)
				return len(diff) == 0
			})
		}
		for i, d := range diff {
			if i == 10 {
				s.t.Errorf("%s: ... and %d more", t.dir, len(diff)-i)
				break
			}
			s.t.Errorf("%s: %s", t.dir, d)
		}
		if len(diff) > 0 {
			s.t.Logf("exception: %q\nrsync runs: %q\nstderr:\n%s", s.w.why, s.rsync.Runs(), s.app.Stderr())
		}
	}
}

// finish ends the program and checks how it ends.
func (s *scene) finish() {
	switch s.expectedExit() {
	case running:
		s.stop()
	case anyEnd:
		s.app.Signal(syscall.SIGTERM)
		testkit.Eventually(s.t, 60*time.Second, "the program has ended", func() bool { return !s.app.Alive() })
	default:
		s.checkExit()
	}
	testkit.Eventually(s.t, 10*time.Second, "no process is left over", func() bool { return len(s.app.Processes()) == 0 })
}

func (s *scene) stop() {
	if !s.app.Alive() {
		s.t.Errorf("it ended by itself: %s\nstdout:\n%s\nstderr:\n%s", s.app.Status(), s.app.Stdout(), s.app.Stderr())
		return
	}
	if s.r.flag("d") {
		s.app.Signal(syscall.SIGTERM)
		testkit.Eventually(s.t, 60*time.Second, "the daemon has ended", func() bool { return !s.app.Alive() })
		return
	}
	if code := s.app.Stop(); code != 0 {
		s.t.Errorf("exit status %d after SIGTERM, want 0\nstderr:\n%s", code, s.app.Stderr())
	}
}
