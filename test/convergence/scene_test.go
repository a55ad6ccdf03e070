package convergence

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/fanotify"
)

// scene has the directories, the daemon and the program of one seed.
type scene struct {
	t    *testing.T
	m    mode
	rnd  *rand.Rand // for the faults
	base string
	src  string // the watch root
	out  string // a directory beside it that is not watched
	dst  string // the directory of the module
	log  *journal

	rsyncd *testkit.RsyncDaemon
	rsync  *testkit.Faulty
	set    testkit.Settings
	app    *testkit.Sersync
	// shortQueue makes the kernel's queue overflow after this number of events; 0 leaves the queue
	// as it is.
	shortQueue int
	fulls      int // how many full syncs there may be
	crashed    bool
	sudden     int // how often the program was killed
	kills      int // rsync processes of the program that were killed
}

// keepEnv names a directory in which a seed's trees, logs and state are kept.
const keepEnv = "CONVERGENCE_KEEP"

func newScene(t *testing.T, m mode, rnd *rand.Rand) *scene {
	t.Helper()
	s := &scene{t: t, m: m, rnd: rnd, base: os.Getenv(keepEnv), log: newJournal()}
	if s.base == "" {
		s.base = t.TempDir()
	} else {
		s.base = filepath.Join(s.base, strings.ReplaceAll(t.Name(), "/", "-"))
	}
	s.src, s.out, s.dst = filepath.Join(s.base, "src"), filepath.Join(s.base, "out"), filepath.Join(s.base, "dst")
	if m.coarse {
		testkit.Coarse(t, s.dst)
	}
	s.equip()
	return s
}

// receiverEnv names another rsync that serves as the daemon.
const receiverEnv = "CONVERGENCE_RECEIVER"

// equip makes the directories, the daemon of the target, and the settings.
func (s *scene) equip() {
	s.t.Helper()
	scratch := filepath.Join(s.base, "scratch")
	for _, dir := range []string{s.src, s.out, s.dst, scratch} {
		s.must(os.MkdirAll(dir, 0o755))
	}
	s.rsyncd = testkit.Rsyncd(s.t, testkit.RsyncdConf{
		Modules: []testkit.Module{{Name: "m", Path: s.dst}}, Program: os.Getenv(receiverEnv),
	})
	port := s.rsyncd.Port()
	if s.m.old {
		port = testkit.NewOldRsyncd(s.t, testkit.Rsync312, s.rsyncd).Port()
	}
	s.rsync = testkit.NewFaulty(s.t)
	s.set = testkit.Settings{
		Watch: s.src, Dir: scratch, Remotes: []string{testkit.At(port, "m")},
		Params: s.m.params, Set: s.m.set, Exclude: s.m.exclude, DotFiles: s.m.dot, Rsync: s.rsync.Program, Backend: s.m.backend,
	}
	if err := fanotify.Check(s.src); err != nil && s.m.backend == confxml.Fanotify && os.Getenv(testkit.BackendEnv) == "" {
		s.t.Logf("watched by inotify: %v", err)
		s.set.Backend = confxml.Inotify
	}
}

// compare is what must be equal in the end.
func (s *scene) compare() testkit.Compare { return s.m.compare() }

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// start starts the program; mirror adds -r.
func (s *scene) start(mirror bool) {
	s.t.Helper()
	o := testkit.Options{Config: s.set.XML(), Dir: s.set.Dir}
	o.Args = []string{"-o", filepath.Join(s.set.Dir, "confxml.xml")}
	if mirror {
		o.Args = append(o.Args, "-r")
		s.fulls++
	}
	switch {
	case s.shortQueue > 0:
		s.app = testkit.StartShortQueue(s.t, s.shortQueue, o)
		if mirror {
			s.fulls += s.app.Tries - 1
		}
	case os.Getuid() == 0:
		// The program must not raise the limit that another seed has just lowered.
		o.Binary = testkit.Confined(s.t, "")
		s.app = testkit.Start(s.t, o)
	default:
		s.app = testkit.Start(s.t, o)
	}
}

// stop ends the program with a signal and checks that none of its processes is left.
func (s *scene) stop(sig syscall.Signal) {
	s.t.Helper()
	if s.app.Exited() {
		s.t.Fatalf("the program ended by itself: %v\n%s", s.app.Status(), s.app.Stderr())
	}
	s.app.SignalProcess(sig)
	code := s.app.Wait(60 * time.Second)
	if sig == syscall.SIGTERM && code != 0 {
		s.t.Errorf("exit status %d after SIGTERM\n%s", code, s.app.Stderr())
	}
	if !testkit.Poll(30*time.Second, func() bool { return len(s.app.Processes()) == 0 }) {
		for _, pid := range s.app.Processes() {
			args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			state, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			s.t.Errorf("a child outlives the program: %q\n%s", args, state)
		}
		s.t.FailNow()
	}
}

// received is how many bytes the daemon says it has received.
func (s *scene) received() (bytes int64) {
	for _, m := range regexp.MustCompile(`received ([0-9]+) bytes`).FindAllStringSubmatch(s.rsyncd.Log(), -1) {
		n, err := strconv.ParseInt(m[1], 10, 64)
		s.must(err)
		bytes += n
	}
	return bytes
}

// logged returns what the program has logged so far.
func (s *scene) logged() string {
	b, err := os.ReadFile(s.set.Log())
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return string(b)
}

// overflows counts how often the program has noticed an overflow.
func (s *scene) overflows() int { return strings.Count(s.logged(), "event queue overflow") }

// mirrored reports whether a mirror run has completed and everything that it has found is done:
// only then there is a watermark.
func (s *scene) mirrored() bool {
	files, err := filepath.Glob(filepath.Join(s.set.State(), "lane-*.json"))
	s.must(err)
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), `"watermark"`) {
			return true
		}
	}
	return false
}

// failedFulls counts the full syncs that had to be repeated because a fault, or a change at the
// same moment, made them fail. A full sync is a run that goes down the tree by itself, without a
// list of names, and that does not only compare.
func (s *scene) failedFulls() (n int) {
	for line := range strings.Lines(s.logged()) {
		m := endedRun.FindStringSubmatch(line)
		if m == nil || !strings.Contains(m[1], "--recursive") {
			continue
		}
		if strings.Contains(m[1], "-from=") || strings.Contains(m[1], " -n ") || strings.Contains(m[1], "--list-only") {
			continue
		}
		if m[2] != "done" {
			n++
		}
	}
	return n
}

var endedRun = regexp.MustCompile(`rsync ended.*argv="?\[(.*)\]"? .*class=(\S+)`)
