package app

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/instance"
)

// started starts a child with this standard error and returns its pid.
func started(t *testing.T, stderr *os.File, env ...string) int {
	t.Helper()
	cmd := exec.Command("cat") // waits for its input
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr, cmd.Env = stderr, env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	return cmd.Process.Pid
}

// TestWhereTheLogIs finds out where the standard error of a process goes.
func TestWhereTheLogIs(t *testing.T) {
	create := func() *os.File {
		t.Helper()
		f, err := os.Create(filepath.Join(t.TempDir(), "log"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	kept, removed := create(), create()
	_, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[1])
	socket := os.NewFile(uintptr(pair[0]), "socket")
	defer socket.Close()

	of := map[string]int{
		"kept": started(t, kept), "removed": started(t, removed), "pipe": started(t, pipe),
		"journal": started(t, socket, "JOURNAL_STREAM=1:2"), "another socket": started(t, socket, "NO_JOURNAL_STREAM=1:2"),
	}
	if err := os.Remove(removed.Name()); err != nil {
		t.Fatal(err)
	}
	for name, wants := range map[string]func(logPlace) bool{
		"kept":           func(p logPlace) bool { return p.file == kept.Name() },
		"removed":        func(p logPlace) bool { return p.file == fmt.Sprintf("/proc/%d/fd/2", of["removed"]) },
		"pipe":           func(p logPlace) bool { return strings.HasPrefix(p.where, "pipe:") && p.file == "" },
		"journal":        func(p logPlace) bool { return p.command == fmt.Sprintf("journalctl _PID=%d", of["journal"]) },
		"another socket": func(p logPlace) bool { return strings.HasPrefix(p.where, "socket:") && p.command == "" },
	} {
		if place, err := standardError(of[name]); err != nil || !wants(place) {
			t.Errorf("%s: %+v, %v", name, place, err)
		}
	}
	if place, err := standardError(1 << 30); err == nil {
		t.Errorf("no process: %+v", place)
	}
}

// TestLeftLog: the output of a daemon is found after the daemon has ended.
func TestLeftLog(t *testing.T) {
	conf, opts := confxml.Config{State: confxml.State{Dir: t.TempDir()}}, cli.Options{Config: "/c.xml", Module: "socket"}
	if left := leftLog(conf, opts); left != "" {
		t.Errorf("no daemon has run: %s", left)
	}
	path := instance.Output(conf.State.Dir, opts.Config, opts.Module)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if left := leftLog(conf, opts); left != path {
		t.Errorf("%s, want %s", left, path)
	}
}

func TestHarmless(t *testing.T) {
	for line, want := range map[string]string{
		"a\tline of 日志": "a\tline of 日志", "\x1b[2J": `\x1b`, "\u009b2J": "u009b", "bell\a": `\x07`,
	} {
		if got := harmless(line); !strings.Contains(got, want) || strings.ContainsAny(got, "\x1b\a\u009b") {
			t.Errorf("%q is shown as %q", line, got)
		}
	}
}
