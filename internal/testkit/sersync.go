package testkit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// readyLine is printed once the watches are set. In 2.5.4 it is the last line before the first
// event.
const readyLine = "watch path is:"

// readyTimeout bounds how long a start may take on a busy machine.
const readyTimeout = 30 * time.Second

// markEnv marks every process of one Start, so that a daemon that has detached itself can be found.
const markEnv = "SERSYNC_TESTKIT_MARK"

// Options say how the program is started.
type Options struct {
	// Config is the text of the configuration; empty: no file is written. If it has no <state dir>,
	// one is added, so that nothing outside of Dir is used.
	Config string
	// File is where Config is written, with mode 0600; the default is Dir/confxml.xml.
	File string
	// Args are the arguments of the program; nil means -o File.
	Args []string
	// Dir is the working directory; the default is a new temporary one.
	Dir string
	// Env is added to the program's environment.
	Env []string
	// Path is put in front of PATH, first entry first.
	Path []string
	// Binary is run instead of that of Build.
	Binary string
	// Credential runs the program as another user.
	Credential *syscall.Credential
	// NoWait returns without waiting until the watches are set.
	NoWait bool
	// Ready tells whether the watches are set, for a start that prints no line about that; with -m
	// it is Watching.
	Ready func(*Sersync) bool
}

// Sersync is one started program.
type Sersync struct {
	// File is the configuration file, Dir the working directory, State the state directory.
	File, Dir, State string
	// Tries is how often StartShortQueue had to start the program; 0: it was not started so.
	Tries int

	t    testing.TB
	out  string // the directory with stdout and stderr
	mark string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended; err is set before
	err  error
}

// Start runs the program in a process group of its own and waits until its watches are set (or,
// with -d, until the foreground part has ended). When the test ends, the program and all its
// children are ended.
func Start(t testing.TB, o Options) *Sersync {
	t.Helper()
	defer lockLimits(t, syscall.LOCK_SH)()
	return start(t, o)
}

