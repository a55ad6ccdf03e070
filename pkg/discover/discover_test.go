package discover

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sersync/sersync/pkg/unixsock"
)

// listenEnv makes the test binary a process that listens on the socket that the variable names.
const listenEnv = "DISCOVER_TEST_LISTEN"

func TestMain(m *testing.M) {
	if path := os.Getenv(listenEnv); path != "" {
		l, err := unixsock.Listen(context.Background(), net.ListenConfig{}, path)
		if err != nil {
			panic(err)
		}
		defer l.Close()
		os.Stdout.WriteString("up\n")
		bufio.NewReader(os.Stdin).ReadString('\n') // the process runs until the test ends
		return
	}
	goleak.VerifyTestMain(m)
}

// process starts a program of this name that listens on path.
func process(t *testing.T, name, path string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{name}
	cmd.Env = append(os.Environ(), listenEnv+"="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "up\n" {
		t.Fatalf("%q, %v", line, err)
	}
}

// TestSockets: a program is found once, by its name, wherever its socket is, even if the path has
// spaces or is longer than an address. Other programs are not asked.
func TestSockets(t *testing.T) {
	base := t.TempDir()
	state := filepath.Join(base, "state[1]")
	deep := filepath.Join(base, strings.Repeat("d", 100))
	for _, dir := range []string{state, deep} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	inState := filepath.Join(state, "status-0123456789ab.sock")
	process(t, "sersync2", inState)
	process(t, "/usr/bin/sersync", filepath.Join(base, "my own.sock"))
	process(t, "./sersync2", filepath.Join(deep, "status-2.sock"))
	process(t, "another", filepath.Join(base, "another.sock"))
	if err := os.WriteFile(filepath.Join(state, "status-no.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	found := Sockets("/proc", []string{filepath.Join(base, "none"), state})
	if i := slices.Index(found, inState); i < 0 || slices.Contains(found[i+1:], inState) {
		t.Errorf("the socket in the state directory is not there once: %q", found)
	}
	for _, want := range []string{"my own.sock", "/status-2.sock"} {
		if n := count(found, base, want); n != 1 {
			t.Errorf("%s is found %d times: %q", want, n, found)
		}
	}
	if count(found, base, "another.sock") > 0 || count(found, base, "status-no.sock") > 0 {
		t.Errorf("sockets of other programs are found: %q", found)
	}
}

// count counts the paths that have this end and lead below base.
func count(paths []string, base, end string) (n int) {
	for _, p := range paths {
		dir, err := filepath.EvalSymlinks(filepath.Dir(p))
		if err == nil && strings.HasPrefix(dir, base) && strings.HasSuffix(p, end) {
			n++
		}
	}
	return n
}
