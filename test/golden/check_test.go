package golden

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// arrival is how long the target may take until it is as expected.
const arrival = 20 * time.Second

// target is one directory and its expected content.
type target struct {
	dir  string
	want func() map[string]node
	mode bool // whether permission bits are compared
}

// targets lists the expected content of each module of the configuration.
func (s *scene) targets() []target {
	var out []target
	config := ""
	if s.r.Config != nil {
		config = string(*s.r.Config)
	}
	if strings.Contains(config, `name="auth1"`) {
		out = append(out, s.target("dsta", s.r.Dst))
	} else {
		out = append(out, s.target("dst", s.r.Dst))
	}
	switch {
	case s.w.dst2 != "":
		out = append(out, target{dir: "dst2", want: func() map[string]node { return s.sourceTree(s.w.dst2, nil) }})
	case strings.Contains(config, `name="mod2"`):
		recordedTree := s.r.Dst2
		if recordedTree == nil {
			recordedTree = s.r.Dst
		}
		out = append(out, s.target("dst2", recordedTree))
	}
	return out
}

func (s *scene) target(dir string, recordedTree map[raw]node) target {
	src := s.w.src
	if src == "" {
		src = "src"
	}
	switch {
	case s.r.flag("m"): // a plugin alone runs no rsync
		return target{dir: dir, want: func() map[string]node { return s.sourceTree("", s.kept) }}
	case s.w.base == untouched || s.expectedExit() != running && s.w.exit != endedClean && s.w.exit != anyEnd:
		return target{dir: dir, want: func() map[string]node { return s.sourceTree("", s.kept) }}
	case s.w.base == source || recordedTree == nil:
		kept := s.kept
		if s.r.flag("r") && !s.r.has(`<delete start="false"/>`) {
			kept = nil // the user has requested a mirror run
		}
		return target{dir: dir, mode: s.r.has(`<attrib start="true"/>`), want: func() map[string]node {
			return s.sourceTree(src, kept)
		}}
	}
	return target{dir: dir, mode: true, want: func() map[string]node {
		out := map[string]node{}
		for name, n := range recordedTree {
			out[string(name)] = s.filled(n)
		}
		return out
	}}
}

func (s *scene) filled(n node) node {
	n.To = raw(s.fill.Replace(string(n.To)))
	return n
}

// sourceTree is the content of a target that is equal to the source directory: everything that the
// rule for temporary files and the filter let through, and those of the target's earlier entries
// (kept) that never existed on the source.
func (s *scene) sourceTree(dir string, kept map[string]testkit.Entry) map[string]node {
	out := map[string]node{}
	for name, e := range kept {
		_, was := s.before[name]
		if _, is := s.r.Src[raw(name)]; dir != "" && (was || is) {
			continue
		}
		out[name] = s.toNode("dst", name, e)
	}
	if dir == "" {
		return out
	}
	tree, err := testkit.Scan(s.path(dir), false)
	if os.IsNotExist(err) {
		return out
	}
	s.must(err)
	excluded := s.excluded()
	for name, e := range tree {
		if !excluded(name, e.Type == 'd') {
			out[name] = s.toNode(dir, name, e)
		}
	}
	return out
}

func (s *scene) toNode(dir, name string, e testkit.Entry) node {
	n := node{Type: string(e.Type), Mode: fmt.Sprintf("0o%o", e.Mode), To: raw(e.Target)}
	if e.Type == 'f' {
		root, err := os.OpenRoot(s.path(dir))
		s.must(err)
		defer root.Close()
		b, err := root.ReadFile(name)
		if err == nil {
			text := raw(b)
			n.Text = &text
		}
	}
	return n
}

