package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// BinaryEnv is the environment variable that names a binary to be tested, such as an installed
// package or another build. Without it the tests build one.
const BinaryEnv = "SERSYNC_TEST_BINARY"

// built are the binaries of this test process: that of Build, which its first call makes, and that
// of BuildPlain.
var built, plain struct {
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
	built.once.Do(func() { built.dir, built.path, built.err = compile(raceEnabled) })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// BuildPlain is Build without the race detector, for measurements.
func BuildPlain(t testing.TB) string {
	t.Helper()
	if os.Getenv(BinaryEnv) != "" || !raceEnabled {
		return Build(t)
	}
	plain.once.Do(func() { plain.dir, plain.path, plain.err = compile(false) })
	if plain.err != nil {
		t.Fatal(plain.err)
	}
	return plain.path
}

// others are the binaries of Program, by name.
var others struct {
	mu    sync.Mutex
	dirs  []string
	paths map[string]string
}

// Program returns the path of another binary of this repository, such as sersync-hub. It
// is compiled once per test process, as Build does.
func Program(t testing.TB, name string) string {
	t.Helper()
	others.mu.Lock()
	defer others.mu.Unlock()
	if path := others.paths[name]; path != "" {
		return path
	}
	dir, path, err := compileProgram(name, raceEnabled)
	others.dirs = append(others.dirs, dir)
	if err != nil {
		t.Fatal(err)
	}
	if others.paths == nil {
		others.paths = map[string]string{}
	}
	others.paths[name] = path
	return path
}

func compile(race bool) (dir, path string, err error) { return compileProgram("sersync", race) }

func compileProgram(name string, race bool) (dir, path string, err error) {
	if dir, err = os.MkdirTemp("", "sersync-bin"); err != nil {
		return "", "", err
	}
	if err = os.Chmod(dir, 0o755); err != nil { // some tests run the program as another user
		return dir, "", err
	}
	path = filepath.Join(dir, name)
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", path}
	if race {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "./cmd/"+name)...)
	cmd.Dir = Repository()
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, "", fmt.Errorf("go build ./cmd/%s: %w\n%s", name, err, out)
	}
	return dir, path, nil
}

// Main runs the end-to-end tests of a package: it removes the binary that Build has made, and fails
// the run when a goroutine is left. Use it as TestMain.
func Main(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		for _, dir := range append(others.dirs, built.dir, plain.dir) {
			if dir != "" {
				os.RemoveAll(dir)
			}
		}
		os.Exit(code)
	}))
}

// Repository returns the root of the source tree: the nearest directory with a go.mod, from the
// directory of the package, in which go test starts a test, upward.
func Repository() string { return repository() }

var repository = sync.OnceValue(func() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			panic("no go.mod above the working directory of the test")
		}
		dir = up
	}
})
