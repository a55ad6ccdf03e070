package plugins

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/status"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// limit is how long anything may take on a busy machine.
const limit = 60 * time.Second

// scene is a watched tree, remotes, and the program with plugins.
type scene struct {
	t         *testing.T
	base, src string
	remotes   []*testkit.RsyncDaemon
	dst       []string
	rsync     *testkit.Recorder
	set       testkit.Settings
	refs      string // the <plugin> elements inside of <sersync>
	elements  string // the <plugin> elements inside of <head>
	app       *testkit.Sersync
	args      []string // the arguments after -o FILE
	tree      *testkit.Tree
}

// newScene makes the directories and remotes; it does not start the program.
func newScene(t *testing.T, remotes int) *scene {
	t.Helper()
	s := &scene{t: t, base: t.TempDir()}
	s.src = filepath.Join(s.base, "src")
	s.must(os.Mkdir(s.src, 0o755))
	s.rsync = testkit.NewRecorder(t, testkit.RecorderConf{})
	s.set = testkit.Settings{Watch: s.src, Dir: s.base, Rsync: s.rsync.Program}
	for i := range remotes {
		dst := filepath.Join(s.base, fmt.Sprint("dst", i))
		d := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: dst}}})
		s.remotes, s.dst = append(s.remotes, d), append(s.dst, dst)
		s.set.Remotes = append(s.set.Remotes, testkit.At(d.Port(), "m"))
	}
	s.tree = &testkit.Tree{Src: s.src}
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// plug adds a plugin with its receiver to the configuration.
func (s *scene) plug(name, when, attributes string) *receiver {
	s.t.Helper()
	r := newReceiver(s.t, name, s.src, attributes)
	s.refs += fmt.Sprintf("<plugin start=\"true\" name=%q %s/>\n", name, when)
	s.elements += r.element
	return r
}

func (s *scene) config() string {
	text := strings.Replace(s.set.XML(), `<plugin start="false" name="command"/>`, s.refs, 1)
	return strings.Replace(text, "</head>", s.elements+"</head>", 1)
}

// options are those of a start; args follow -o FILE. With -m no line says that the watches are set,
// so the test asks for the status.
func (s *scene) options(args ...string) testkit.Options {
	s.args = args
	file := filepath.Join(s.base, "confxml.xml")
	o := testkit.Options{Config: s.config(), File: file, Dir: s.base, Args: append([]string{"-o", file}, args...)}
	if len(args) > 0 && args[0] == "-m" {
		o.Ready = func(app *testkit.Sersync) bool {
			s.app = app
			snap, err := s.status(args...)
			return err == nil && snap.Ready
		}
	}
	return o
}

// start runs the program until its watches are set.
func (s *scene) start(args ...string) {
	s.t.Helper()
	s.app = testkit.Start(s.t, s.options(args...))
}

// status asks the running program.
func (s *scene) status(args ...string) (status.Snapshot, error) {
	var snap status.Snapshot
	cmd := exec.Command(testkit.Build(s.t), append(args, "-o", s.app.File, "--status", "--json")...)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+s.app.State)
	out, err := cmd.Output()
	if len(out) == 0 {
		return snap, fmt.Errorf("no status: %w", err)
	}
	return snap, json.Unmarshal(out, &snap)
}

// plugin is the state of one plugin; it is the zero value while the state is not known.
func (s *scene) plugin(name string, args ...string) status.Plugin {
	s.t.Helper()
	snap, err := s.status(args...)
	if err != nil {
		s.t.Log(err)
	}
	for _, p := range snap.Plugins {
		if p.Name == name {
			return p
		}
	}
	return status.Plugin{}
}

func (s *scene) do(ops ...testkit.Op) {
	s.t.Helper()
	s.must(s.tree.DoAll(ops...))
}

// at is a path in the form in which plugins name it.
func (s *scene) at(rel string) string { return s.src + "/" + rel }

// told waits until the receiver has been told of every path.
func (s *scene) told(r *receiver, rels ...string) {
	s.t.Helper()
	paths := make([]string, len(rels))
	for i, rel := range rels {
		paths[i] = s.at(rel)
	}
	if !testkit.Poll(limit, func() bool { return r.has(paths...) }) {
		missing := r.missing(paths)
		s.t.Fatalf("%s was not told of %d of %d: %q, but of %d paths; %+v\n%s", r.name, len(missing), len(paths), missing[:min(5, len(missing))], len(r.got()), s.plugin(r.name, s.args...), s.logTail())
	}
}

// logTail is the end of the program's log.
func (s *scene) logTail() string {
	b, _ := os.ReadFile(s.set.Log())
	return string(b[max(0, len(b)-2000):])
}

// never fails the test if cond becomes true during the next moments.
func never(t *testing.T, what string, cond func() bool) {
	t.Helper()
	if testkit.Within(time.Second, cond) {
		t.Fatalf("%s, which must not be", what)
	}
}
