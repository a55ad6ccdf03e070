package faults

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// keepEnv names a directory in which trees, logs and states of failed tests are kept.
const keepEnv = "FAULTS_KEEP"

func TestMain(m *testing.M) { testkit.Main(m) }

const (
	// promise is how soon after an outage everything has to be there, as the product promises;
	// limit is how long a busy machine may take. Each test prints its time.
	promise = 10 * time.Second
	limit   = 60 * time.Second
	// lull is how long a test watches that nothing happens.
	lull = 1500 * time.Millisecond
)

// scene is a watched tree, a module, and a program that syncs one to the other.
type scene struct {
	t             *testing.T
	base          string
	src, dst, out string
	rsyncd        *testkit.RsyncDaemon
	rsync         *testkit.Faulty
	meter         *meter // in front of the daemon; nil: there is none
	set           testkit.Settings
	app           *testkit.Sersync
	tree          *testkit.Tree
	compare       testkit.Compare
	mirrored      bool // mirror was called
}

// newScene makes the directories, the daemon and the settings; change changes the settings. It does
// not start the program.
func newScene(t *testing.T, change ...func(*scene)) *scene {
	t.Helper()
	s := &scene{t: t, base: t.TempDir()}
	if keep := os.Getenv(keepEnv); keep != "" {
		var err error
		s.base, err = os.MkdirTemp(keep, strings.ReplaceAll(t.Name(), "/", "-")+"-")
		s.must(err)
	}
	testkit.OpenToAll(t, s.base)
	s.src, s.dst, s.out = s.path("src"), s.path("dst"), s.path("out")
	for _, dir := range []string{s.src, s.dst, s.out, s.path("scratch")} {
		s.must(os.Mkdir(dir, 0o755))
	}
	s.rsyncd = testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: s.dst}}})
	s.rsync = testkit.NewFaulty(t)
	s.set = testkit.Settings{
		Watch: s.src, Dir: s.path("scratch"), Remotes: []string{testkit.At(s.rsyncd.Port(), "m")}, Rsync: s.rsync.Program,
	}
	s.tree = &testkit.Tree{Src: s.src}
	for _, c := range change {
		c(s)
	}
	s.compare = testkit.CompareFor(s.set.Params)
	if s.set.Params == "" {
		s.compare = testkit.CompareFor("-artuz")
	}
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) path(name string) string { return filepath.Join(s.base, name) }

// options are those of a start with these further arguments.
func (s *scene) options(args ...string) testkit.Options {
	o := testkit.Options{Config: s.set.XML(), Dir: s.set.Dir}
	o.Args = append([]string{"-o", filepath.Join(s.set.Dir, "confxml.xml")}, args...)
	return o
}

func (s *scene) start(args ...string) {
	s.t.Helper()
	s.app = testkit.Start(s.t, s.options(args...))
}

// mirror starts the program with -r and waits until the mirror run of each remote is done.
func (s *scene) mirror() {
	s.t.Helper()
	s.start("-r")
	testkit.Eventually(s.t, limit, "each lane's mirror run is done", func() bool {
		return strings.Count(s.logged(), "full sync done") >= len(s.set.Remotes)
	})
	s.mirrored = true
}

// remembers tells whether each lane has written its mirror run to disk, which takes as long as the
// file system takes for a sync.
func (s *scene) remembers() bool {
	files, err := filepath.Glob(filepath.Join(s.set.State(), "lane-*.json"))
	s.must(err)
	n := 0
	for _, file := range files {
		state, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(state), `"mirror_done":true`) {
			n++
		}
	}
	return n >= len(s.set.Remotes)
}

// logs waits until the program has logged this text.
func (s *scene) logs(text string) {
	s.t.Helper()
	testkit.Eventually(s.t, limit, fmt.Sprintf("the log has %q\n%s", text, s.logged()), func() bool {
		return strings.Contains(s.logged(), text)
	})
}

func (s *scene) logged() string {
	b, err := os.ReadFile(s.set.Log())
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return string(b)
}

