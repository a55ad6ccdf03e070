package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// BinaryEnv names an environment variable with the path of a binary to test
// instead of building one: an installed package, or another build.
const BinaryEnv = "SERSYNC_TEST_BINARY"

// built is the binary of this test process, made by the first Build.
var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// Build returns the path of the binary under test. It is compiled once per
// test process, with the race detector when the test itself runs with it, or
// taken from BinaryEnv.
func Build(t testing.TB) string {
	t.Helper()
	if path := os.Getenv(BinaryEnv); path != "" {
		return path
	}
	built.once.Do(compile)
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

func compile() {
	built.dir, built.err = os.MkdirTemp("", "sersync-bin")
	if built.err != nil {
		return
	}
	if built.err = os.Chmod(built.dir, 0o755); built.err != nil { // some tests run it as another user
		return
	}
	built.path = filepath.Join(built.dir, "sersync")
	args := []string{"build", "-o", built.path}
	if raceEnabled {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "./cmd/sersync")...)
	cmd.Dir = Repository()
	if out, err := cmd.CombinedOutput(); err != nil {
		built.err = fmt.Errorf("go build ./cmd/sersync: %w\n%s", err, out)
	}
}

// Main runs a package's end-to-end tests: it removes the binary that Build
// made and fails the run when a goroutine is left over. Use it as TestMain.
func Main(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if built.dir != "" {
			os.RemoveAll(built.dir)
		}
		os.Exit(code)
	}))
}

// Repository returns the root of the source tree.
func Repository() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}
