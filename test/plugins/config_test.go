package plugins

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// run starts the program, which has to end by itself, and returns its exit status and its output.
func (s *scene) run(args ...string) (int, string) {
	s.t.Helper()
	file := filepath.Join(s.base, "confxml.xml")
	s.must(os.WriteFile(file, []byte(testkit.WithState(s.config(), s.base+"/state")), 0o600))
	app := testkit.Start(s.t, testkit.Options{File: file, Dir: s.base, Args: append([]string{"-o", file}, args...), NoWait: true})
	status := app.Wait(limit)
	return status, app.Stdout() + app.Stderr()
}

// lineOf is the first line of the configuration that contains the text.
func (s *scene) lineOf(text string) string {
	s.t.Helper()
	config := testkit.WithState(s.config(), s.base+"/state")
	before, _, ok := strings.Cut(config, text)
	if !ok {
		s.t.Fatalf("no %q in the configuration", text)
	}
	return filepath.Join(s.base, "confxml.xml") + ":" + itoa(strings.Count(before, "\n")+1) + ": "
}

func itoa(n int) string {
	digits := ""
	for ; n > 0; n /= 10 {
		digits = string(rune('0'+n%10)) + digits
	}
	return digits
}

// TestBadInput: each mistake ends the start, with a sync and with a plugin alone, and makes --check
// fail. The message has the file, the line and what is wrong.
func TestBadInput(t *testing.T) {
	local := "<localpath watch=\"/\">\n"
	cdn := `<cdninfo domainname="127.0.0.1" port="80" username="u" passwd="p"/><sendurl base="http://b"/>`
	tests := []struct{ name, plugin, element, at, want string }{
		{"no element", "socket", "", `<plugin start="true"`, "there is no <plugin name=\"socket\">"},
		{"socket without ip", "socket", local + `<deshost port="8009"/></localpath>`, "", "deshost@ip: missing or empty"},
		{"socket without port", "socket", local + `<deshost ip="127.0.0.1"/></localpath>`, "", "deshost@port: missing or empty"},
		{"socket with a bad port", "socket", local + `<deshost ip="127.0.0.1" port="99999"/></localpath>`, "<deshost", `"99999" is not a port`},
		{"http without url", "http", local + `<deshost port="80"/></localpath>`, "", "deshost@url: missing or empty"},
		{"http with a bad url", "http", local + `<deshost url="ftp://x/" port="80"/></localpath>`, "<deshost", "deshost@url: is not a url"},
		{"http with a bad port", "http", local + `<deshost url="http://x/" port="http"/></localpath>`, "<deshost", `"http" is not a port`},
		{"command without prefix", "command", `<param suffix="x"/>`, "", "param@prefix: missing or empty"},
		{"command with a shell line", "command", `<param prefix="/x.sh | cat"/>`, "<param", `param@prefix: "/x.sh | cat"`},
		{"command with a bad expression", "command", "<param prefix=\"/x.sh\"/>\n<filter start=\"true\">\n<include expression=\"*.php\"/></filter>", "<include", "is not a regular expression"},
		{"refreshCDN without password", "refreshCDN", local + strings.Replace(cdn, `passwd="p"`, `passwd=""`, 1) + "</localpath>", "<cdninfo", "cdninfo@passwd: missing or empty"},
		{"refreshCDN with a bad expression", "refreshCDN", local + cdn + "\n<regexurl regex=\"true\" match=\"*x\"/></localpath>", "<regexurl", `"*x" is not a regular expression`},
		{"unknown plugin", "sockets", "", `<plugin start="true"`, "is not known; write one of: command, http, refreshCDN, socket"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, 0)
			s.set.Remotes = []string{testkit.At(testkit.FreePort(t), "m")}
			s.refs = `<plugin start="true" name="` + tt.plugin + `"/>` + "\n"
			if tt.element != "" {
				s.elements = `<plugin name="` + tt.plugin + `">` + "\n" + tt.element + "</plugin>\n"
			}
			line := ""
			if tt.at != "" {
				line = s.lineOf(tt.at)
			}
			for _, args := range [][]string{nil, {"--check"}, {"-m", tt.plugin}, {"-m", tt.plugin, "--check"}} {
				status, said := s.run(args...)
				if status != 1 || !strings.Contains(said, tt.want) {
					t.Errorf("%q: exit %d, said\n%s\nwant 1 and %q", args, status, said, tt.want)
				}
				if asked := tt.element == "" && len(args) > 0 && args[0] == "-m"; !asked && !strings.Contains(said, line) {
					t.Errorf("%q: no %q in\n%s", args, line, said)
				}
			}
		})
	}
}