// compare returns the differences of a directory from its expected content.
func (s *scene) compare(t target) []string {
	tree, err := testkit.Scan(s.path(t.dir), false)
	if err != nil {
		return []string{err.Error()}
	}
	want := t.want()
	var diff []string
	for name, w := range want {
		if s.ignored(name, w.Type) {
			continue
		}
		e, ok := tree[name]
		if !ok {
			diff = append(diff, fmt.Sprintf("missing %q", name))
			continue
		}
		if d := s.differs(w, s.toNode(t.dir, name, e), t.mode); d != "" {
			diff = append(diff, fmt.Sprintf("%q: %s", name, d))
		}
	}
	for name, e := range tree {
		if _, ok := want[name]; !ok && !s.ignored(name, string(e.Type)) {
			diff = append(diff, fmt.Sprintf("extra %q", name))
		}
	}
	slices.Sort(diff)
	return diff
}

// ignored says whether it does not matter if a path is there.
func (s *scene) ignored(name, kind string) bool {
	for _, may := range s.w.may {
		if name == may || strings.HasPrefix(name, may+"/") {
			return true
		}
	}
	return s.w.base != byMode && kind != "d" && testkit.TempFile(path.Base(name), false)
}

func (s *scene) differs(want, got node, mode bool) string {
	if want.Type != got.Type {
		return "type " + got.Type + ", want " + want.Type
	}
	if want.Type == "l" {
		a, b := strings.TrimPrefix(string(want.To), testkit.MungePrefix), strings.TrimPrefix(string(got.To), testkit.MungePrefix)
		if strings.TrimPrefix(a, "/") != strings.TrimPrefix(b, "/") {
			return fmt.Sprintf("link to %q, want %q", b, a)
		}
		return ""
	}
	if want.Text != nil && (got.Text == nil || *got.Text != *want.Text) {
		return fmt.Sprintf("content %.60q, want %.60q", deref(got.Text), deref(want.Text))
	}
	if mode && want.Mode != got.Mode {
		return "mode " + got.Mode + ", want " + want.Mode
	}
	return ""
}

func deref(r *raw) string {
	if r == nil {
		return "(none)"
	}
	return string(*r)
}

// expression matches the filter's expressions in a recorded configuration.
var expression = regexp.MustCompile(`<exclude expression="([^"]*)"`)

// excluded implements the rule of the filter a second time: a path is excluded if one of its forms,
// or a form of a directory above it, matches an expression as a whole. Path and expression are
// compared byte by byte, as in 2.5.4.
func (s *scene) excluded() func(string, bool) bool {
	if !s.r.has(`<filter start="true"`) {
		return func(string, bool) bool { return false }
	}
	filter, _, _ := strings.Cut(string(*s.r.Config), "</filter>")
	var rules []*regexp.Regexp
	for _, m := range expression.FindAllStringSubmatch(filter, -1) {
		if re, err := regexp.Compile(`(?s)^(?:` + latin1(m[1]) + `)$`); err == nil && m[1] != "" {
			rules = append(rules, re)
		}
	}
	match := func(form string) bool {
		return slices.ContainsFunc(rules, func(re *regexp.Regexp) bool { return re.MatchString(latin1(form)) })
	}
	return func(name string, dir bool) bool {
		for p := name; p != "."; p, dir = path.Dir(p), true {
			if match(p) || match("/"+p) || dir && match(p+"/") {
				return true
			}
		}
		return false
	}
}

// latin1 turns each byte into one character.
func latin1(s string) string {
	out := make([]rune, len(s))
	for i := range len(s) {
		out[i] = rune(s[i])
	}
	return string(out)
}

// block is one entry of the fail script.
var block = regexp.MustCompile(`(?m)^#errno (-?[0-9]+)\n([^\n][^\x00]*?)\n\n`)

