package testkit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// descendants returns the processes below pid, children before their children.
func descendants(pid int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // the process has ended meanwhile
		}
		var child, parent int
		var state byte
		fmt.Sscanf(string(b), "%d", &child)
		fmt.Sscanf(string(b[bytes.LastIndexByte(b, ')')+1:]), " %c %d", &state, &parent)
		children[parent] = append(children[parent], child)
	}
	var out []int
	for queue := children[pid]; len(queue) > 0; queue = queue[1:] {
		out = append(out, queue[0])
		queue = append(queue, children[queue[0]]...)
	}
	return out
}

// hold stops a process and all processes below it, and returns them. A single list is not enough: a
// process that is forked after the list was made would get no signal. It could be a session that
// had just been accepted, and would outlive its server.
func hold(pid int) (all []int) {
	still := false
	Poll(2*time.Second, func() bool {
		now := append([]int{pid}, descendants(pid)...)
		// A process that was stopped before this list was made has forked nothing since.
		done := still && slices.Equal(now, all)
		all, still = now, true
		for _, p := range all {
			if !stopped(p) {
				syscall.Kill(p, syscall.SIGSTOP) // the process may have ended
				still = false
			}
		}
		return done
	})
	return all
}

// stopped tells whether a process cannot fork any more (proc(5), stat).
func stopped(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := bytes.Cut(b[bytes.LastIndexByte(b, ')'):], []byte(" "))
	return len(rest) > 0 && bytes.IndexByte([]byte("TtZX"), rest[0]) >= 0
}
