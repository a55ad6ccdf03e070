package docs

import (
	"fmt"
	"io/fs"
	"maps"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

var (
	fenced = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	inline = regexp.MustCompile("`[^`\n]*`")
	link   = regexp.MustCompile(`!?\[[^\]]*\]\(([^)\s]+)\)`)
)

// TestLinks: each link inside of the project leads to a file, and to a heading of the file if it
// names one.
func TestLinks(t *testing.T) {
	checked := 0
	for _, page := range pages(t) {
		text := inline.ReplaceAllString(fenced.ReplaceAllString(read(t, page), ""), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			u, err := url.Parse(m[1])
			if err != nil || u.Scheme != "" {
				continue
			}
			checked++
			file := page
			if u.Path != "" {
				file = filepath.Join(filepath.Dir(page), u.Path)
			}
			if _, err := os.Stat(filepath.Join(testkit.Repository(), file)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", page, m[1])
				continue
			}
			if u.Fragment != "" && !slices.Contains(anchors(read(t, file)), u.Fragment) {
				t.Errorf("%s: %s has no heading for %s", page, file, m[1])
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d links found", checked)
	}
}

var heading = regexp.MustCompile(`(?m)^#+ (.*)$`)

// anchors are the fragments by which links reach the headings of a page.
func anchors(text string) []string {
	var list []string
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		name := strings.ToLower(strings.TrimSpace(m[1]))
		name = regexp.MustCompile(`[^\p{L}\p{N}\- _]`).ReplaceAllString(name, "")
		list = append(list, strings.ReplaceAll(name, " ", "-"))
	}
	return list
}

// TestSymptomsAreSaid: the headings of the troubleshooting page are texts that the program prints.
func TestSymptomsAreSaid(t *testing.T) {
	source := sources(t, "pkg")
	said := regexp.MustCompile("(?m)^### .*$")
	quoted := regexp.MustCompile("`([^`]+)`")
	headings := said.FindAllString(read(t, "docs/troubleshooting.md"), -1)
	if len(headings) < 25 {
		t.Fatalf("only %d symptoms", len(headings))
	}
	for _, h := range headings {
		texts := quoted.FindAllStringSubmatch(h, -1)
		if len(texts) == 0 {
			t.Errorf("%s: no text of the program", h)
		}
		for _, m := range texts {
			if m[1] == "At line L, column C" { // this line of 2.5.4 has numbers in it
				m[1] = "At line %d, column %d"
			}
			if !strings.Contains(source, m[1]) && !strings.Contains(source, strings.ReplaceAll(m[1], `"`, `\"`)) {
				t.Errorf("%s: the program never says %q", h, m[1])
			}
		}
	}
}

// sources is the text of all Go files below a directory, without the tests.
func sources(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(filepath.Join(testkit.Repository(), dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		b.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestGuidesNameTests: each test that the table names exists.
func TestGuidesNameTests(t *testing.T) {
	known := 0
	name := regexp.MustCompile("`(Test[A-Za-z0-9]+)(?:/([^`]+))?`")
	pkg := regexp.MustCompile("`((?:pkg|test)/[a-z/]+)`")
	for row := range strings.SplitSeq(read(t, "docs/guides.md"), "\n") {
		cells := strings.Split(row, "|")
		if len(cells) != 4 || !strings.Contains(cells[2], "Test") {
			continue
		}
		dirs := pkg.FindAllStringSubmatchIndex(cells[2], -1)
		for _, m := range name.FindAllStringSubmatchIndex(cells[2], -1) {
			dir := ""
			for _, d := range dirs {
				if d[0] < m[0] {
					dir = cells[2][d[2]:d[3]]
				}
			}
			test, sub := cells[2][m[2]:m[3]], ""
			if m[4] >= 0 {
				sub = cells[2][m[4]:m[5]]
			}
			if err := testExists(dir, test, sub); err != nil {
				t.Errorf("guides.md: %v", err)
			}
			known++
		}
	}
	if known < 50 {
		t.Errorf("only %d tests named", known)
	}
}

func testExists(dir, test, sub string) error {
	root := testkit.Repository()
	files, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no tests in %q", dir)
	}
	found := slices.ContainsFunc(files, func(file string) bool {
		b, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(b), "func "+test+"(")
	})
	switch {
	case !found:
		return fmt.Errorf("%s: no %s", dir, test)
	case sub == "":
		return nil
	case test == "TestCommands":
		_, err = os.Stat(filepath.Join(root, sub))
		return err
	}
	runs, err := filepath.Glob(filepath.Join(root, dir, "testdata", sub+"*"))
	if err != nil || len(runs) == 0 {
		return fmt.Errorf("%s: no run %s", dir, sub)
	}
	return nil
}

// TestImports compares the table of packages in docs/architecture.md with what the packages import.
func TestImports(t *testing.T) {
	const module = "github.com/sersync/sersync/pkg/"
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./pkg/...")
	cmd.Dir = testkit.Repository()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		var ours []string
		for _, w := range words[1:] {
			if name, ok := strings.CutPrefix(w, module); ok {
				ours = append(ours, name)
			}
		}
		slices.Sort(ours)
		have[strings.TrimPrefix(words[0], module)] = strings.Join(ours, ", ")
	}
	row := regexp.MustCompile("(?m)^\\| `([a-z0-9/]+)` \\|[^|]*\\| ([a-z0-9/, ]*)\\|$")
	said := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(read(t, "docs/architecture.md"), -1) {
		said[m[1]] = strings.TrimSpace(m[2])
	}
	delete(said, "cmd/sersync")
	for _, name := range slices.Sorted(maps.Keys(have)) {
		want, ok := said[name]
		delete(said, name)
		if !ok {
			t.Errorf("architecture.md does not name pkg/%s, which imports %s", name, have[name])
		} else if want != have[name] && want != "all below it" {
			t.Errorf("architecture.md: pkg/%s imports %s, not %s", name, have[name], want)
		}
	}
	for name := range said {
		t.Errorf("architecture.md names pkg/%s, which is not there", name)
	}
}

// TestNoHubInTheDropIn: sersync publishes to a NATS server, and does not contain one.
func TestNoHubInTheDropIn(t *testing.T) {
	const server, client = "github.com/nats-io/nats-server/", "github.com/nats-io/nats.go"
	linked := map[string]string{}
	for _, main := range []string{"sersync", "sersync-hub"} {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/"+main)
		cmd.Dir = testkit.Repository()
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		linked[main] = string(out)
	}
	if strings.Contains(linked["sersync"], server) {
		t.Error("cmd/sersync links the server")
	}
	// If one of these were not linked, the names above would be wrong.
	if !strings.Contains(linked["sersync"], client) || !strings.Contains(linked["sersync-hub"], server) {
		t.Error("cmd/sersync does not link the client, or cmd/sersync-hub the server")
	}
}

// TestDependencies: the table of modules in docs/architecture.md gives a reason for each module
// that the code imports.
func TestDependencies(t *testing.T) {
	text := read(t, "docs/architecture.md")
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", `{{range .Imports}}{{.}} {{end}}{{range .TestImports}}{{.}} {{end}}{{range .XTestImports}}{{.}} {{end}}`, "./...")
	cmd.Dir = testkit.Repository()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, path := range slices.Compact(slices.Sorted(slices.Values(strings.Fields(string(out))))) {
		if !strings.Contains(strings.SplitN(path, "/", 2)[0], ".") || strings.HasPrefix(path, "github.com/sersync/") {
			continue
		}
		seen++
		parts := strings.Split(path, "/")
		if !slices.ContainsFunc([]int{2, 3, 4}, func(n int) bool {
			return n <= len(parts) && strings.Contains(text, "| "+strings.Join(parts[:n], "/")+" |")
		}) {
			t.Errorf("architecture.md gives no reason for %s", path)
		}
	}
	if seen < 5 {
		t.Errorf("only %d modules found", seen)
	}
}

// TestUnits: the template unit differs from the unit only in the instance, and the documentation
// has the figures of systemd-analyze.
func TestUnits(t *testing.T) {
	one, many := read(t, "packaging/systemd/sersync.service"), read(t, "packaging/systemd/sersync@.service")
	same := strings.NewReplacer("/etc/sersync/%i.xml", "/etc/sersync/confxml.xml", "sersync %i,", "sersync,").Replace(many)
	if same != one {
		t.Error("sersync@.service is not sersync.service with %i")
	}
	for _, line := range []string{"Type=notify", "ExecReload=/bin/kill -HUP $MAINPID", "KillMode=mixed", "StateDirectory=sersync"} {
		if !strings.Contains(one, "\n"+line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if !regexp.MustCompile(`(?m)^WatchdogSec=\d+$`).MatchString(one) {
		t.Error("no watchdog")
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("no systemd-analyze here: the figures are not compared")
		return
	}
	figures := regexp.MustCompile(`\*\*(\d\.\d)\*\*`).FindAllStringSubmatch(read(t, "docs/service.md"), -1)
	if len(figures) != 2 {
		t.Fatalf("%d figures in service.md", len(figures))
	}
	for i, text := range []string{one, one + read(t, "packaging/systemd/dedicated-user.conf")} {
		want, _ := strconv.ParseFloat(figures[i][1], 64)
		if got := exposure(t, text); math.Abs(got-want) > 0.3 { // the figures of different versions differ a little
			t.Errorf("systemd-analyze says %.1f, service.md %.1f", got, want)
		}
	}
}

func exposure(t *testing.T, unit string) float64 {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sersync.service")
	write(t, file, unit)
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", file).CombinedOutput()
	if err != nil {
		t.Fatalf("systemd-analyze: %v\n%s", err, out)
	}
	m := regexp.MustCompile(`exposure level for \S+: (\d+\.\d)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("no figure in %s", out)
	}
	f, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestLimits: sysctl.d, the scripts of the packages and the documentation have the values that the
// program itself sets.
func TestLimits(t *testing.T) {
	code := read(t, "pkg/inotify/limits.go")
	for _, m := range regexp.MustCompile(`(?m)^fs\.inotify\.(\w+) = (\d+)$`).FindAllStringSubmatch(read(t, "packaging/sysctl.d/60-sersync.conf"), -1) {
		if !regexp.MustCompile(`"` + m[1] + `", ` + m[2] + `\b`).MatchString(code) {
			t.Errorf("the program does not set %s to %s", m[1], m[2])
		}
		for _, script := range []string{"postinst.deb", "postinst.rpm"} {
			if !strings.Contains(read(t, "packaging/scripts/"+script), "raise "+m[1]+" "+m[2]+"\n") {
				t.Errorf("%s does not raise %s to %s", script, m[1], m[2])
			}
		}
		if !strings.Contains(read(t, "docs/tuning.md"), "| `fs.inotify."+m[1]+"` | "+m[2]+" |") {
			t.Errorf("tuning.md does not say %s", m[0])
		}
	}
}
