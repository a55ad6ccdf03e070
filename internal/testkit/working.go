package testkit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// Working reports whether a thread of the program, or of a process that it has started, is running
// now, or waits for a processor or a disk. On a busy machine a program that has left no trace for a
// while may still have all of its work before it.
func (s *Sersync) Working() bool { return working(s.Processes()) }

// Working reports the same about the daemon and its sessions.
func (r *RsyncDaemon) Working() bool {
	if r.cmd == nil {
		return false
	}
	pid := r.cmd.Process.Pid
	return working(append(descendants(pid), pid))
}

func working(pids []int) bool {
	for _, pid := range pids {
		stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		for _, file := range stats {
			stat, err := os.ReadFile(file)
			if err != nil {
				continue // the process has ended meanwhile
			}
			state := stat[bytes.LastIndexByte(stat, ')')+1:]
			if bytes.HasPrefix(state, []byte(" R")) || bytes.HasPrefix(state, []byte(" D")) {
				return true
			}
		}
	}
	return false
}
