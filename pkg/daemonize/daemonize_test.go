package daemonize

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const self = "/proc/self/exe"

// readPID reads the first line, which is the daemon's pid, and has the daemon ended after the test.
func (p *program) readPID(t *testing.T, out *bufio.Reader) int {
	t.Helper()
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatalf("no pid: %q, %v; stderr %s", line, err, p.errors(t))
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Kill(pid, unix.SIGKILL) })
	return pid
}

func exitCode(err error) int {
	var status *exec.ExitError
	if errors.As(err, &status) {
		return status.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

func TestReadyDaemon(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "sersync2")
	copyFile(t, self, binary)
	argv := []string{"./sersync2", "ready", "-dro", "conf \xff\n.xml"}
	p := start(t, binary, argv, nil)
	out := bufio.NewReader(p.out)
	pid := p.readPID(t, out)
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var f facts
	if err := json.Unmarshal([]byte(line), &f); err != nil {
		t.Fatal(err)
	}
	if code := exitCode(p.cmd.Wait()); code != 0 {
		t.Fatalf("parent exit %d: %s", code, p.errors(t))
	}
	if f.PID != pid || f.Session != pid || f.Group != pid || pid == p.cmd.Process.Pid {
		t.Errorf("pid %d, session %d, group %d, parent %d", f.PID, f.Session, f.Group, p.cmd.Process.Pid)
	}
	if f.Comm != "sersync2" {
		t.Errorf("process name %q: killall and pgrep look for sersync2", f.Comm)
	}
	if want := strings.ToValidUTF8(strings.Join(argv, "\x00")+"\x00", "\ufffd"); f.Cmdline != want {
		t.Errorf("command line %q, want %q", f.Cmdline, want)
	}
	if f.Cwd != p.cmd.Dir || f.Stdin != "/dev/null" {
		t.Errorf("cwd %q, stdin %q", f.Cwd, f.Stdin)
	}
	ignored, err := strconv.ParseUint(f.SigIgn, 16, 64)
	// The daemon may ignore further signals that the test program itself was started with.
	const ours, never = 1<<(unix.SIGINT-1) | 1<<(unix.SIGHUP-1), 1<<(unix.SIGTERM-1) | 1<<(unix.SIGPIPE-1) | 1<<(unix.SIGCHLD-1)
	if err != nil || ignored&ours != ours || ignored&never != 0 {
		t.Errorf("ignored signals %s, %v; want SIGINT and SIGHUP, and neither SIGTERM, SIGPIPE nor SIGCHLD", f.SigIgn, err)
	}
	if f.Password != "s3cret" {
		t.Errorf("RSYNC_PASSWORD %q did not survive", f.Password)
	}
	if strings.Contains(f.ChildEnv, marker) || !strings.Contains(f.ChildEnv, "RSYNC_PASSWORD=s3cret") {
		t.Errorf("environment of a child:\n%s", f.ChildEnv)
	}
	if strings.Contains(f.ChildFDs, " 3 -> pipe:") {
		t.Errorf("a child has the report pipe:\n%s", f.ChildFDs)
	}
	for _, harmless := range []unix.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGPIPE, unix.SIGTERM} {
		if err := unix.Kill(pid, harmless); err != nil {
			t.Fatal(err)
		}
	}
	rest, err := io.ReadAll(out)
	if err != nil || string(rest) != "drained\n" {
		t.Errorf("after the signals: %q, %v", rest, err)
	}
}

// TestUmask: the files of the daemon and of its plugins must not be writable for everyone.
func TestUmask(t *testing.T) {
	for inherited, want := range map[int]int{0: 0o022, 0o027: 0o027, 0o002: 0o002} {
		old := unix.Umask(inherited)
		p := start(t, self, []string{"sersync", "ready"}, nil)
		unix.Umask(old)
		out := bufio.NewReader(p.out)
		pid := p.readPID(t, out)
		var f facts
		if err := json.NewDecoder(out).Decode(&f); err != nil {
			t.Fatal(err)
		}
		if code := exitCode(p.cmd.Wait()); code != 0 || f.Umask != want {
			t.Errorf("inherited %04o: exit %d, daemon has %04o, want %04o", inherited, code, f.Umask, want)
		}
		if err := unix.Kill(pid, unix.SIGTERM); err != nil {
			t.Error(err)
		}
	}
}