// checkFailLog checks the fail script: it has one block for each path that fails, it can be run,
// only its owner can write it, and if nothing has failed it has no block.
func (s *scene) checkFailLog() {
	if s.w.noErrno || s.r.FailLog == nil {
		return
	}
	wanted := s.w.errno
	if wanted == nil {
		for _, m := range block.FindAllStringSubmatch(string(s.r.FailLog.Text), -1) {
			if !slices.Contains(wanted, m[1]) {
				wanted = append(wanted, m[1])
			}
		}
	}
	if len(wanted) == 0 {
		if text := s.read("fail.sh"); strings.Contains(text, "#errno") && s.expectedExit() == running {
			s.t.Errorf("nothing failed, and the fail script says\n%s", text)
		}
		return
	}
	var found [][]string
	// A path that has failed once is in the script after its second attempt. The lane may wait the
	// longest backoff for that attempt, and twice that for a deletion.
	ok := testkit.Poll(3*arrival, func() bool {
		found = block.FindAllStringSubmatch(s.read("fail.sh"), -1)
		return slices.ContainsFunc(found, func(m []string) bool { return slices.Contains(wanted, m[1]) })
	})
	if !ok {
		s.t.Errorf("no block with #errno %v in the fail script:\n%s\nstderr:\n%s", wanted, s.read("fail.sh"), s.app.Stderr())
		return
	}
	for _, m := range found {
		if !strings.Contains(m[2], "rsync") {
			s.t.Errorf("block without an rsync: %q", m[0])
		}
	}
	if out, err := exec.Command("sh", "-n", s.path("fail.sh")).CombinedOutput(); err != nil {
		s.t.Errorf("the fail script is no script: %v %s", err, out)
	}
	info, err := os.Lstat(s.path("fail.sh"))
	s.must(err)
	if info.Mode()&0o077 != 0 || !info.Mode().IsRegular() {
		s.t.Errorf("fail script: %v", info.Mode())
	}
}

// checkPlugins checks what the command plugin, the sockets and the refreshCDN log have received.
func (s *scene) checkPlugins() {
	if !s.w.plugAny {
		lines := s.w.plugged
		if lines == nil {
			if n := s.r.Cwds["plug.log"]; n.Text != nil {
				lines = strings.Split(strings.TrimSpace(string(*n.Text)), "\n")
			}
		}
		s.wantAll("plug.log", lines, func() []string { return strings.Split(s.read("cwd/plug.log"), "\n") })
		if len(lines) == 0 && s.read("cwd/plug.log") != "" {
			s.t.Errorf("plugin called: %s", s.read("cwd/plug.log"))
		}
	}
	if !s.w.tcpAny {
		for _, c := range s.r.TCP {
			text := s.fill.Replace(string(c.Text))
			testkit.Eventually(s.t, arrival, fmt.Sprintf("connection with %.200q", text), func() bool { return s.tcp.received(text) > 0 })
		}
	}
	if n := s.r.Cwds["errorlog.txt"]; n.Text != nil && !s.w.errorLog {
		// 2.5.4 wrote the password into this file; this program must not.
		text := strings.ReplaceAll(s.fill.Replace(string(*n.Text)), "pswd=pp&", "pswd=******&")
		records := strings.Split(strings.TrimSuffix(text, "\r\n\r\n\n"), "\r\n\r\n\n")
		s.wantAll("errorlog.txt", records, func() []string { return strings.Split(s.read("cwd/errorlog.txt"), "\r\n\r\n\n") })
	}
}

func (s *scene) wantAll(file string, lines []string, got func() []string) {
	for _, line := range lines {
		line = s.fill.Replace(line)
		if line == "" {
			continue
		}
		if !testkit.Poll(arrival, func() bool { return slices.Contains(got(), line) }) {
			s.t.Errorf("%s: no %q in %q", file, line, got())
		}
	}
}

// checkInjection looks for marker files that injected commands would make.
func (s *scene) checkInjection() {
	for _, dir := range []string{"", "src", "cwd", "out", "dst"} {
		found, err := filepath.Glob(s.path(dir) + "/pwned*")
		s.must(err)
		if len(found) > 0 {
			s.t.Errorf("a name was executed: %q", found)
		}
	}
}

func nothingExecuted(s *scene) {
	for _, file := range []string{"out/ran_old_content", "out/uid", "out/pwd", "out/ran", "cwd/ran_by_sh", "src/ran_by_sh"} {
		if _, err := os.Lstat(s.path(file)); err == nil {
			s.t.Errorf("%s was made: something was executed", file)
		}
	}
}

