package lock

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sersync/sersync/pkg/safefile"
)

// holderEnv makes the test binary a process that holds a lock: DIR|KEY.
const holderEnv = "LOCK_TEST_HOLDER"

func TestMain(m *testing.M) {
	if spec := os.Getenv(holderEnv); spec != "" {
		os.Exit(hold(spec))
	}
	goleak.VerifyTestMain(m)
}

// hold takes the lock, starts a child that outlives this process, prints the child's pid, and waits
// until its own input ends.
func hold(spec string) int {
	dir, key, _ := strings.Cut(spec, "|")
	l, err := Acquire(dir, key)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("held", child.Process.Pid)
	_, _ = os.Stdin.Read(make([]byte, 1))
	_ = l.Key()
	return 0
}

func TestSecondProcessNamesTheFirst(t *testing.T) {
	dir, key := t.TempDir(), "/data/a\n$(x) -> host::mod"
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), holderEnv+"="+dir+"|"+key)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	pidText, ok := strings.CutPrefix(strings.TrimSpace(line), "held ")
	if err != nil || !ok {
		t.Fatalf("holder said %q, %v", line, err)
	}
	childPID, err := strconv.Atoi(pidText)
	if err != nil {
		t.Fatal(err)
	}
	child, err := os.FindProcess(childPID)
	if err != nil {
		t.Fatal(err)
	}

	_, err = Acquire(dir, key)
	var held *HeldError
	if !errors.As(err, &held) || held.PID != cmd.Process.Pid || held.Key != key {
		t.Errorf("error %v, want HeldError of pid %d", err, cmd.Process.Pid)
	}
	if err == nil || !strings.Contains(err.Error(), strconv.Itoa(cmd.Process.Pid)) {
		t.Errorf("message %v does not name the pid", err)
	}
	other, err := Acquire(dir, "another lane")
	if err != nil {
		t.Errorf("other key: %v", err)
	} else if err := other.Release(); err != nil {
		t.Error(err)
	}

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	_ = in.Close()
	// The child of the killed holder is still alive, and must not hold the lock.
	l, err := Acquire(dir, key)
	if err != nil {
		t.Errorf("after the holder was killed: %v", err)
	} else if err := l.Release(); err != nil {
		t.Error(err)
	}
	if err := child.Kill(); err != nil {
		t.Errorf("child: %v; it was to outlive the holder", err)
	}
}

func TestAcquireReleaseAcquire(t *testing.T) {
	dir := t.TempDir()
	first, err := Acquire(dir, "k")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Acquire(dir, "k")
	var held *HeldError
	if !errors.As(err, &held) || held.PID != os.Getpid() {
		t.Errorf("same process: %v", err)
	}
	content, err := os.ReadFile(filepath.Join(dir, FileName("k")))
	if want := fmt.Sprintf("%d\n\"k\"\n", os.Getpid()); err != nil || string(content) != want {
		t.Errorf("content %q, %v; want %q", content, err, want)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	second, err := Acquire(dir, "k")
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Release(); err != nil {
		t.Error(err)
	}
}

func TestAcquireRefusesUntrusted(t *testing.T) {
	dir := t.TempDir()
	if _, err := Acquire(filepath.Join(dir, "missing"), "k"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	if err := os.Symlink(filepath.Join(dir, "victim"), filepath.Join(dir, FileName("k"))); err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(dir, "k"); !errors.Is(err, safefile.ErrUntrusted) {
		t.Errorf("symlink: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "victim")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the link was followed: %v", err)
	}
}

func TestHolderIn(t *testing.T) {
	const table = "1: POSIX  ADVISORY  WRITE 11 08:01:5678 0 EOF\n" +
		"2: FLOCK  ADVISORY  WRITE 22 08:01:5678 0 EOF\n" +
		"2: -> FLOCK  ADVISORY  WRITE 33 08:01:9999 0 EOF\n" +
		"3: FLOCK  ADVISORY  WRITE 0 08:01:7 0 EOF\n" +
		"garbage\n\n"
	for inode, want := range map[string]int{"08:01:5678": 22, "08:01:9999": 0, "08:01:7": 0, "08:01:567": 0} {
		if got := holderIn(table, inode); got != want {
			t.Errorf("holderIn(%s) = %d, want %d", inode, got, want)
		}
	}
}

func TestSignedHolder(t *testing.T) {
	for content, want := range map[string]int{"123\n\"k\"\n": 123, "": 0, "x\n": 0, "-4\n": 0, "99999999999999999999\n": 0} {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := signedHolder(f); got != want {
			t.Errorf("signedHolder(%q) = %d, want %d", content, got, want)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
