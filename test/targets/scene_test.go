package targets

import (
	"bytes"
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

func TestMain(m *testing.M) {
	runRole()
	testkit.Main(m)
}

// limit is how long one step may take on a busy machine.
const limit = 40 * time.Second

// scene is a watched tree, a target directory, and a program that syncs one to the other.
type scene struct {
	t        *testing.T
	src, dst string
	scratch  string
	rsync    *testkit.Recorder
	set      testkit.Settings
	app      *testkit.Sersync
	compare  testkit.Compare
	path     []string // directories in front of PATH
	// without names the steps that are impossible with this target.
	without map[string]bool
}

// newScene makes the directories; the caller sets the remotes and starts the program.
func newScene(t *testing.T, params string) *scene {
	t.Helper()
	// t.TempDir() would contain the name of the test, and the path of a socket can only have 107
	// bytes.
	base, err := os.MkdirTemp("", "targets")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	testkit.OpenToAll(t, base)
	s := &scene{t: t, src: filepath.Join(base, "src"), dst: filepath.Join(base, "dst"), scratch: filepath.Join(base, "scratch")}
	for _, dir := range []string{s.src, s.dst, s.scratch} {
		s.must(os.Mkdir(dir, 0o755))
	}
	s.rsync = testkit.NewRecorder(t, testkit.RecorderConf{})
	s.set = testkit.Settings{Watch: s.src, Dir: s.scratch, Params: params, Rsync: s.rsync.Program}
	if params == "" {
		params = "-artuz"
	}
	s.compare = testkit.CompareFor(params)
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// start runs the program, with -r, and waits for the first full sync.
func (s *scene) start() {
	s.t.Helper()
	s.launch("-r")
	testkit.Eventually(s.t, limit, "the full sync is done\n"+s.log(), func() bool {
		return strings.Count(s.log(), "full sync done") >= len(s.set.Remotes)
	})
}

// launch starts the program without waiting for anything on the remote.
func (s *scene) launch(args ...string) {
	s.t.Helper()
	file := filepath.Join(s.scratch, "confxml.xml")
	s.app = testkit.Start(s.t, testkit.Options{
		Config: s.set.XML(), Dir: s.scratch, File: file, Args: append([]string{"-o", file}, args...), Path: s.path,
	})
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Logf("log:\n%s\nstderr:\n%s", tail(s.log()), s.app.Stderr())
		}
	})
}

func tail(text string) string {
	if len(text) > 8000 {
		return "...\n" + text[len(text)-8000:]
	}
	return text
}

func (s *scene) log() string {
	b, err := os.ReadFile(s.set.Log())
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return string(b)
}

// write makes or replaces files; each one contains its name and the given text.
func (s *scene) write(text string, names ...string) {
	s.t.Helper()
	for _, name := range names {
		s.must(os.MkdirAll(filepath.Dir(filepath.Join(s.src, name)), 0o755))
		s.must(os.WriteFile(filepath.Join(s.src, name), []byte(name+" "+text+"\n"), 0o644))
	}
}

func (s *scene) equal(step string) {
	s.t.Helper()
	if !testkit.Poll(limit, func() bool { return len(testkit.Equal(s.src, s.dst, s.compare)) == 0 }) {
		s.t.Errorf("after %s:", step)
		testkit.WaitEqual(s.t, s.src, s.dst, s.compare, time.Second)
	}
}

// work changes the tree in every ordinary way, one step after the other, and waits for the target
// after each step. Changes that no selected event reports (attributes alone) are not part of it.
func (s *scene) work() {
	s.t.Helper()
	path := func(name string) string { return filepath.Join(s.src, name) }
	steps := []struct {
		name string
		do   func()
	}{
		{"creations", func() {
			s.write("new", "a", "b c", "d/e/f", "d/e/g", "'q\"$x`;*", "-dash", "new\nline", "\xff\xfe")
			for i := range 30 {
				s.write("new", fmt.Sprintf("many/%d", i))
			}
		}},
		{"changes", func() { s.write("changed", "a", "d/e/f", "-dash") }},
		{"two changes in one second", func() { s.write("first", "twice"); s.write("later", "twice") }},
		{"another in the same second", func() { s.write("third", "twice") }},
		{"an older file", func() {
			if s.without["older"] {
				return
			}
			s.write("rolled back", "old")
			when := time.Now().Add(-48 * time.Hour)
			s.must(os.Chtimes(path("old"), when, when))
			s.must(os.Rename(path("old"), path("a")))
		}},
		{"renames", func() {
			s.must(os.Rename(path("b c"), path("b d")))
			s.must(os.Rename(path("d"), path("moved")))
			s.write("new", "moved/e/h")
		}},
		{"links", func() { s.must(os.Symlink("a", path("link"))) }},
		{"deletions", func() {
			s.must(os.Remove(path("-dash")))
			s.must(os.Remove(path("\xff\xfe")))
			s.must(os.RemoveAll(path("many")))
		}},
		{"replacements", func() {
			s.must(os.RemoveAll(path("twice")))
			s.write("inside", "twice/x")
			s.must(os.RemoveAll(path("moved/e")))
			s.write("a file now", "moved/e")
		}},
		{"an older file in the place of a directory", func() { // on old receivers -u would keep the directory
			if s.without["older"] {
				return
			}
			s.write("kept", "old")
			when := time.Now().Add(-48 * time.Hour)
			s.must(os.Chtimes(path("old"), when, when))
			s.must(os.RemoveAll(path("twice")))
			s.must(os.Rename(path("old"), path("twice")))
		}},
	}
	for _, step := range steps {
		if s.without[step.name] {
			continue
		}
		step.do()
		s.equal(step.name)
	}
}

// idle waits until nothing is left to be done and no rsync runs any more. A run that fails is tried
// again after ever longer pauses; a lane that says that it is in sync has no run planned.
func (s *scene) idle() {
	s.t.Helper()
	s.status("in sync", 0)
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
	s.t.Errorf("rsync is run on and on while nothing changes: %d runs\n%s", s.rsync.Count(), s.runs(10))
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

// status waits until the status contains a text and has this exit status.
func (s *scene) status(text string, code int) string {
	s.t.Helper()
	var out []byte
	var got int
	ok := testkit.Poll(limit, func() bool {
		cmd := exec.Command(testkit.Build(s.t), "--status", "-o", s.app.File)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		cmd.Dir = s.scratch
		out, _ = cmd.CombinedOutput() // the test checks the exit status
		got = cmd.ProcessState.ExitCode()
		return got == code && bytes.Contains(out, []byte(text))
	})
	if !ok {
		s.t.Fatalf("--status gives %d, want %d with %q:\n%s", got, code, text, out)
	}
	return string(out)
}

// end stops the program with SIGTERM. The program and all its children have to end.
func (s *scene) end() {
	s.t.Helper()
	if code := s.app.Stop(); code != 0 {
		s.t.Errorf("exit status %d after SIGTERM", code)
	}
	testkit.Eventually(s.t, 10*time.Second, "no child outlives the program", func() bool { return len(s.app.Processes()) == 0 })
}
