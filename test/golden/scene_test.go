package golden

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// scene is the environment of one run: a new @ROOT@, a daemon with the recorded modules, a
// recording rsync, and in some runs a listener.
type scene struct {
	t      *testing.T
	r      recorded
	w      want
	root   string
	fill   *strings.Replacer
	rsync  *testkit.Recorder
	remote *testkit.RsyncDaemon
	tree   *testkit.Tree
	app    *testkit.Sersync
	tcp    *listener

	before map[string]testkit.Entry // the entries of src after the setup
	kept   map[string]testkit.Entry // the entries of dst after the setup
}

// plugCommand records its arguments, as the command of the recorded runs did.
const plugCommand = `#!/bin/sh
{ printf PLUG; for a; do printf ' <%s>' "$a"; done; printf ' cwd=%s\n' "$PWD"; } >> '@ROOT@/cwd/plug.log'
echo plugin-stdout
`

func newScene(t *testing.T, r recorded, w want) *scene {
	// The path must be short, because one of the runs comes close to PATH_MAX.
	root, err := os.MkdirTemp("", "g")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	s := &scene{t: t, r: r, w: w, root: root}
	for _, dir := range []string{"src", "out", "dst", "dst2", "dsta", "cwd/sub"} {
		s.must(os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	s.must(os.Chmod(root, 0o755))
	var modules []testkit.Module
	for name, dir := range map[string]string{"mod1": "dst", "mod2": "dst2", "m": "dst", "auth1": "dsta"} {
		m := testkit.Module{Name: name, Path: filepath.Join(root, dir)}
		if name == "auth1" {
			m.Options = []string{"auth users = bob"}
		}
		modules = append(modules, m)
	}
	s.remote = testkit.Rsyncd(t, testkit.RsyncdConf{Modules: modules, Secrets: map[string]string{"bob": "pw"}})
	s.tcp = newListener(t)
	s.fill = strings.NewReplacer("@ROOT@", root, "@PORT@", strconv.Itoa(s.remote.Port()), "@TCP@", strconv.Itoa(s.tcp.port))
	s.file("pass", "pw\n", 0o600)
	s.file("plugcmd", s.fill.Replace(plugCommand), 0o755)
	s.rsync = testkit.NewRecorder(t, s.recorder())
	s.tree = &testkit.Tree{Src: filepath.Join(root, "src"), Other: s.otherOp}
	return s
}

// recorder has the recording rsync do what that of the recorded run did.
func (s *scene) recorder() testkit.RecorderConf {
	f := s.r.Fake
	c := testkit.RecorderConf{SleepOn: f.SleepOn, Stdout: f.Out}
	for code := range strings.FieldsSeq(f.Seq + " " + f.Exit) {
		n, err := strconv.Atoi(code)
		s.must(err)
		c.Exit = append(c.Exit, n)
	}
	if f.SleepMS != "" {
		ms, err := strconv.Atoi(f.SleepMS)
		s.must(err)
		c.Sleep = time.Duration(ms) * time.Millisecond
	}
	return c
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) file(name, text string, mode os.FileMode) {
	s.t.Helper()
	s.must(os.WriteFile(filepath.Join(s.root, name), []byte(text), mode))
}

// path returns an absolute path below the scene.
func (s *scene) path(name string) string { return filepath.Join(s.root, name) }

// read returns a file's content; it is empty if there is no such file.
func (s *scene) read(name string) string {
	b, err := os.ReadFile(s.path(name))
	if err != nil && !os.IsNotExist(err) {
		s.t.Error(err)
	}
	return string(b)
}

func (s *scene) do(words []argument) {
	s.t.Helper()
	o := op(words, s.fill)
	if err := s.tree.Do(o); err != nil && !s.w.opsMayFail {
		s.t.Fatal(err)
	}
}

// otherOp carries out operations that are not about files.
func (s *scene) otherOp(o testkit.Op) error {
	switch o[0] {
	case "kill":
		s.app.Signal(signals[o[1]])
	case "listen":
		s.tcp.open(o[1:])
	case "snapfail": // tests with a fake clock cover the moments between
	default:
		return fmt.Errorf("unknown operation %q", o[0])
	}
	return nil
}

var signals = map[string]syscall.Signal{
	"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT, "SIGHUP": syscall.SIGHUP,
	"SIGQUIT": syscall.SIGQUIT, "SIGSTOP": syscall.SIGSTOP, "SIGCONT": syscall.SIGCONT,
}

// traces sums up everything that the program leaves, so that a test sees whether it is at rest.
func (s *scene) traces() string {
	var b strings.Builder
	for _, dir := range []string{"dst", "dst2", "dsta"} {
		tree, err := testkit.Scan(s.path(dir), false)
		if err != nil {
			return err.Error() + time.Now().String()
		}
		fmt.Fprintf(&b, "%d:%x ", len(tree), sum(tree))
	}
	fmt.Fprintf(&b, "%d %d %d %s", s.rsync.Count(), len(s.read("cwd/plug.log")), s.tcp.count(), s.read("fail.sh"))
	return b.String()
}

// sum is the same for the same entries in any order.
func sum(tree map[string]testkit.Entry) uint64 {
	var total uint64
	for name, e := range tree {
		h := uint64(14695981039346656037)
		for _, c := range []byte(fmt.Sprint(name, e.Type, e.Mode, e.Size, e.Mtime.UnixNano(), e.Inode)) {
			h = (h ^ uint64(c)) * 1099511628211
		}
		total += h
	}
	return total
}

// quiet is how long nothing may change until a step counts as done.
const quiet = 300 * time.Millisecond

// settle waits until the program has nothing more to do: nothing has changed for the time quiet,
// and neither the program nor the remote is working. A run leaves no trace until it ends, and takes
// seconds on a busy machine.
func (s *scene) settle() {
	testkit.Poll(30*time.Second, func() bool {
		testkit.Settled(quiet, 30*time.Second, s.traces)
		working := func() bool { return s.app.Working() || s.remote.Working() }
		// When one process hands work to another there is a moment in which neither is running.
		return !testkit.Within(30*time.Millisecond, working)
	})
}

// listener is the receiver of the socket and refreshCDN plugins.
type listener struct {
	t    *testing.T
	port int

	mu    sync.Mutex
	l     net.Listener
	conns []string // what each connection has sent, in the order in which they ended
	wait  sync.WaitGroup
}

func newListener(t *testing.T) *listener { return &listener{t: t, port: testkit.FreePort(t)} }

// open starts to listen. Each connection gets the reply, if there is one, after the delay.
func (l *listener) open(args []string) {
	reply, delay := "", time.Duration(0)
	if len(args) > 0 {
		reply = args[0]
	}
	if len(args) > 1 {
		sec, err := strconv.ParseFloat(args[1], 64)
		if err != nil {
			l.t.Fatal(err)
		}
		delay = time.Duration(sec * float64(time.Second))
	}
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", l.port))
	if err != nil {
		l.t.Fatal(err)
	}
	l.l = ln
	l.wait.Go(func() { l.accept(reply, delay) })
	l.t.Cleanup(func() {
		ln.Close()
		l.wait.Wait()
	})
}

func (l *listener) accept(reply string, delay time.Duration) {
	for {
		conn, err := l.l.Accept()
		if err != nil {
			return
		}
		l.wait.Go(func() { l.serve(conn, reply, delay) })
	}
}

func (l *listener) serve(conn net.Conn, reply string, delay time.Duration) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	got := ""
	buf := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buf)
		got += string(buf[:n])
		if reply != "" && strings.HasSuffix(got, "\r\n\r\n") {
			<-time.After(delay)
			io.WriteString(conn, reply)
			break
		}
		if err != nil {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, got)
}

func (l *listener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// received reports how many connections have sent the text.
func (l *listener) received(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, c := range l.conns {
		// 2.5.4 sent only the first 1023 bytes of a request; these are the same.
		if c == text || len(text) > 1000 && strings.HasPrefix(c, text[:1000]) {
			n++
		}
	}
	return n
}
