package executor

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// TestMain fails when a goroutine is left, and when a test has started a process: tests with a real
// rsync belong in test/lanes.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		var children unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_CHILDREN, &children); err != nil || children.Maxrss > 0 {
			fmt.Fprintln(os.Stderr, "a test of this package has started a process", err)
			code = max(code, 1)
		}
		os.Exit(code)
	}))
}

// patient is how much time on the fake clock a test lets pass before it fails.
const patient = 2 * time.Minute

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