func victimUntouched(s *scene) {
	info, err := os.Stat(s.path("out/victim"))
	s.must(err)
	if s.read("out/victim") != "precious\n" || info.Mode().Perm() != 0o600 {
		s.t.Errorf("the link was followed: mode %v, %q", info.Mode(), s.read("out/victim"))
	}
}

// oldArrived checks what a full sync at the start has to bring over, in a run whose record does not
// show that.
func oldArrived(s *scene) {
	if s.read("dst/old/o") != s.read("src/old/o") {
		s.t.Errorf("old/o is %q on the target", s.read("dst/old/o"))
	}
	if _, err := os.Lstat(s.path("dst/old/d2")); err == nil {
		s.t.Error("createFolder is off, and a new directory was sent")
	}
}

// untrue are the beginnings of start-up lines of 2.5.4 that would not be true for this program, or
// that are texts of its libraries.
var untrue = []string{
	"execute：echo ",                        // this program raises limits only if they are too low
	"execute command:", "crontab command:", // the commands that 2.5.4 ran for its own purposes
	"error content:", "error information is:", "Error: ", "Warning: ", "At line ", "First Tag ",
	"inotify wd:", "add watch:", "cd ", "R", "plugin-stdout", // debug output, and the output of children
}

// checkStdout compares the recorded start-up lines that are still true with ours: we print the same
// lines in the same order, possibly with other lines between them.
func (s *scene) checkStdout() {
	if s.w.noOutput {
		return
	}
	lines := strings.Split(s.fill.Replace(string(s.r.Stdout)), "\n")
	rest := strings.Split(s.app.Stdout(), "\n")
	for _, line := range lines {
		line = strings.TrimRight(line, " \t")
		if line == "" || strings.HasPrefix(line, s.path("plugcmd")) || slices.ContainsFunc(untrue, func(p string) bool { return strings.HasPrefix(line, p) }) {
			continue
		}
		at := slices.IndexFunc(rest, func(l string) bool { return strings.TrimRight(l, " \t") == line })
		if at < 0 {
			s.t.Errorf("start-up line missing, or out of order: %q\nour output:\n%s", line, s.app.Stdout())
			return
		}
		rest = rest[at+1:]
		if strings.HasPrefix(line, "watch path is:") || s.lastLine(line) {
			return
		}
	}
}

// lastLine says at which line the comparison ends for a run that ends by itself: this program may
// find a mistake earlier or later than 2.5.4 did.
func (s *scene) lastLine(line string) bool {
	return s.expectedExit() != running && line == "parse xml config file"
}

// expectedExit is "running", one of the statuses of exitKind, or "failing" for any other status.
func (s *scene) expectedExit() exitKind {
	if s.w.exit != asRecorded {
		return s.w.exit
	}
	switch e := s.r.Exit; {
	case e.Alive:
		return running
	case e.Status != nil && *e.Status == 0:
		return zero
	case e.Status != nil && *e.Status == 1:
		return one
	case e.Status != nil:
		return failing
	}
	return running // 2.5.4 crashed
}

// checkExit checks the status of a program that has to end by itself.
func (s *scene) checkExit() {
	code := s.app.Wait(20 * time.Second)
	want := strconv.Itoa(code)
	switch s.expectedExit() {
	case zero, endedClean:
		want = "0"
	case one:
		want = "1"
	case failing:
		if e := s.r.Exit; e.Status != nil && *e.Status == 255 {
			want = "255"
		} else if code == 0 {
			want = "not 0"
		}
	}
	if want != strconv.Itoa(code) {
		s.t.Errorf("exit status %d, want %s\nstdout:\n%s\nstderr:\n%s", code, want, s.app.Stdout(), s.app.Stderr())
	}
	if code > 0 && s.app.Stderr() == "" && s.w.exit != asRecorded {
		s.t.Error("it ended without a word on standard error")
	}
}
