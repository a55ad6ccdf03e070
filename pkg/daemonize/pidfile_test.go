package daemonize

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/safefile"
)

func TestPIDFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sersync.pid")
	p, err := WritePIDFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := strconv.Itoa(os.Getpid()) + "\n"
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("content %q, %v; want %q", got, err, want)
	}
	if err := p.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
	if err := p.Remove(); err != nil {
		t.Errorf("removed already: %v", err)
	}
}

func TestPIDFileReplacesStale(t *testing.T) {
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	other := exec.Command("sleep", "1000") // a process that runs and is not this program
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	binary, err := os.Executable() // a copy of this binary has the program's name
	if err != nil {
		t.Fatal(err)
	}
	zombie := exec.Command(binary)
	zombie.Env = append(os.Environ(), helperEnv+"=1", marker+"=x") // the process ends at once
	if err := zombie.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = zombie.Wait() })
	// Wait until the process has ended, but do not reap it.
	if err := unix.Waitid(unix.P_PID, zombie.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}

	for name, content := range map[string]string{
		"dead":    strconv.Itoa(dead.Process.Pid),
		"zombie":  strconv.Itoa(zombie.Process.Pid),
		"other":   strconv.Itoa(other.Process.Pid) + "\n",
		"ours":    strconv.Itoa(os.Getpid()),
		"empty":   "",
		"garbage": "no pid\x00",
		"zero":    "0",
		"group":   "-1",
		"long":    strings.Repeat("1", 1000),
	} {
		path := filepath.Join(t.TempDir(), "pid")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := WritePIDFile(path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPIDFileOfRunningInstance(t *testing.T) {
	running := start(t, self, []string{"sersync", "hang"}, nil)
	path := filepath.Join(t.TempDir(), "pid")
	content := strconv.Itoa(running.cmd.Process.Pid) + "\n"
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := WritePIDFile(path)
	if err == nil || !strings.Contains(err.Error(), strings.TrimSpace(content)) {
		t.Errorf("error %v does not name process %s", err, content)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != content {
		t.Errorf("the file became %q, %v", got, err)
	}
	if err := running.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := exitCode(running.cmd.Wait()); code == 0 {
		t.Error("an interrupted start reported success")
	}
}

func TestPIDFileOfAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid")
	p, err := WritePIDFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := p.Remove(); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "1\n" {
		t.Errorf("content %q, %v; it is another process's file", got, err)
	}
}

func TestPIDFileRefusesLink(t *testing.T) {
	dir := t.TempDir()
	victim, link := filepath.Join(dir, "victim"), filepath.Join(dir, "pid")
	if err := errors.Join(os.WriteFile(victim, []byte("precious"), 0o600), os.Symlink(victim, link)); err != nil {
		t.Fatal(err)
	}
	if _, err := WritePIDFile(link); !errors.Is(err, safefile.ErrUntrusted) {
		t.Errorf("error %v", err)
	}
	if got, err := os.ReadFile(victim); err != nil || string(got) != "precious" {
		t.Errorf("victim %q, %v", got, err)
	}
}