// TestUnknownModule: the line and the exit status are those of 2.5.4.
func TestUnknownModule(t *testing.T) {
	s := newScene(t, 0)
	s.set.Remotes = []string{testkit.At(testkit.FreePort(t), "m")}
	status, said := s.run("-m", "sockets")
	if status != 1 || !strings.Contains(said, "\n模块名称错误\n") || !strings.Contains(said, "write one of: command, http, refreshCDN, socket") {
		t.Errorf("exit %d, said\n%s", status, said)
	}
	if n := s.rsync.Count(); n != 0 {
		t.Errorf("rsync was run %d times", n)
	}
}

// TestWarnings: the start and --check warn of settings that have no effect, and the sync goes on.
func TestWarnings(t *testing.T) {
	s := newScene(t, 1)
	elsewhere := t.TempDir()
	r := newReceiver(t, "socket", elsewhere, `kepalive="true"`)
	s.refs, s.elements = `<plugin start="true" name="socket"/>`, r.element
	status, said := s.run("--check")
	for _, want := range []string{`no localpath has to do with "` + elsewhere + `"`, "deshost@kepalive"} {
		if status != 0 || !strings.Contains(said, want) {
			t.Errorf("--check: exit %d, no %q in\n%s", status, want, said)
		}
	}
	s.start()
	s.do(testkit.Op{"write", "f"})
	testkit.Eventually(t, limit, "the sync goes on", func() bool { return testkit.Exists(s.dst[0] + "/f") })
	for _, want := range []string{"no localpath has to do with", "kepalive"} {
		if !strings.Contains(s.log(), want) {
			t.Errorf("no %q in the log:\n%s", want, s.log())
		}
	}
	if got := r.got(); len(got) != 0 {
		t.Errorf("told of %q", got)
	}
}

// TestDocumentedAttributes: each attribute that docs/plugins.md names is in the reference.
func TestDocumentedAttributes(t *testing.T) {
	root := testkit.Repository()
	doc, err := os.ReadFile(filepath.Join(root, "docs/plugins.md"))
	if err != nil {
		t.Fatal(err)
	}
	reference, err := os.ReadFile(filepath.Join(root, "docs/configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	element, count := "", 0
	for line := range bytes.Lines(doc) {
		cells := strings.Split(string(line), "|")
		if len(cells) < 4 {
			element = ""
			continue
		}
		first := strings.TrimSpace(cells[1])
		if strings.HasPrefix(first, "`<") {
			element = strings.Trim(first, "`<>")
			continue
		}
		for word := range strings.SplitSeq(first, ",") {
			of, name := element, strings.Trim(strings.TrimSpace(word), "`@")
			if e, a, ok := strings.Cut(strings.Trim(strings.TrimSpace(word), "`"), "@"); ok && e != "" {
				of, name = e, a
			} else if ok {
				continue // this is a second attribute of the element before
			}
			if of == "" || name == "" || strings.ContainsAny(name, " -") {
				continue
			}
			count++
			if !bytes.Contains(reference, []byte("`<"+of+">` (`plugin")) || !bytes.Contains(reference, []byte("| `"+name+"` |")) {
				t.Errorf("%s of <%s> is not in docs/configuration.md", name, of)
			}
		}
	}
	if count < 30 {
		t.Errorf("only %d attributes found in docs/plugins.md", count)
	}
}

// children are the processes of this start except for the program.
func (s *scene) children() []string {
	out, _ := exec.Command("ps", "-o", "pid=,args=", "-p", strings.Trim(strings.Join(strings.Fields(sprint(s.app.Processes())), ","), "[]")).Output()
	var all []string
	for line := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		if line != "" {
			all = append(all, line)
		}
	}
	return all
}