// crash kills the program with -9 once it has remembered a mirror run. No child may outlive the
// program.
func (s *scene) crash() {
	s.t.Helper()
	if s.mirrored {
		testkit.Eventually(s.t, limit, "the mirror run is remembered", s.remembers)
	}
	s.app.SignalProcess(syscall.SIGKILL)
	s.app.Wait(10 * time.Second)
	s.childless()
}

// stop ends the program with SIGTERM, and expects exit status 0.
func (s *scene) stop() {
	s.t.Helper()
	s.app.SignalProcess(syscall.SIGTERM)
	if code := s.app.Wait(60 * time.Second); code != 0 {
		s.t.Errorf("exit status %d after SIGTERM\n%s", code, s.app.Stderr())
	}
	s.childless()
}

// childless waits until all children have ended. A child that lists a target consists of two
// processes, and the second one only ends with its own timeout of 20 s.
func (s *scene) childless() {
	s.t.Helper()
	if !testkit.Poll(limit/2, func() bool { return len(s.app.Processes()) == 0 }) {
		for _, pid := range s.app.Processes() {
			args, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
			s.t.Errorf("process %d outlives the program: %q", pid, args)
		}
		s.t.FailNow()
	}
}

// do carries out operations below the watch root, in the words of testkit.Tree.
func (s *scene) do(ops ...testkit.Op) {
	s.t.Helper()
	s.must(s.tree.DoAll(ops...))
}

// write makes files, each with another content.
func (s *scene) write(names ...string) {
	s.t.Helper()
	for _, name := range names {
		s.must(os.MkdirAll(filepath.Dir(s.src+"/"+name), 0o755))
		s.must(os.WriteFile(s.src+"/"+name, fmt.Appendf(nil, "%s at %d\n", name, time.Now().UnixNano()), 0o644))
	}
}

// equal waits until target and source are equal, and returns how long that took.
func (s *scene) equal() time.Duration {
	s.t.Helper()
	return s.equalAt(s.dst, limit)
}

// equalAt is equal for another target, or with another limit.
func (s *scene) equalAt(dst string, limit time.Duration) time.Duration {
	s.t.Helper()
	began := time.Now()
	var took time.Duration
	// Comparing many files takes processor time from the program under test.
	due := began
	testkit.Poll(limit, func() bool {
		if time.Now().Before(due) {
			return false
		}
		took = time.Since(began)
		ok := len(testkit.Equal(s.src, dst, s.compare)) == 0
		due = time.Now().Add(max(20*time.Millisecond, 5*(time.Since(began)-took)))
		return ok
	})
	testkit.WaitEqual(s.t, s.src, dst, s.compare, 0)
	return took
}

// stays fails the test if source and target stop being equal within the lull: a wrong deletion or
// transfer may come late.
func (s *scene) stays() {
	s.t.Helper()
	s.equal()
	testkit.Settled(lull/2, limit, func() string { return strconv.Itoa(s.rsync.Count()) })
	if diff := testkit.Equal(s.src, s.dst, s.compare); len(diff) > 0 {
		s.t.Errorf("equal at first, and then not: %v", diff)
	}
}

// has reports whether the target has an entry of this name.
func (s *scene) has(name string) bool {
	_, err := os.Lstat(filepath.Join(s.dst, name))
	return err == nil
}

// arrives waits until the target has an entry of this name, or no longer has it.
func (s *scene) arrives(name string) {
	s.t.Helper()
	testkit.Eventually(s.t, limit, name+" is on the target", func() bool { return s.has(name) })
}

func (s *scene) leaves(name string) {
	s.t.Helper()
	testkit.Eventually(s.t, limit, name+" has left the target", func() bool { return !s.has(name) })
}

// unchanged fails the test if the names on a target change within this time.
func unchanged(t *testing.T, dir string, for_ time.Duration) {
	t.Helper()
	before := names(t, dir)
	if testkit.Within(for_, func() bool { return !slices.Equal(before, names(t, dir)) }) {
		t.Errorf("%s changed: %q, was %q", dir, names(t, dir), before)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	tree, err := testkit.Scan(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(tree))
}

// needRoot skips a test that only root can prepare.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: mounts, owners or kernel limits")
	}
}

// long is a time long ago.
func (s *scene) long() time.Time { return time.Now().Add(-240 * time.Hour).Truncate(time.Second) }
