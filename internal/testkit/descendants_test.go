package testkit

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestHoldMissesNoChild: a server starts children all the time, in sessions of their own, and none
// of them is left.
func TestHoldMissesNoChild(t *testing.T) {
	mark := "HOLD=" + t.TempDir()
	cmd := exec.Command("sh", "-c", `while :; do setsid sleep 60 & sleep 0.001; done`)
	cmd.Env = append(os.Environ(), mark)
	must(t, cmd.Start())
	Eventually(t, 20*time.Second, "it has children", func() bool { return len(descendants(cmd.Process.Pid)) > 5 })
	for _, pid := range hold(cmd.Process.Pid) {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	cmd.Wait() // the process was killed
	left := func() (pids []string) {
		files, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, f := range files {
			if b, err := os.ReadFile(f); err == nil && bytes.Contains(b, []byte(mark)) {
				pids = append(pids, f)
			}
		}
		return pids
	}
	if !Poll(20*time.Second, func() bool { return len(left()) == 0 }) {
		t.Errorf("left over: %v", left())
	}
}
