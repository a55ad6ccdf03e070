package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// limit is how long anything may take on a busy machine that would take moments on an idle one.
const limit = 40 * time.Second

// scene is a watched tree, a module of a real rsync daemon, and settings that
// connect the two.
type scene struct {
	t        *testing.T
	base     string
	src, dst string
	rsyncd   *testkit.RsyncDaemon
	set      testkit.Settings
	// long is a time long ago. If a file has this time on both sides, -u makes no difference.
	long time.Time
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, base: t.TempDir(), long: time.Now().Add(-48 * time.Hour)}
	testkit.OpenToAll(t, s.base)
	s.src, s.dst = s.dir("src"), s.dir("dst")
	s.rsyncd = testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: s.dst}}})
	s.set = testkit.Settings{Watch: s.src, Dir: s.dir("scratch"), Remotes: []string{testkit.At(s.rsyncd.Port(), "m")}}
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) path(name string) string { return filepath.Join(s.base, name) }

// dir makes a directory of the scene.
func (s *scene) dir(name string) string {
	s.t.Helper()
	s.must(os.MkdirAll(s.path(name), 0o755))
	return s.path(name)
}

func (s *scene) write(path, text string) {
	s.t.Helper()
	s.must(os.MkdirAll(filepath.Dir(path), 0o755))
	s.must(os.WriteFile(path, []byte(text), 0o644))
}

// file is the path of the configuration file.
func (s *scene) file() string { return filepath.Join(s.set.Dir, "confxml.xml") }

// configure writes the settings with replacements: pairs of old and new text, each of which must
// apply.
func (s *scene) configure(pairs ...string) string {
	s.t.Helper()
	text := edited(s.t, s.set.XML(), pairs...)
	s.must(os.WriteFile(s.file(), []byte(text), 0o600))
	return text
}

func edited(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the configuration has no %q", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

// start writes the configuration and runs the program until its watches are set.
func (s *scene) start(args ...string) *testkit.Sersync {
	s.t.Helper()
	return s.startWith(testkit.Options{}, args...)
}

func (s *scene) startWith(o testkit.Options, args ...string) *testkit.Sersync {
	s.t.Helper()
	if o.Config == "" {
		o.Config = s.set.XML()
	}
	o.Dir, o.File = s.set.Dir, s.file()
	o.Args = append([]string{"-o", s.file()}, args...)
	return testkit.Start(s.t, o)
}

// stop ends the program with SIGTERM. It must exit with 0 and leave no process behind.
func (s *scene) stop(app *testkit.Sersync) {
	s.t.Helper()
	app.Signal(syscall.SIGTERM)
	if code := app.Wait(limit); code != 0 {
		s.t.Errorf("exit status %d after SIGTERM\n%s", code, app.Stderr())
	}
	s.gone(app)
}

func (s *scene) gone(app *testkit.Sersync) {
	s.t.Helper()
	testkit.Eventually(s.t, limit, "nothing is left running", func() bool { return len(app.Processes()) == 0 })
}

func (s *scene) equal(c testkit.Compare) {
	s.t.Helper()
	testkit.WaitEqual(s.t, s.src, s.dst, c, limit)
}

// run runs the program until it ends, as in a terminal.
func (s *scene) run(args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	cmd := exec.Command(testkit.Build(s.t), args...)
	cmd.Dir = s.set.Dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "XDG_STATE_HOME="+s.path("xdg"))
	var out, errOut strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errOut
	timer := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Run()
	if cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// ask runs an action on the instance that uses the scene's configuration.
func (s *scene) ask(args ...string) (stdout string, code int) {
	s.t.Helper()
	stdout, stderr, code := s.run(append(args, "-o", s.file())...)
	if stderr != "" {
		s.t.Logf("%s: %s", args, stderr)
	}
	return stdout, code
}

// inSync waits until the program says that everything is in sync.
func (s *scene) inSync() {
	s.t.Helper()
	if out, code := s.ask(fmt.Sprintf("--wait=%d", int(limit.Seconds()))); code != 0 {
		s.t.Fatalf("--wait: %d\n%s", code, out)
	}
}

func (s *scene) logged() string {
	b, err := os.ReadFile(s.set.Log())
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return string(b)
}

func (s *scene) logs(text string) {
	s.t.Helper()
	if !testkit.Poll(limit, func() bool { return strings.Contains(s.logged(), text) }) {
		s.t.Fatalf("the log never has %q:\n%s", text, s.logged())
	}
}

// listing names every entry below the scene's directories with its size and time, except for the
// files that sersync itself keeps.
func (s *scene) listing(dirs ...string) string {
	s.t.Helper()
	var b strings.Builder
	for _, dir := range dirs {
		s.must(filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%q %v %d %v\n", path, info.Mode(), info.Size(), info.ModTime().UnixNano())
			return nil
		}))
	}
	return b.String()
}
