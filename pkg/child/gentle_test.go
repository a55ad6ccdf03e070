package child

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A gentle child, and every process that it starts, has the lowest priority for processor and disk.
func TestAGentleChildHasTheLowestPriority(t *testing.T) {
	l := launcher(t)
	prio, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	must(t, err)
	own := 20 - prio // the kernel returns 20 minus the priority
	for gentle, want := range map[bool]string{true: "19 idle", false: fmt.Sprintf("%d none: prio 0", own)} {
		c := sh(`sleep 0.2; (set -- $(cat /proc/self/stat); shift 18; echo "$1 $(ionice -p $$)")`)
		c.Gentle = gentle
		var out []string
		c.Line = func(b []byte) { out = append(out, string(b)) }
		c.Stdin = []byte{}
		p, err := l.Start(t.Context(), c)
		must(t, err)
		if e := p.Wait(); e.Exit != 0 || strings.Join(out, "\n") != want {
			t.Errorf("gentle %v: %q, want %q (%d %s)", gentle, out, want, e.Exit, e.Stderr)
		}
	}
}