// start is Start for a caller that holds the lock of the machine's limits already.
func start(t testing.TB, o Options) *Sersync {
	t.Helper()
	s := &Sersync{t: t, Dir: o.Dir, out: t.TempDir(), done: make(chan struct{})}
	if s.Dir == "" {
		s.Dir = t.TempDir()
	}
	s.State = filepath.Join(s.out, "state")
	s.File = o.File
	if s.File == "" {
		s.File = filepath.Join(s.Dir, "confxml.xml")
	}
	if o.Config != "" {
		config := WithState(o.Config, s.State)
		if o.Credential == nil {
			config = withBackend(config)
		}
		must(t, os.WriteFile(s.File, []byte(config), 0o600))
	}
	if o.Credential != nil {
		s.openFor(o.Credential)
	}
	if o.Args == nil {
		o.Args = []string{"-o", s.File}
	}
	if o.Binary == "" {
		o.Binary = Build(t)
	}
	s.command(o)
	must(t, s.cmd.Start())
	go func() {
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	t.Cleanup(s.end)
	if o.Ready == nil {
		o.Ready = func(s *Sersync) bool { return strings.Contains(s.Stdout(), readyLine) }
	}
	if !o.NoWait {
		s.ready(o.Ready)
	}
	return s
}

// openFor lets another user use the scratch directories.
func (s *Sersync) openFor(c *syscall.Credential) {
	must(s.t, os.MkdirAll(s.State, 0o700))
	for _, path := range []string{s.State, s.File} {
		if err := os.Chown(path, int(c.Uid), int(c.Gid)); err != nil && !os.IsNotExist(err) {
			s.t.Fatal(err)
		}
	}
	OpenToAll(s.t, s.out)
}

// OpenToAll lets other users reach a directory: the parents of a test's temporary directory keep
// them out.
func OpenToAll(t testing.TB, dir string) {
	t.Helper()
	for ; strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
}

func (s *Sersync) command(o Options) {
	s.mark = fmt.Sprintf("%s=%d-%s", markEnv, os.Getpid(), filepath.Base(s.out)+filepath.Base(filepath.Dir(s.out)))
	s.cmd = exec.Command(o.Binary, o.Args...)
	s.cmd.Dir = s.Dir
	path := strings.Join(append(append([]string{}, o.Path...), os.Getenv("PATH")), ":")
	s.cmd.Env = append(os.Environ(), "PATH="+path, "LC_ALL=C.UTF-8", "XDG_STATE_HOME="+s.State, s.mark)
	s.cmd.Env = append(s.cmd.Env, o.Env...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: o.Credential}
	s.cmd.Stdout = s.create("stdout")
	s.cmd.Stderr = s.create("stderr")
}

// create opens an output file. The program writes to the file directly. With a pipe, waiting for
// the program's end would also mean waiting for the last of its children.
func (s *Sersync) create(name string) *os.File {
	f, err := os.OpenFile(filepath.Join(s.out, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	must(s.t, err)
	s.t.Cleanup(func() { f.Close() })
	return f
}

func (s *Sersync) ready(yet func(*Sersync) bool) {
	s.t.Helper()
	Poll(readyTimeout, func() bool { return yet(s) || s.Exited() })
	if !yet(s) {
		s.t.Fatalf("%s did not get ready: %v\nstdout:\n%s\nstderr:\n%s", s.cmd.Args, s.Status(), s.Stdout(), s.Stderr())
	}
}

// WithState adds a <state dir> element to the configuration, unless it has one already or has no
// end tag before which the element could be put.
func WithState(config, dir string) string {
	at := strings.LastIndex(config, "</head>")
	if at < 0 || strings.Contains(config, "<state") {
		return config
	}
	return config[:at] + `<state dir="` + dir + `"/>` + "\n" + config[at:]
}

// withBackend has the directories of a configuration watched by the back end that BackendEnv names,
// unless the configuration names one itself, or switches createFolder off, which fanotify needs.
func withBackend(config string) string {
	backend := os.Getenv(BackendEnv)
	if backend == "" || strings.Contains(config, ` backend="`) || strings.Contains(config, `<createFolder start="false"`) {
		return config
	}
	return strings.ReplaceAll(config, "<localpath watch=", fmt.Sprintf("<localpath backend=%q watch=", backend))
}

// Stdout returns what the program has written to standard output so far.
func (s *Sersync) Stdout() string { return s.read("stdout") }

// Stderr returns what the program has written to standard error so far.
func (s *Sersync) Stderr() string { return s.read("stderr") }

func (s *Sersync) read(name string) string {
	b, err := os.ReadFile(filepath.Join(s.out, name))
	must(s.t, err)
	return string(b)
}

// PID returns the process that was started; with -d that is the process that ends.
func (s *Sersync) PID() int { return s.cmd.Process.Pid }

// Signal sends sig to the program, or to the daemon that the program became.
func (s *Sersync) Signal(sig syscall.Signal) {
	s.t.Helper()
	for _, pid := range s.Processes() {
		if isProgram(pid, s.cmd.Path) {
			if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
				s.t.Fatalf("kill -%d %d: %v", sig, pid, err)
			}
		}
	}
}

// Pause stops the program, but not its children; Continue lets it run again.
func (s *Sersync) Pause() { s.t.Helper(); s.Signal(syscall.SIGSTOP) }

// Continue lets the program run again after Pause.
func (s *Sersync) Continue() { s.t.Helper(); s.Signal(syscall.SIGCONT) }

// Kill9 kills the program, so that it cannot tidy up, and waits until it has ended.
func (s *Sersync) Kill9() {
	s.t.Helper()
	s.Signal(syscall.SIGKILL)
	s.Wait(10 * time.Second)
}

// Stop asks the program to end (SIGTERM) and returns its exit status.
func (s *Sersync) Stop() int {
	s.t.Helper()
	s.Signal(syscall.SIGTERM)
	return s.Wait(60 * time.Second)
}

// Wait waits until the process that was started has ended and returns its exit status, or -1 if a
// signal ended it. If that takes longer than the timeout, the test fails.
func (s *Sersync) Wait(timeout time.Duration) int {
	s.t.Helper()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-s.done:
		return s.cmd.ProcessState.ExitCode()
	case <-timer.C:
		s.t.Fatalf("%s still runs after %v\nstderr:\n%s", s.cmd.Args, timeout, s.Stderr())
		return 0
	}
}

// Exited reports whether the process that was started has ended.
func (s *Sersync) Exited() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// Status describes, for failure messages, how the process that was started ended.
func (s *Sersync) Status() string {
	if !s.Exited() {
		return "running"
	}
	return s.cmd.ProcessState.String()
}

// Alive reports whether the program, or the daemon that it became, is running.
func (s *Sersync) Alive() bool {
	for _, pid := range s.Processes() {
		if isProgram(pid, s.cmd.Path) {
			return true
		}
	}
	return false
}

// Processes returns every process that descends from this start and has kept its environment: the
// program, a detached daemon, and their children.
func (s *Sersync) Processes() []int {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var out []int
	for _, dir := range dirs {
		env, err := os.ReadFile(dir + "/environ")
		if err != nil || !hasEntry(env, s.mark) {
			continue
		}
		var pid int
		fmt.Sscanf(filepath.Base(dir), "%d", &pid)
		if !zombie(dir) {
			out = append(out, pid)
		}
	}
	return out
}

// Watches returns a line for each inotify watch of the program: the process, the descriptor, and
// what the kernel says about the watch in fdinfo (proc(5)).
func (s *Sersync) Watches() map[string]bool {
	lines := map[string]bool{}
	for _, pid := range s.Processes() {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
		for _, file := range files {
			text, _ := os.ReadFile(file)
			for line := range strings.Lines(string(text)) {
				if strings.HasPrefix(line, "inotify wd:") {
					lines[fmt.Sprint(pid, " ", filepath.Base(file), " ", line)] = true
				}
			}
		}
	}
	return lines
}

// Watching reports whether the program has a watch. It can be used as Options.Ready.
func (s *Sersync) Watching() bool { return len(s.Watches()) > 0 }

func hasEntry(env []byte, entry string) bool {
	for v := range bytes.SplitSeq(env, []byte{0}) {
		if string(v) == entry {
			return true
		}
	}
	return false
}

// zombie reports whether a process has ended and waits to be reaped.
func zombie(dir string) bool {
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return true
	}
	after := stat[bytes.LastIndexByte(stat, ')')+1:]
	return bytes.HasPrefix(after, []byte(" Z")) || bytes.HasPrefix(after, []byte(" X"))
}

// isProgram reports whether the process runs the given file, directly or as a script of an
// interpreter.
func isProgram(pid int, file string) bool {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return false
	}
	if resolved, err := filepath.EvalSymlinks(file); err == nil && resolved == exe {
		return true
	}
	args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	fields := bytes.Split(args, []byte{0})
	return len(fields) > 1 && string(fields[1]) == file
}

// end kills the processes of this start that are left.
func (s *Sersync) end() {
	syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	for _, pid := range s.Processes() {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	<-s.done
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
