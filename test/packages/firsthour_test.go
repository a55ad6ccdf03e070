//go:build packages

package packages

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// TestFirstHour follows docs/first-hour.md on a Debian that has nothing but its base. It runs every
// command of the page, including those that install. The output, with the time of each block, is
// docs/first-hour.txt.
func TestFirstHour(t *testing.T) {
	dist, empty := build(t), bare(t)
	page, err := os.ReadFile(filepath.Join(testkit.Repository(), "docs", "first-hour.md"))
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte(transcript(string(page))), 0o600); err != nil {
		t.Fatal(err)
	}
	stage, err := filepath.Abs("testdata/stage.sh")
	if err != nil {
		t.Fatal(err)
	}
	out := run(t, "unshare", "--mount", "--net", "--pid", "--uts", "--fork", "--kill-child",
		"sh", stage, t.TempDir(), empty, dist, script)
	out = progress.ReplaceAllString(strings.ReplaceAll(out, "\r\n", "\n"), "") // apt runs dpkg as if at a terminal
	held(t, out)
	if *update {
		if err := os.WriteFile(filepath.Join(testkit.Repository(), "docs", "first-hour.txt"), []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	part  = regexp.MustCompile("(?ms)^## (.*?)$|^```sh (.*?)$\n(.*?)^```$")
	exits = regexp.MustCompile(`\bexit=(\d+)`)
	// progress is text that dpkg overwrites with its next line.
	progress = regexp.MustCompile(`(?m)^.*\r`)
)

// transcript is a script that runs the page's blocks one after the other in one shell. It prints
// what is run and how long that took, and ends when a block ends differently from what the page
// says.
func transcript(page string) string {
	var b strings.Builder
	b.WriteString("set -e\ncd /packages\nnow() { date +%s%N; }\nbegan=$(now)\n" +
		"took() { awk \"BEGIN { printf \\\"# %.1f s\\\\n\\\", ($(now) - $1) / 1e9 }\"; }\n")
	for _, m := range part.FindAllStringSubmatch(page, -1) {
		heading, info, block := m[1], m[2], m[3]
		if heading != "" {
			fmt.Fprintf(&b, "printf '\\n# %%s\\n' '%s'\n", heading)
			continue
		}
		block = strings.ReplaceAll(block, "_amd64.deb", "_"+runtime.GOARCH+".deb")
		fmt.Fprintf(&b, "cat <<'SHOWN'\n$ %s\nSHOWN\nsince=$(now)\n", strings.ReplaceAll(strings.TrimSuffix(block, "\n"), "\n", "\n$ "))
		if status := exits.FindStringSubmatch(info); status != nil {
			fmt.Fprintf(&b, "set +e; (\n%s); status=$?; set -e\n[ $status = %s ]\necho \"# status $status\"\n", block, status[1])
		} else {
			b.WriteString(block)
		}
		b.WriteString("took $since\n")
	}
	b.WriteString("diff -r /data/www /data/www-copy\nprintf '\\n# all of it: '; took $began | cut -c3-\nprintf '\\n# everything held\\n'\n")
	return b.String()
}

// bareRoot is the directory of the empty Debian.
var bareRoot string

// bare returns the directory of a Debian with nothing but its base. The packages that the page
// installs from Debian are in its cache, because the test has a network of its own.
func bare(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("SERSYNC_BARE_DEBIAN_ROOT"); dir != "" {
		return dir
	}
	dir, err := os.MkdirTemp("", "sersync-bare")
	if err != nil {
		t.Fatal(err)
	}
	bareRoot = dir
	run(t, "debootstrap", "--variant=minbase", "bookworm", dir, "http://deb.debian.org/debian")
	for _, file := range []string{"/etc/resolv.conf", "/etc/hosts"} {
		run(t, "cp", "--dereference", file, filepath.Join(dir, file))
	}
	for _, args := range [][]string{{"update"}, {"install", "-y", "--download-only", "rsync"}} {
		cmd := exec.CommandContext(t.Context(), "chroot", append([]string{dir, "apt-get", "-q"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
	}
	return dir
}
