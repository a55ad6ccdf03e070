package programs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// limit is how long one step may take on a busy machine.
const limit = 60 * time.Second

// mode is one configuration of the program.
type mode struct {
	name     string
	set      map[string]bool
	dotFiles bool
	params   string
	args     []string
}

// modes are the shipped switches, and all switches on.
func modes() []mode {
	return []mode{
		{name: "default", params: "-artuz", args: []string{"-n", "auto"}},
		{
			name: "all on", params: "-aHuz", dotFiles: true, args: []string{"-n", "1"},
			set: map[string]bool{"createFile": true, "attrib": true, "modify": true},
		},
	}
}

// scene is a watched tree, a module, and a program that syncs one to the other.
type scene struct {
	t        *testing.T
	mode     mode
	base     string
	src, dst string
	rsync    *testkit.Recorder
	set      testkit.Settings
	app      *testkit.Sersync
	compare  testkit.Compare
	port     int
}

func newScene(t *testing.T, m mode) *scene {
	t.Helper()
	base, err := os.MkdirTemp("", "programs") // short, because the path of a socket is limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	testkit.OpenToAll(t, base)
	s := &scene{t: t, mode: m, base: base, src: base + "/src", dst: base + "/dst", rsync: testkit.NewRecorder(t, testkit.RecorderConf{})}
	for _, dir := range []string{s.src, s.dst, base + "/scratch", base + "/out"} {
		s.must(os.Mkdir(dir, 0o755))
	}
	d := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: s.dst}}})
	s.port = d.Port()
	s.set = testkit.Settings{
		Watch: s.src, Dir: base + "/scratch", Remotes: []string{testkit.At(d.Port(), "m")}, Params: m.params,
		Set: m.set, DotFiles: m.dotFiles, Rsync: s.rsync.Program,
	}
	// A change of attributes alone is no selected event by default; the attributes of a new file
	// are sent with it.
	s.compare = testkit.Compare{Times: true, Modes: m.set["attrib"], Owners: m.set["attrib"], Links: m.set["attrib"], DotFiles: m.dotFiles}
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// start runs the program with -r and waits for the first full sync.
func (s *scene) start() {
	s.t.Helper()
	file := filepath.Join(s.set.Dir, "confxml.xml")
	s.app = testkit.Start(s.t, testkit.Options{
		Config: s.set.XML(), Dir: s.set.Dir, File: file, Args: append([]string{"-o", file, "-r"}, s.mode.args...),
	})
	s.t.Cleanup(func() {
		if s.t.Failed() {
			text := s.log()
			status, _ := exec.Command(testkit.Build(s.t), "-o", file, "--status", "--json").CombinedOutput()
			s.t.Logf("status: %s", status)
			s.t.Logf("log:\n%s\nstderr:\n%s", text[max(0, len(text)-8000):], s.app.Stderr())
		}
	})
	testkit.Eventually(s.t, limit, "the full sync is done", func() bool { return strings.Contains(s.log(), "full sync done") })
	s.equal("the start")
}

func (s *scene) log() string {
	b, err := os.ReadFile(s.set.Log())
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return string(b)
}

// shell runs commands in the watched tree; $OUT is a directory beside it.
func (s *scene) shell(commands string) {
	s.t.Helper()
	cmd := exec.Command("bash", "-ec", commands)
	cmd.Dir = s.src
	cmd.Env = append(os.Environ(), "OUT="+s.base+"/out", "HOME="+s.base+"/out", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C.UTF-8",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", commands, err, out)
	}
}

func (s *scene) equal(step string) {
	s.t.Helper()
	if !testkit.Poll(limit, func() bool { return len(testkit.Equal(s.src, s.dst, s.compare)) == 0 }) {
		s.t.Errorf("after %s:", step)
		testkit.WaitEqual(s.t, s.src, s.dst, s.compare, time.Second)
	}
}

// idle waits until the program reports that it is in sync, and then until nothing happens any more.
func (s *scene) idle() {
	s.t.Helper()
	var out []byte
	if !testkit.Poll(limit, func() bool {
		cmd := exec.Command(testkit.Build(s.t), "--status", "-o", s.app.File)
		out, _ = cmd.CombinedOutput() // the test checks the exit status
		return cmd.ProcessState.ExitCode() == 0
	}) {
		s.t.Fatalf("not in sync:\n%s", out)
	}
	for range 3 {
		before := s.rsync.Count()
		if !testkit.Within(2*time.Second, func() bool { return s.rsync.Count() != before }) {
			return
		}
		// These may be the last runs for the change, or the standby for the next one.
		if !testkit.Settled(1500*time.Millisecond, limit, func() string { return strconv.Itoa(s.rsync.Count()) }) {
			break
		}
	}
	s.t.Errorf("rsync is run on and on while nothing changes:\n%s", s.runs(10))
}

// runs returns the last runs as text.
func (s *scene) runs(n int) string {
	var b strings.Builder
	runs := s.rsync.Runs()
	for _, r := range runs[max(0, len(runs)-n):] {
		fmt.Fprintf(&b, "%s %q\n", r.At.Format("05.000"), r.Args)
	}
	return b.String()
}