// TestReaderGone: after "sersync -d | head -1" the daemon goes on, although it cannot print any
// more.
func TestReaderGone(t *testing.T) {
	p := start(t, self, []string{"sersync", "chatty"}, nil)
	pid := p.readPID(t, bufio.NewReader(p.out))
	if err := p.out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if code := exitCode(p.cmd.Wait()); code != 42 {
		t.Errorf("exit %d, want the status behind the failed write: %s", code, p.errors(t))
	}
}

func TestFailures(t *testing.T) {
	tests := []struct {
		scenario string
		code     int
		message  string
	}{
		{"fail", 255, "watch /data: no such directory; create it\n"},
		{"fail0", 1, "the caller forgot the status\n"},
		{"long", 4, strings.Repeat("x", maxReport-1) + "\n"},
		{"die", 1, "sersync: the daemon ended before it was ready (signal: killed); run it without -d to see why\n"},
		{"exit", 7, "sersync: the daemon ended before it was ready (exit status 7); run it without -d to see why\n"},
		{"panic", 2, "sersync: the daemon ended before it was ready (exit status 2); run it without -d to see why\n"},
	}
	for _, tt := range tests {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			p := start(t, self, []string{"sersync", tt.scenario}, nil)
			if code := exitCode(p.cmd.Wait()); code != tt.code {
				t.Errorf("exit %d, want %d", code, tt.code)
			}
			if got := p.errors(t); !strings.HasSuffix(got, tt.message) {
				t.Errorf("stderr %q, want %q", got, tt.message)
			}
		})
	}
}

func TestBinaryDeleted(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "sersync")
	copyFile(t, self, binary)
	p := start(t, binary, []string{"sersync", "deleted", binary}, nil)
	pid := p.readPID(t, bufio.NewReader(p.out))
	if code := exitCode(p.cmd.Wait()); code != 0 {
		t.Errorf("exit %d: %s", code, p.errors(t))
	}
	if err := unix.Kill(pid, unix.SIGTERM); err != nil {
		t.Errorf("daemon: %v", err)
	}
}

// TestInterrupt: Ctrl-C before the daemon is ready ends parent and daemon.
func TestInterrupt(t *testing.T) {
	tests := []struct {
		scenario string
		signals  []syscall.Signal
		code     int
		rest     string
	}{
		{"hang", []syscall.Signal{unix.SIGINT}, 130, "drained\n"},
		{"hang", []syscall.Signal{unix.SIGTERM}, 143, "drained\n"},
		{"deaf", []syscall.Signal{unix.SIGINT, unix.SIGTERM}, 130, ""},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.scenario, tt.signals), func(t *testing.T) {
			p := start(t, self, []string{"sersync", tt.scenario}, nil)
			out := bufio.NewReader(p.out)
			p.readPID(t, out)
			for _, s := range tt.signals {
				if err := p.cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
			// When two signals come at once the kernel may deliver either one first.
			if code := exitCode(p.cmd.Wait()); code != tt.code && (len(tt.signals) == 1 || code != 143) {
				t.Errorf("exit %d, want %d", code, tt.code)
			}
			rest, err := io.ReadAll(out) // the pipe ends when the daemon has ended
			if err != nil || string(rest) != tt.rest {
				t.Errorf("daemon said %q, %v; want %q", rest, err, tt.rest)
			}
		})
	}
}

func TestParentKilled(t *testing.T) {
	p := start(t, self, []string{"sersync", "orphan"}, nil)
	out := bufio.NewReader(p.out)
	pid := p.readPID(t, out)
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if code := exitCode(p.cmd.Wait()); code != -1 {
		t.Errorf("exit %d, want killed", code)
	}
	if err := unix.Kill(pid, unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(out)
	if err != nil || string(rest) != "no parent\n" {
		t.Errorf("daemon said %q, %v", rest, err)
	}
}

func TestForeground(t *testing.T) {
	child, err := Attach()
	if child != nil || err != nil {
		t.Fatalf("Attach = %v, %v", child, err)
	}
	if err := child.Ready(); err != nil {
		t.Error(err)
	}
	if child.Fail("x") || child.Detached() {
		t.Error("a process in the foreground has nobody to tell")
	}
}

func TestForgedMarker(t *testing.T) {
	for _, value := range []string{"", "x y", "0 sersync", "3", "3 sersync", "-1 x", "99999999999999999999 x"} {
		cmd := exec.Command(self, "ready")
		cmd.Env = append(os.Environ(), helperEnv+"=1", marker+"="+value)
		out, err := cmd.CombinedOutput()
		if exitCode(err) != 2 || !strings.Contains(string(out), "unset it") {
			t.Errorf("marker %q: %v, %s", value, err, out)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
}
