package command_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/command"
)

// recording is a command that notes its arguments and its directory in the same way as the recorded
// runs of 2.5.4.
const recording = `#!/bin/sh
{
	printf PLUG
	for a; do printf ' <%s>' "$a"; done
	printf ' cwd=%s\n' "$PWD"
} >>plug.log
echo plugin-stdout
`

type fixture struct {
	t      *testing.T
	dir    string // the directory in which the command starts
	script string
	out    bytes.Buffer
	logs   *observer.ObservedLogs
	deps   plugins.Deps
}

func newFixture(t *testing.T, text string) *fixture {
	t.Helper()
	f := &fixture{t: t, dir: t.TempDir()}
	f.script = filepath.Join(f.dir, "plugcmd")
	if err := os.WriteFile(f.script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.DebugLevel)
	f.logs = logs
	f.deps = plugins.Deps{Log: zap.New(core), File: "c.xml", Dir: f.dir, Stdout: &f.out, Stderr: &f.out}
	return f
}

func (f *fixture) deliver(conf confxml.Plugin, batch ...plugins.Event) (int, error) {
	f.t.Helper()
	p, err := command.New(conf, f.deps)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			f.t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(f.t.Context(), 30*time.Second)
	defer cancel()
	return p.Deliver(ctx, batch)
}

func (f *fixture) read(name string) string {
	data, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		return ""
	}
	return string(data)
}

func change(root string, paths ...string) []plugins.Event {
	var all []plugins.Event
	for _, p := range paths {
		all = append(all, plugins.Event{Root: root, Path: p, Op: plugins.Changed})
	}
	return all
}

// These are the recorded runs 500, 501, 502 and 506 of 2.5.4, except that in 500 a shell split the
// words and executed parts of file names.
func TestGoldenArgv(t *testing.T) {
	tests := []struct {
		name   string
		conf   []string
		events []plugins.Event
		want   string
		stdout string
	}{
		{"plain", []string{"ignoreerror=true"}, change("/r/src", "a.txt", "d", "d/b c.php", "d/$x`touch pwned_9`;echo"),
			"PLUG </r/src/a.txt> cwd=C\nPLUG </r/src/d> cwd=C\nPLUG </r/src/d/b c.php> cwd=C\nPLUG </r/src/d/$x`touch pwned_9`;echo> cwd=C\n", ""},
		{"suffix", []string{"suffix=suf fix", "ignoreerror=true"}, change("/r/src", "a.txt"), "PLUG </r/src/a.txt> <suf> <fix> cwd=C\n", ""},
		{"output", []string{"suffix=s", "ignoreerror=false"}, change("/r/src", "a.txt", "d"), "PLUG </r/src/a.txt> <s> cwd=C\nPLUG </r/src/d> <s> cwd=C\n", "plugin-stdout\nplugin-stdout\n"},
		{"trailing slash", []string{"ignoreerror=true"}, change("/r/src/", "a", "d/x"), "PLUG </r/src//a> cwd=C\nPLUG </r/src//d/x> cwd=C\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, recording)
			if n, err := f.deliver(element(append(tt.conf, "prefix="+f.script)...), tt.events...); n != len(tt.events) || err != nil {
				t.Fatal(n, err)
			}
			if got := strings.ReplaceAll(f.read("plug.log"), f.dir, "C"); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
			if got := f.out.String(); got != tt.stdout {
				t.Errorf("output %q, want %q", got, tt.stdout)
			}
			if got := f.read("pwned_9"); got != "" {
				t.Error("a file name was executed")
			}
		})
	}
}

// In the recorded run 503 an expression has to match the whole absolute path.
func TestFilter(t *testing.T) {
	f := newFixture(t, recording)
	conf := element("prefix="+f.script, "ignoreerror=true")
	conf.FilterOn = true
	conf.Include = []confxml.Expression{{Text: `(.*)\.php`}, {Text: `(.*)\.sh`}}
	if n, err := f.deliver(conf, change("/r", "a.php", "a.sh", "a.txt", "x.php", "x.php.bak")...); n != 5 || err != nil {
		t.Fatal(n, err)
	}
	if got, want := strings.Count(f.read("plug.log"), "PLUG"), 3; got != want {
		t.Errorf("%d runs, want %d:\n%s", got, want, f.read("plug.log"))
	}
}

