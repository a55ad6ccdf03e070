package convergence

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// journal remembers all operations of a seed, so that a failure can show the operations near the
// path that differs.
type journal struct {
	start time.Time

	mu      sync.Mutex // guards the fields below
	lines   []line
	written int64 // bytes of content
}

type line struct {
	at    time.Duration
	who   string
	what  string
	paths []string
	err   error
}

func newJournal() *journal { return &journal{start: time.Now()} }

func (j *journal) add(who, what string, err error, paths ...string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line{time.Since(j.start), who, what, paths, err})
}

// shown is how many operations near a path are printed.
const shown = 40

// near returns the last operations on a path, on the directories above it, and on names that were
// moved there, with the faults between these operations.
func (j *journal) near(path string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []string
	for _, l := range j.lines {
		if l.err == nil && (l.who == "fault" || touches(l.paths, path)) {
			out = append(out, fmt.Sprintf("  %9.3fs %-5s %s", l.at.Seconds(), l.who, l.what))
		}
	}
	if len(out) > shown {
		out = out[len(out)-shown:]
	}
	return strings.Join(out, "\n")
}

func touches(paths []string, path string) bool {
	for _, p := range paths {
		if p == path || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

func (j *journal) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.lines)
}

func (j *journal) wrote(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.written += int64(n)
}

func (j *journal) bytes() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.written
}
