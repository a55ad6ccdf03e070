package place

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
)

// When the system refuses to change something below an edge's directory, the error names the
// directory in which the edge may not write, or the file that belongs to somebody else.
func TestDenied(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: it acts as another user")
	}
	base := t.TempDir()
	testkit.OpenToAll(t, base)
	dir := base + "/tree"
	const nobody = 65534
	for name, mode := range map[string]os.FileMode{"": 0o755, "mine": 0o755, "open": 0o777, "shut": 0o755, "shut/in": 0o700, "closed": 0o700, "closed/in": 0o755} {
		if err := os.MkdirAll(dir+"/"+name, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir+"/"+name, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{dir, dir + "/mine"} {
		if err := os.Chown(name, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	said := map[string]string{}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the thread stays locked, and ends with the goroutine
		_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody)
		if errno != 0 {
			done <- errno
			return
		}
		for _, path := range []string{"", "a", "mine/a", "mine/none/a", "shut/a", "shut/in/a", "shut/none/none/a", "closed/in/a", "open", "open/a"} {
			if err := Denied(dir, path); err != nil {
				said[path] = err.Error()
			}
		}
		done <- nil
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	me, root := name(nobody), name(0)
	write := func(at, mode string) string {
		return "this edge runs as user " + me + ", which may not write to the directory " + at + " of mode " + mode + " (permission denied); chown " + me + " " + at + ","
	}
	want := map[string]string{
		"shut/a": write(dir+"/shut", "0755"), "shut/in/a": write(dir+"/shut/in", "0700"), "shut/none/none/a": write(dir+"/shut", "0755"),
		"closed/in/a": write(dir+"/closed", "0700"),
		"open":        "this edge runs as user " + me + ", and " + dir + "/open belongs to user " + root + "; chown " + me + " " + dir + "/open;",
	}
	for path, text := range said {
		if want[path] == "" {
			t.Errorf("%q: %s", path, text)
		}
	}
	for path, text := range want {
		if !strings.HasPrefix(said[path], text) {
			t.Errorf("%q: %q in the place of %q", path, said[path], text)
		}
	}
}
