package edges

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// TestRunEdges runs make run-edges: a file that is written arrives on all five edges and is shown,
// and so is a deletion. Ctrl-C leaves no process and no file.
func TestRunEdges(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	if err := os.Chmod(temp, 0o755); err != nil {
		t.Fatal(err)
	}
	testkit.OpenToAll(t, temp)
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(testkit.Repository() + "/scripts/run-edges.sh")
	cmd.Env = append(os.Environ(), "SERSYNC_TEST_BINARY="+testkit.Build(t), "SERSYNC_HUB_BINARY="+testkit.Program(t, "sersync-hub"),
		"SERSYNC_EDGE_BINARY="+testkit.Program(t, "sersync-edge"), "TMPDIR="+temp)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	defer stop()
	said := func() string {
		text, _ := os.ReadFile(out.Name())
		return string(text)
	}
	defer func() {
		if t.Failed() {
			t.Log(said())
		}
	}()
	shows := func(line string) {
		t.Helper()
		testkit.Eventually(t, patience, "it shows on all five: "+line, func() bool {
			for _, edge := range []string{"edge-1", "edge-2", "edge-3", "edge-4", "edge-5"} {
				if !strings.Contains(said(), strings.Replace(line, "EDGE", edge, 1)+"\n") {
					return false
				}
			}
			return true
		})
	}
	at := regexp.MustCompile(`(?m)^  source  (\S+)$`)
	testkit.Eventually(t, patience, "it says where the source is", func() bool { return at.MatchString(said()) })
	source := at.FindStringSubmatch(said())[1]
	page := regexp.MustCompile(`(?m)^  page    (\S+)$`).FindStringSubmatch(said())[1]
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(source, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// The source's first full sync makes all edges compare; a file after that arrives by a message.
	testkit.Eventually(t, patience, "the page answers", func() bool {
		r, err := http.Get(page)
		if err == nil {
			r.Body.Close()
		}
		return err == nil
	})
	write("new.txt", "hello")
	write("large", strings.Repeat("x", 300_000))
	shows("  arrived  EDGE  new.txt")
	shows("  arrived  EDGE  large")
	if err := os.Remove(filepath.Join(source, "new.txt")); err != nil {
		t.Fatal(err)
	}
	shows("  deleted  EDGE  new.txt")
	stop()
	testkit.Eventually(t, patience, "it ends", func() bool { return len(ended) == 1 })
	left, err := filepath.Glob(temp + "/sersync-edges.*")
	if err != nil || len(left) != 0 {
		t.Errorf("left: %q, %v", left, err)
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range lines {
		if line, err := os.ReadFile(file); err == nil && strings.Contains(string(line), filepath.Dir(source)) {
			t.Errorf("still running: %q", line)
		}
	}
}
