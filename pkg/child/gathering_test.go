package child

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Lines may come one by one, in bursts, or faster than they are read: each line arrives once and in
// order, and the last one as soon as the child has ended.
func TestEachLineOfALongOutputArrives(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		lines  int
	}{
		"one by one":       {"i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done", 20_000},
		"more than a pipe": {"i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); done; seq -f 'line %.0f' 40 200000", 200_001},
		"after silence":    {"i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); sleep 0.01; done; sleep 0.5; echo line 40", 41},
		"without an end":   {"i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); sleep 0.01; done; printf 'line 40'", 40},
	} {
		t.Run(name, func(t *testing.T) {
			cmd, lines, wrong := sh(c.script), 0, ""
			cmd.Line = func(b []byte) {
				if want := fmt.Appendf(nil, "line %d", lines); !bytes.Equal(b, want) && wrong == "" && lines < c.lines {
					wrong = fmt.Sprintf("line %d is %q", lines, b)
				}
				lines++
			}
			p, err := launcher(t).Start(t.Context(), cmd)
			must(t, err)
			p.Feed(nil)
			if e := p.Wait(); e.Exit != 0 || lines < c.lines || wrong != "" {
				t.Errorf("%d of %d lines, exit %d; %s", lines, c.lines, e.Exit, wrong)
			}
		})
	}
}

// A process that the child has left behind holds the pipe open after the child has ended.
func TestALongOutputWithAnEscapedGrandchild(t *testing.T) {
	lines := 0
	pid := make(chan int, 1)
	c := sh("setsid sleep 1000 & echo $!; i=0; while [ $i -lt 100 ]; do echo $i; i=$((i+1)); sleep 0.002; done; exit 3")
	c.Line = func(b []byte) {
		if lines++; lines == 1 {
			var n int
			_, _ = fmt.Sscan(string(b), &n)
			pid <- n
		}
	}
	p, err := launcher(t).Start(t.Context(), c)
	must(t, err)
	p.Feed(nil)
	begun := time.Now()
	e := p.Wait()
	_ = syscall.Kill(<-pid, syscall.SIGKILL)
	if e.Exit != 3 || lines != 101 || time.Since(begun) > outputWait+5*time.Second {
		t.Errorf("%d lines, exit %d after %v", lines, e.Exit, time.Since(begun))
	}
}

// The reader that looks at a child's output from time to time has closed its descriptor when the
// child has ended.
func TestALongOutputLeavesNoDescriptor(t *testing.T) {
	for range 40 {
		c := sh("i=0; while [ $i -lt 500 ]; do echo $i; i=$((i+1)); done")
		c.Line = func([]byte) {}
		p, err := launcher(t).Start(t.Context(), c)
		must(t, err)
		p.Feed(nil)
		p.Wait()
	}
	left, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	pipes := 0
	for _, e := range left {
		if to, _ := os.Readlink("/proc/self/fd/" + e.Name()); strings.HasPrefix(to, "pipe:") {
			pipes++
		}
	}
	if pipes > 20 {
		t.Errorf("%d pipes are open", pipes)
	}
}

// The reader finds no free descriptor for itself: each line arrives all the same.
func TestALongOutputWithoutAFreeDescriptor(t *testing.T) {
	var before unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &before))
	lines := 0
	c := sh("sleep 0.3; i=0; while [ $i -lt 200 ]; do echo $i; i=$((i+1)); sleep 0.002; done; exit 3")
	c.Line = func(b []byte) {
		if string(b) != fmt.Sprint(lines) {
			t.Errorf("line %d is %q", lines, b)
		}
		lines++
	}
	p, err := launcher(t).Start(t.Context(), c)
	must(t, err)
	p.Feed(nil)
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: before.Max}))
	defer func() { must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &before)) }()
	e := p.Wait()
	if e.Exit != 3 || lines != 200 {
		t.Errorf("%d lines, %+v", lines, e)
	}
}