func TestFilterTimeout(t *testing.T) {
	f := newFixture(t, recording)
	conf := element("prefix="+f.script, "paths=args", "ignoreerror=true")
	conf.FilterOn = true
	conf.Include = []confxml.Expression{{Text: `/r/(a+)+b`}}
	evil := strings.Repeat("a", 200)
	n, err := f.deliver(conf, change("/r", "ab", evil, "aab")...)
	if n != 1 || !plugins.IsPermanent(err) {
		t.Fatalf("%d, %v; want the first delivered and a permanent error about the second", n, err)
	}
	if got := f.read("plug.log"); !strings.Contains(got, "<"+"/r/ab>") {
		t.Errorf("the first did not run: %q", got)
	}
}

func TestBadConfig(t *testing.T) {
	bad := element("prefix=/bin/true")
	bad.FilterOn = true
	bad.Include = []confxml.Expression{{Text: "*.php", Line: 42}}
	tests := []struct {
		name    string
		conf    confxml.Plugin
		want    string
		console string
	}{
		{"no prefix", element(), "c.xml:10: plugin command: param@prefix: missing or empty", ""},
		{"shell", element("prefix=/x.sh >/tmp/log"), `c.xml:12: plugin command: param@prefix: "/x.sh >/tmp/log": `, ""},
		{"substitution", element("prefix=/x.sh", "suffix=$(id)"), "param@suffix: \"$(id)\": ", ""},
		{"expression", bad, `c.xml:42: plugin command: include@expression: "*.php" is not a regular expression`, "plugin command regular expression error"},
		{"paths", element("prefix=/x.sh", "paths=many"), "write one of: each, args, stdin", ""},
		{"blank prefix", element("prefix= "), "holds no word", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := command.New(tt.conf, plugins.Deps{File: "c.xml"})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got  %v\nwant %s", err, tt.want)
			}
			if lines := plugins.ConsoleLines(err); tt.console != "" && (len(lines) != 2 || lines[0] != tt.console) {
				t.Errorf("console %q", lines)
			}
		})
	}
}

func TestExitStatus(t *testing.T) {
	f := newFixture(t, "#!/bin/sh\nexit 7\n")
	ev := plugins.Event{Root: "/r", Path: "a"}
	if n, err := f.deliver(element("prefix="+f.script), ev); n != 1 || err != nil {
		t.Errorf("without retry: %d, %v; 2.5.4 does not look at it", n, err)
	}
	if f.logs.FilterMessage("plugin command failed, goes on").Len() != 1 {
		t.Error("the failure was not logged")
	}
	if n, err := f.deliver(element("prefix="+f.script, "retry=true"), ev); n != 0 || err == nil || plugins.IsPermanent(err) {
		t.Errorf("with retry: %d, %v", n, err)
	}
	ev.Attempt = 2
	if n, err := f.deliver(element("prefix="+f.script, "retry=true", "tries=3"), ev); n != 0 || !plugins.IsPermanent(err) {
		t.Errorf("last try: %d, %v", n, err)
	}
	if n, err := f.deliver(element("prefix=/nonexistent/x"), ev); n != 0 || err == nil || plugins.IsPermanent(err) || !strings.Contains(err.Error(), "param@prefix") {
		t.Errorf("missing command: %d, %v", n, err)
	}
}

