package daemonize

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// helperEnv makes the test binary behave as a program that is started with -d; its first argument
// is the scenario.
const helperEnv = "DAEMONIZE_TEST_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(heldEnv) != "" {
		_, _ = fmt.Fprint(os.NewFile(3, "answer"), Held())
		os.Exit(0)
	}
	if os.Getenv(helperEnv) != "" {
		os.Exit(helper())
	}
	goleak.VerifyTestMain(m)
}

// facts are what a daemon reports about itself.
type facts struct {
	PID, Session, Group, Umask int
	Comm, Cmdline, Cwd, Stdin  string
	SigIgn                     string
	Password                   string
	ChildEnv                   string // the environment of a process that the daemon starts
	ChildFDs                   string
}

func helper() int {
	child, err := Attach()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	scenario := os.Args[1]
	if !child.Detached() {
		if scenario == "deleted" {
			// An upgrade removes the binary of the program while it runs.
			if err := os.Remove(os.Args[2]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 2
			}
		}
		return Start(os.Args, os.Stderr)
	}
	return daemon(child, scenario)
}

// daemon prints its pid to standard output first. The tests use it to end the daemon, and know from
// the end of the pipe that it has ended.
func daemon(child *Child, scenario string) int {
	terminate := make(chan os.Signal, 1)
	if scenario == "deaf" {
		signal.Ignore(unix.SIGTERM)
	} else {
		signal.Notify(terminate, unix.SIGTERM)
	}
	goOn := make(chan os.Signal, 1)
	signal.Notify(goOn, unix.SIGUSR1)
	fmt.Println(os.Getpid())
	switch scenario {
	case "ready", "deleted":
		report, _ := json.Marshal(selfFacts())
		fmt.Println(string(report))
		if err := child.Ready(); err != nil {
			fmt.Println(err)
		}
		if child.Fail("too late") || child.Ready() == nil {
			fmt.Println("a second report was accepted")
		}
		<-terminate
		fmt.Println("drained")
		return 0
	case "fail":
		if !child.Fail("watch /data: no such directory; create it") {
			return 3
		}
		return 255
	case "fail0":
		child.Fail("the caller forgot the status")
		return 0
	case "long":
		child.Fail(strings.Repeat("x", 2*maxReport))
		return 4
	case "die":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	case "exit":
		return 7
	case "panic":
		var nothing []int
		return nothing[len(os.Args)] //nolint:govet // the panic is the purpose
	case "hang":
		<-terminate
		fmt.Println("drained")
		return 0
	case "deaf":
		select {}
	case "chatty":
		<-goOn
		if _, err := fmt.Println("nobody reads this"); errors.Is(err, unix.EPIPE) {
			return 42
		}
	case "orphan":
		<-goOn
		if err := child.Ready(); errors.Is(err, ErrNoParent) {
			fmt.Println("no parent")
		}
		return 0
	}
	return 9
}

func selfFacts() facts {
	f := facts{PID: os.Getpid(), Group: unix.Getpgrp(), Password: os.Getenv("RSYNC_PASSWORD")}
	f.Session, _ = unix.Getsid(0)
	f.Umask = unix.Umask(0)
	unix.Umask(f.Umask)
	comm, _ := os.ReadFile("/proc/self/comm")
	f.Comm = strings.TrimSpace(string(comm))
	cmdline, _ := os.ReadFile("/proc/self/cmdline")
	f.Cmdline = string(cmdline)
	f.Cwd, _ = os.Getwd()
	f.Stdin, _ = os.Readlink("/proc/self/fd/0")
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "SigIgn:"); ok {
			f.SigIgn = strings.TrimSpace(value)
		}
	}
	env, _ := exec.Command("env").Output()
	f.ChildEnv = string(env)
	fds, _ := exec.Command("ls", "-l", "/proc/self/fd").Output()
	f.ChildFDs = string(fds)
	return f
}

// program is a test program that was started; out is read from its standard output, which it shares
// with its daemon.
type program struct {
	cmd *exec.Cmd
	out *os.File
}

// start runs path (the test binary or a copy of it) with a scenario. A daemon that is still running
// when the test ends is killed.
func start(t *testing.T, path string, argv []string, attr *syscall.SysProcAttr) *program {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{out: r}
	errFile, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = &exec.Cmd{
		Path: path, Args: argv, Stdout: w, Stderr: errFile, SysProcAttr: attr, Dir: t.TempDir(),
		Env: append(os.Environ(), helperEnv+"=1", "RSYNC_PASSWORD=s3cret", "GORACE=atexit_sleep_ms=0"),
	}
	if err := errors.Join(p.cmd.Start(), w.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Close() // some tests have closed it already
		if err := errFile.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// errors returns what parent and daemon have written to standard error.
func (p *program) errors(t *testing.T) string {
	t.Helper()
	f, ok := p.cmd.Stderr.(*os.File)
	if !ok {
		t.Fatal("standard error is no file")
	}
	text, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
