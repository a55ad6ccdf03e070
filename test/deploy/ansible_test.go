package deploy

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestAnsible runs the role against this host, in namespaces with an overlay over its files. The
// first run installs and starts the program, and a second run changes nothing. The running program
// applies a changed variable. A variable under which a remote cannot be reached changes nothing.
func TestAnsible(t *testing.T) {
	dir := t.TempDir()
	packages := filepath.Join(dir, "scripts", "packages")
	build := exec.Command("go", "run", ".", "-out", packages, "-version", "3.0.0", "-arch", runtime.GOARCH)
	build.Dir = filepath.Join(top, "packaging/build")
	output(t, build)
	script, err := filepath.Abs("testdata/ansible.sh")
	must(t, err)
	write(t, filepath.Join(dir, "scripts", "page"), read(t, script))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "--net", "--pid", "--uts", "--fork", "--kill-child",
		"sh", filepath.Join(top, "test/docs/testdata/stage.sh"), dir, top, "/bin/true")
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil || !strings.HasSuffix(out.String(), "\neverything held\n") {
		t.Errorf("%v\n%s", err, out.String())
	}
}