// A shell runs a script that has no first line with an interpreter, and so does the plugin.
func TestScriptWithoutInterpreter(t *testing.T) {
	f := newFixture(t, strings.TrimPrefix(recording, "#!/bin/sh\n"))
	if n, err := f.deliver(element("prefix=./plugcmd", "ignoreerror=true"), change("/r", "-e 'a'")...); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if got := f.read("plug.log"); !strings.Contains(got, "</r/-e 'a'>") {
		t.Errorf("got %q", got)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("RSYNC_PASSWORD", "secret")
	f := newFixture(t, "#!/bin/sh\nenv | grep -E '^(SERSYNC|RSYNC)' | grep -v '^SERSYNC_TEST_' | sort\n")
	f.script += " "
	ev := plugins.Event{Root: "/r/", Path: "d", Op: plugins.Deleted, Dir: true, Seq: 5}
	if _, err := f.deliver(element("prefix="+f.script, "env=true"), ev); err != nil {
		t.Fatal(err)
	}
	want := "SERSYNC_DIR=1\nSERSYNC_LOCALPATH=/r/\nSERSYNC_OPERATION=delete\nSERSYNC_PATH=/r//d\nSERSYNC_RELATIVE=d\nSERSYNC_SEQ=5\n"
	if got := f.out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// If a command uses variables, each of its runs is about one operation.
func TestBatchesByOperation(t *testing.T) {
	f := newFixture(t, "#!/bin/sh\necho $SERSYNC_OPERATION $(tr '\\0' ' ')\n")
	batch := change("/r", "a", "b")
	batch = append(batch, plugins.Event{Root: "/r", Path: "c", Op: plugins.Deleted})
	if n, err := f.deliver(element("prefix="+f.script, "env=true", "paths=stdin"), batch...); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	if got, want := f.out.String(), "change /r/a /r/b\ndelete /r/c\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFloodIsCut(t *testing.T) {
	f := newFixture(t, "#!/bin/sh\nhead -c 50000000 /dev/zero\n")
	if n, err := f.deliver(element("prefix="+f.script), change("/r", "a")...); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if got := f.out.Len(); got != 64<<10 {
		t.Errorf("%d bytes passed on", got)
	}
	if f.logs.FilterMessage("plugin command printed too much, the rest was dropped").Len() != 1 {
		t.Error("the cut was not logged")
	}
}

// gone waits until there is no process with this pid.
func gone(t *testing.T, pid int) bool {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) || bytes.Contains(stat, []byte(") Z ")) {
			return true
		}
		select {
		case <-tick.C:
		case <-deadline:
			return false
		}
	}
}

func (f *fixture) pid(name string) int {
	f.t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if n, err := strconv.Atoi(strings.TrimSpace(f.read(name))); err == nil && n > 0 {
			return n
		}
		select {
		case <-tick.C:
		case <-deadline:
			f.t.Fatalf("no number in %s", name)
		}
	}
}

// All processes of the group are ended, also those that ignore SIGTERM.
func TestTimeoutKillsGroup(t *testing.T) {
	f := newFixture(t, "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\necho $! >child\necho $$ >self\nwait\nwait\n")
	begin := time.Now()
	n, err := f.deliver(element("prefix="+f.script, "timeout=300ms", "retry=true"), change("/r", "a")...)
	if n != 0 || err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Fatal(n, err)
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("took %v", d)
	}
	for _, name := range []string{"child", "self"} {
		if pid := f.pid(name); !gone(t, pid) {
			t.Errorf("%s (%d) lives", name, pid)
		}
	}
}

// A process that the command leaves behind, and that holds our pipe open, delays nobody.
func TestLeftBehind(t *testing.T) {
	f := newFixture(t, "#!/bin/sh\nsleep 1000 &\necho $! >child\n")
	begin := time.Now()
	if n, err := f.deliver(element("prefix="+f.script), change("/r", "a")...); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("took %v", d)
	}
	pid := f.pid("child")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("background work of a command that ended well was killed: %v", err)
	}
}

// A command inherits none of our open files; with 2.5.4 it inherited the inotify descriptor.
func TestDescriptors(t *testing.T) {
	f := newFixture(t, "#!/bin/sh\nls -l /proc/$$/fd\n")
	held, err := os.Create(filepath.Join(f.dir, "held-open"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if _, err := f.deliver(element("prefix="+f.script), change("/r", "a")...); err != nil {
		t.Fatal(err)
	}
	if got := f.out.String(); !strings.Contains(got, "plugcmd") || strings.Contains(got, "held-open") || strings.Contains(got, "inotify") {
		t.Errorf("descriptors:\n%s", got)
	}
}

// TestParentDies runs this test binary as a parent that is killed.
func TestParentDies(t *testing.T) {
	if dir := os.Getenv("COMMAND_TEST_PARENT"); dir != "" {
		p, err := command.New(element("prefix="+filepath.Join(dir, "plugcmd")), plugins.Deps{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Deliver(t.Context(), change("/r", "a"))
		t.Fatalf("the command ended: %v", err)
	}
	f := newFixture(t, "#!/bin/sh\necho $$ >self\nexec sleep 1000\n")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestParentDies$")
	cmd.Env = append(os.Environ(), "COMMAND_TEST_PARENT="+f.dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := f.pid("self")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if !gone(t, pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		t.Error("the command outlived its parent")
	}
}
