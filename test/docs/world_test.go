package docs

import (
	"bytes"
	"context"
	_ "embed" // the script below
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// world is what is done on the host before and after the blocks of a page are run.
type world struct {
	before string // a shell script for the source, run before the first block
	after  string // a shell script, run after the last block: it checks the result
	skip   bool   // the page is a translation: its blocks are those of another page
}

// target sets up an rsync daemon on 192.168.1.41 as the pages describe it, with the module www and
// the user web; installed is what a package installs.
const (
	installed = "install -d -m 755 /etc/sersync /run/sersync; install -d -m 700 /var/lib/sersync; install -d -m 750 /var/log/sersync\n" +
		"install -m 640 \"$REPO/examples/confxml.xml\" /etc/sersync/confxml.xml\n" +
		"install -m 755 \"$REPO/packaging/sysv/sersync\" /etc/init.d/sersync\n" +
		"install -D -m 644 \"$REPO/packaging/xsd/confxml.xsd\" /usr/share/xml/sersync/confxml.xsd\n"
	target = `mkdir -p /data/www /data/www-copy
echo first >/data/www/index.html
printf '%s\n' 'uid = root' 'gid = root' 'use chroot = yes' '[www]' 'path = /data/www-copy' 'read only = no' \
	'auth users = web' 'secrets file = /etc/rsyncd.secrets' >/etc/rsyncd.conf
install -m 600 /dev/null /etc/rsyncd.secrets && echo web:change-me >/etc/rsyncd.secrets
install -m 600 /dev/null /etc/sersync/web.pas && echo change-me >/etc/sersync/web.pas
rsync --daemon
` + listening + `sed -e 's#watch="/opt/tongbu"#watch="/data/www"#' -e 's#<remote ip="127.0.0.1" name="tongbu1"/>#<remote ip="192.168.1.41" name="www"/>#' \
	-e 's#<auth start="false" users="root" passwordfile="/etc/rsync.pas"/>#<auth start="true" users="web" passwordfile="/etc/sersync/web.pas"/>#' \
	"$REPO/examples/confxml.xml" >/etc/sersync/confxml.xml
`
	started = "sersync -d -r -o /etc/sersync/confxml.xml >/var/log/sersync/start.out 2>&1\n" +
		"sersync --wait=60 -o /etc/sersync/confxml.xml\n"
)

// worlds are the worlds by page. A page that is not listed needs nothing before it.
var worlds = map[string]world{
	"README.md":                     {before: installed, after: "test \"$(cat /data/www-copy/index.html)\" = hello"},
	"README.zh.md":                  {skip: true},
	"docs/configuration.zh.md":      {skip: true},
	"docs/migrate-from-2.5.4.zh.md": {skip: true},
	"docs/troubleshooting.zh.md":    {skip: true},
	"docs/containers.zh.md":         {skip: true},
	"docs/fleets.zh.md":             {skip: true},
	"docs/configuration.md":         {before: installed + target},
	"docs/first-hour.md": {
		before: installed,
		after: "diff -r /data/www /data/www-copy\n" +
			"grep '^lane problem' /var/log/sersync/told && grep '^lane over' /var/log/sersync/told && grep '^verify problem' /var/log/sersync/told",
	},
	"docs/first-hour.zh.md":      {skip: true},
	"docs/migrate-from-2.5.4.md": {before: installed + target},
	"docs/troubleshooting.md":    {before: installed + target + started},
	"docs/service.md":            {before: installed + target, after: "test -e /data/www-copy/only-root"},
	"docs/tuning.md":             {before: installed + target + started},
	"docs/security.md":           {before: installed + target + started},
	"docs/remote-side.md":        {before: installed + "mkdir -p /data/www\n"},
	"docs/api.md":                {before: installed + target + started},
	"docs/quiet-hours.md": {
		before: installed + target + `sed -i 's#<remote ip="192.168.1.41" name="www"/>#&<busy hours="08:00-20:00" days="mon-fri" large="2000"/>#' /etc/sersync/confxml.xml` + "\n",
		after:  "sersync --check -o /etc/sersync/confxml.xml | grep -E 'busy: *08:00-20:00 mon-fri [A-Z+0-9-]+: full syncs wait; files of 100 MiB and more are sent at no more than 2000 KiB per second'",
	},
	"docs/quiet-hours.zh.md": {skip: true},
	"docs/plugins.md":        {before: installed + target},
}

// stage builds the namespaces' file system and network and runs the page.
//
//go:embed testdata/stage.sh
var stage string

// limit is how long the blocks of a page may take.
const limit = 2 * time.Minute

// TestCommands runs the blocks of every page.
func TestCommands(t *testing.T) {
	if out, err := exec.CommandContext(t.Context(), "unshare", append(namespaces(), "true")...).CombinedOutput(); err != nil {
		t.Skipf("the commands write to /etc and start daemons, and here they cannot do so apart: %v\n%s", err, out)
	}
	// The README is among the first four pages.
	for _, page := range testkit.Few(pages(t), 4) {
		var list []block
		for _, b := range blocks(t, page) {
			if b.shell() && b.run() && !worlds[page].skip {
				list = append(list, b)
			}
		}
		if len(list) == 0 {
			continue
		}
		t.Run(page, func(t *testing.T) { runPage(t, list, worlds[page]) })
	}
}

// namespaces are the options that make the namespaces of a page. When the first process of the pid
// namespace ends, all others end, too.
func namespaces() []string {
	return []string{"--mount", "--net", "--pid", "--uts", "--fork", "--kill-child"}
}

// marker is printed before each block.
const marker = "@@@ block at "

func runPage(t *testing.T, list []block, w world) {
	dir := t.TempDir()
	scripts := filepath.Join(dir, "scripts")
	if err := os.Mkdir(scripts, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(scripts, "page"), pageScript(list, w))
	write(t, filepath.Join(dir, "stage"), stage)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	args := append(namespaces(), "sh", filepath.Join(dir, "stage"), dir, testkit.Repository(), testkit.Build(t))
	cmd := exec.CommandContext(ctx, "unshare", args...)
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		at := strings.LastIndex(out.String(), marker)
		where := "before the first block"
		if at >= 0 {
			where, _, _ = strings.Cut(out.String()[at+len(marker):], "\n")
		}
		t.Errorf("%s: %v\n%s", where, err, out.String())
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// listening waits until the daemon listens, because it detaches before that. A reader takes longer
// to get to the next block.
const listening = "until rsync rsync://192.168.1.41/ >/dev/null 2>&1; do sleep 0.05; done\n"

// pageScript makes one shell script of all blocks, so that each block has the working directory and
// the variables of the block before, as for a reader.
func pageScript(list []block, w world) string {
	var b strings.Builder
	b.WriteString("set -e\n" + w.before)
	for _, bl := range list {
		fmt.Fprintf(&b, "echo %q\n", marker+bl.String())
		status := bl.option("exit")
		if status == "" {
			b.WriteString(bl.text)
			if strings.Contains(bl.text, "rsync --daemon\n") {
				b.WriteString(listening)
			}
			continue
		}
		fmt.Fprintf(&b, "set +e; (\n%s); status=$?; set -e\n[ $status = %s ] || { echo \"status $status, not %s\"; exit 1; }\n", bl.text, status, status)
	}
	b.WriteString("echo '" + marker + "the end'\n" + w.after + "\n")
	return b.String()
}

// TestTranscript: the transcript of docs/first-hour.md belongs to the present page. test/packages
// makes it, which needs a Debian mirror.
func TestTranscript(t *testing.T) {
	rest := read(t, "docs/first-hour.txt")
	for _, b := range blocks(t, "docs/first-hour.md") {
		for line := range strings.Lines(b.text) {
			var ok bool
			if _, rest, ok = strings.Cut(rest, "\n$ "+line); !ok {
				t.Fatalf("%s: the transcript has no %q at its place; renew it: go test -tags packages -run TestFirstHour ./test/packages -update", b, line)
			}
			rest = "\n" + rest
		}
	}
	if !strings.HasSuffix(rest, "\n# everything held\n") {
		t.Errorf("the transcript does not come to its end: %q", rest)
	}
}

// TestWorldsArePages: each world belongs to a page, so that a page that is renamed does not lose
// its world.
func TestWorldsArePages(t *testing.T) {
	known := strings.Join(pages(t), "\n")
	for page := range worlds {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(page) + `$`).MatchString(known) {
			t.Errorf("there is no page %s", page)
		}
	}
}

func TestMain(m *testing.M) { testkit.Main(m) }
