package rsync

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// helperEnv makes the test binary a parent that is to be killed.
const helperEnv = "RSYNC_TEST_PARENT"

// listEnv is the length of that parent's list for its child; 0: none.
const listEnv = "RSYNC_TEST_LIST"

func TestMain(m *testing.M) {
	if script := os.Getenv(helperEnv); script != "" {
		parent(script)
	}
	goleak.VerifyTestMain(m)
}

// parent starts a child that would never end, says its pid, and hangs.
func parent(script string) {
	l := NewLauncher([]string{"PATH=/usr/bin:/bin"}, nil)
	go l.Run(context.Background())
	c := Command{Program: "/bin/sh", Args: []string{"-c", script}, Dir: ".", Enclosed: true}
	if n, _ := strconv.Atoi(os.Getenv(listEnv)); n > 0 {
		c.Stdin = make([]byte, n)
	}
	p, err := l.Start(context.Background(), c)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.Pid())
	p.Wait()
	os.Exit(0)
}

// launcher runs a launcher for the test.
func launcher(t *testing.T, env ...string) *Launcher {
	t.Helper()
	return serve(t, NewLauncher(append([]string{"PATH=" + os.Getenv("PATH")}, env...), nil))
}

func serve(t *testing.T, l *Launcher) *Launcher {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l
}

// ran is one ended child.
type ran struct {
	Ended
	lines   []string
	skipped []string
	result  Result
}

// run runs the real rsync for r in dir.
func run(t *testing.T, dir string, r Run, list []string) ran {
	t.Helper()
	var out ran
	p, err := launcher(t).Start(t.Context(), Command{
		Program: "rsync", Args: r.Args(), Dir: dir, Env: []string{"TZ=UTC"}, Inactivity: 20 * time.Second,
		Line: func(b []byte) {
			out.lines = append(out.lines, string(b))
			if path, ok := Skipped(b); ok {
				out.skipped = append(out.skipped, path)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Feed(r.List(list))
	out.Ended = p.Wait()
	out.result = Classify(r.Kind, r.Target, dir, out.Ended, out.skipped)
	return out
}

func params(t testing.TB, text string) Params {
	t.Helper()
	p, err := ParseParams(text, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rsyncHere runs rsync by itself, as an oracle.
func rsyncHere(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("rsync", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("rsync %q: %v\n%s", args, err, out)
	}
	return string(out)
}
