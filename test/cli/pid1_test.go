package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// first is sersync as the first process of a pid namespace, as in a container.
type first struct {
	*scene
	cmd      *exec.Cmd
	out, err string // the files with its output
	ended    chan struct{}
}

// startFirst runs the program with a /proc of its own, as a container runtime does.
func (s *scene) startFirst(args ...string) *first {
	s.t.Helper()
	if os.Getuid() != 0 {
		s.t.Skip("needs root: makes a pid namespace")
	}
	f := &first{scene: s, out: s.path("stdout"), err: s.path("stderr"), ended: make(chan struct{})}
	script := `mount --make-rprivate / && mount -t proc proc /proc && exec "$0" "$@"`
	f.cmd = exec.Command("sh", append([]string{"-c", script, testkit.Build(s.t)}, args...)...)
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Setpgid: true}
	stdout, err := os.Create(f.out)
	s.must(err)
	defer stdout.Close()
	stderr, err := os.Create(f.err)
	s.must(err)
	defer stderr.Close()
	f.cmd.Stdout, f.cmd.Stderr = stdout, stderr
	s.must(f.cmd.Start())
	go func() {
		_ = f.cmd.Wait() // the test asks for the status below
		close(f.ended)
	}()
	s.t.Cleanup(func() {
		_ = f.cmd.Process.Kill()
		<-f.ended
	})
	return f
}

func (f *first) signal(s syscall.Signal) {
	f.t.Helper()
	f.must(f.cmd.Process.Signal(s))
}

func (f *first) status() int {
	f.t.Helper()
	select {
	case <-f.ended:
	case <-time.After(limit):
		f.t.Fatalf("it does not end\n%s", f.text(f.err))
	}
	return f.cmd.ProcessState.ExitCode()
}

// children are the child processes of the first one, with their states.
func (f *first) children() map[int]string {
	f.t.Helper()
	states := map[int]string{}
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	f.must(err)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the process has ended meanwhile
		}
		_, rest, _ := bytes.Cut(text, []byte(") "))
		fields := strings.Fields(string(rest))
		if len(fields) > 1 && fields[1] == strconv.Itoa(f.cmd.Process.Pid) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			f.must(err)
			states[pid] = fields[0]
		}
	}
	return states
}

// TestFirstProcess: as the first process of a container sersync mirrors, writes its log to standard
// error, reads its configuration again at SIGHUP, reaps the orphans of plugins, and ends in order
// at SIGTERM.
func TestFirstProcess(t *testing.T) {
	s := newScene(t)
	orphans := s.path("orphans")
	plugin := s.path("plugin")
	s.must(os.WriteFile(plugin, []byte("#!/bin/sh\n(sh -c 'sleep 0.2; echo x >>"+orphans+"' &)\n"), 0o755))
	s.configure(
		fmt.Sprintf("<log file=\"%s\" level=\"debug\"/>", s.set.Log()), `<log level="info"/>`,
		`<plugin start="false" name="command"/>`, `<plugin start="true" name="command"/>`,
		"</head>", `<plugin name="command"><param prefix="`+plugin+`"/></plugin></head>`,
	)
	s.write(filepath.Join(s.src, "before"), "1")
	f := s.startFirst("-r", "-o", s.file())
	testkit.WaitEqual(t, s.src, s.dst, testkit.Compare{}, limit)

	const files = 20
	for i := range files {
		s.write(filepath.Join(s.src, fmt.Sprintf("f%d", i)), "text")
	}
	testkit.WaitEqual(t, s.src, s.dst, testkit.Compare{}, limit)
	testkit.Eventually(t, limit, "the orphans of the plugin have done their work", func() bool {
		b, _ := os.ReadFile(orphans)
		return strings.Count(string(b), "x") >= files
	})
	testkit.Eventually(t, limit, "the first process has one child left, and it is no zombie", func() bool {
		states := f.children()
		for _, state := range states {
			if state == "Z" {
				return false
			}
		}
		return len(states) == 1
	})

	s.write(s.file(), strings.Replace(s.text(s.file()), `<delete start="true"/>`, `<delete start="false"/>`, 1))
	f.signal(syscall.SIGHUP)
	if !testkit.Poll(limit, func() bool { return strings.Contains(s.text(f.err), "configuration applied") }) {
		t.Errorf("the log on standard error does not tell of the reload:\n%s", s.text(f.err))
	}
	f.signal(syscall.SIGTERM)
	if status := f.status(); status != 0 {
		t.Errorf("exit status %d after SIGTERM", status)
	}
}

// TestFirstProcessStaysInFront: the first process stays in the foreground also with -d; otherwise
// the container would end.
func TestFirstProcessStaysInFront(t *testing.T) {
	s := newScene(t)
	s.configure()
	s.write(filepath.Join(s.src, "f"), "1")
	f := s.startFirst("-d", "-r", "-o", s.file())
	testkit.WaitEqual(t, s.src, s.dst, testkit.Compare{}, limit)
	if said := s.text(f.err); !strings.Contains(said, "-d: it stays in the foreground") {
		t.Errorf("it does not say so:\n%s", said)
	}
	f.signal(syscall.SIGINT)
	if status := f.status(); status != 0 {
		t.Errorf("exit status %d after SIGINT", status)
	}
}

// TestFirstProcessStatus: the exit status is that of the program; for a program that was killed it
// is the one that a shell would return.
func TestFirstProcessStatus(t *testing.T) {
	s := newScene(t)
	s.configure()
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"--version"}, 0},
		{[]string{"--no-such-option"}, 1},
		{[]string{"-o", "/no/such/file"}, 255},
	} {
		if status := s.startFirst(c.args...).status(); status != c.want {
			t.Errorf("%s: exit status %d, not %d", c.args, status, c.want)
		}
	}
	f := s.startFirst("-o", s.file())
	testkit.Eventually(t, limit, "the watches are set", func() bool { return strings.Contains(s.text(f.out), "watch path is:") })
	for pid := range f.children() {
		s.must(syscall.Kill(pid, syscall.SIGKILL))
	}
	if status := f.status(); status != 137 {
		t.Errorf("exit status %d after SIGKILL of the program", status)
	}
}
