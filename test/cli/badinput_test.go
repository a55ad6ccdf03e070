package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// bad is one input with which the program must not start.
type bad struct {
	name string
	// edit holds pairs of old and new text in the configuration, text replaces the whole
	// configuration, and prepare does everything else.
	edit    []string
	text    string
	prepare func(s *scene)
	args    []string // the arguments after -o FILE; with noFile there is no -o FILE
	noFile  bool
	exit    int
	says    string // a regular expression that the line on standard error matches
}

func badInputs() []bad {
	const local = `<localpath watch="@SRC@" dotfiles="false" recreated="false">`
	return []bad{
		{name: "missing", prepare: func(s *scene) { s.must(os.Remove(s.file())) }, exit: 255, says: `confxml\.xml: .*not found.*-o FILE`},
		{name: "directory", prepare: func(s *scene) { s.must(os.Remove(s.file())); s.must(os.Mkdir(s.file(), 0o755)) }, exit: 255, says: `this is a directory`},
		{name: "empty", prepare: func(s *scene) { s.must(os.Truncate(s.file(), 0)) }, exit: 255, says: `confxml\.xml: .*the file is empty`},
		{name: "truncated", prepare: func(s *scene) { s.must(os.Truncate(s.file(), 700)) }, exit: 255, says: `confxml\.xml:\d+:\d+: `},
		{name: "not xml", text: "watch = /data\nremote = host::mod\n", exit: 255, says: `<head>`},
		{name: "other root", text: "<config></config>", exit: 255, says: `<head>`},
		{name: "binary", text: "\x7fELF\x02\x01\x01\x00\x00\x00", exit: 255, says: `<head>`},
		{name: "crossed tags", edit: []string{"</sersync>\n</head>", "</head>\n</sersync>"}, exit: 255, says: `confxml\.xml:\d+:\d+: .*end tag`},
		{name: "100 MB", prepare: func(s *scene) { s.must(os.Truncate(s.file(), 100<<20)) }, exit: 255, says: `at most \d+ bytes`},
		{name: "deeply nested", text: strings.Repeat("<head>", 60_000) + strings.Repeat("</head>", 60_000), exit: 255, says: `levels`},
		{name: "deeply nested below", text: "<head><sersync>" + strings.Repeat("<a>", 60_000) + strings.Repeat("</a>", 60_000) + "</sersync></head>", exit: 255, says: `levels`},
		{name: "no localpath", edit: []string{local, "<nolocal>", "</localpath>", "</nolocal>"}, exit: 1, says: `confxml\.xml.*localpath.*nothing is watched; add <localpath`},
		{name: "no remote", edit: []string{"<remote ", "<noremote "}, exit: 1, says: `confxml\.xml:\d+: .*remote.*add <remote`},
		{name: "empty ip", edit: []string{`ip="127.0.0.1"`, `ip=""`}, exit: 1, says: `confxml\.xml:\d+: .*remote@ip: .*name the target host`},
		{name: "empty name", edit: []string{`name="m"`, `name=""`}, exit: 1, says: `confxml\.xml:\d+: .*remote@name: .*name the rsync module`},
		{name: "empty watch", edit: []string{`watch="@SRC@"`, `watch=""`}, exit: 1, says: `confxml\.xml:\d+: .*localpath@watch`},
		{name: "missing watch", edit: []string{`watch="@SRC@"`, `watch="@SRC@/none"`}, exit: 1, says: `confxml\.xml:\d+: .*/none does not exist; create it`},
		{name: "missing relative watch", edit: []string{`watch="@SRC@"`, `watch="some/where"`}, exit: 1, says: `some/where does not exist`},
		{name: "root", edit: []string{`watch="@SRC@"`, `watch="/"`}, exit: 1, says: `root of the whole system.*allowroot`},
		{name: "root in other words", edit: []string{`watch="@SRC@"`, `watch="//usr/../"`}, exit: 1, says: `root of the whole system.*allowroot`},
		{name: "file as watch", edit: []string{`watch="@SRC@"`, `watch="@SRC@/f"`}, exit: 1, says: `/f is not a directory`},
		{name: "fail script inside", edit: []string{`@SCRATCH@/fail.sh`, `@SRC@/sub/fail.sh`}, exit: 1, says: `failLog@path: .*is inside the watched`},
		{name: "fail script inside by a link", prepare: func(s *scene) { s.must(os.Symlink(s.src, s.path("link"))) },
			edit: []string{`@SCRATCH@/fail.sh`, `@BASE@/link/fail.sh`}, exit: 1, says: `failLog@path: .*is inside the watched`},
		{name: "unknown module", args: []string{"-m", "nonsense"}, exit: 1, says: `nonsense`},
		{name: "unknown plugin", edit: []string{`<plugin start="false" name="command"/>`, `<plugin start="true" name="nonsense"/>`}, exit: 1, says: `nonsense`},
		{name: "unknown option", args: []string{"-x"}, exit: 1, says: `invalid option -- 'x'`},
		{name: "unknown long option", args: []string{"--nonsense"}, exit: 1, says: `unrecognized option '--nonsense'`},
		{name: "option without its argument", args: []string{"-o"}, noFile: true, exit: 1, says: `requires an argument -- 'o'`},
		{name: "empty file name", args: []string{"-o", ""}, noFile: true, exit: 1, says: `configuration file`},
		{name: "no rsync", edit: []string{`<rsync path="rsync"`, `<rsync path="/nonexistent/rsync"`}, exit: 1, says: `cannot run rsync: .*install rsync`},
		{name: "broken parameters", edit: []string{`params="-artuz"`, `params="-artuz &quot;open"`}, exit: 1, says: `confxml\.xml:\d+: .*commonParams@params: .*cannot be split`},
		{name: "parameters that send nothing", edit: []string{`params="-artuz"`, `params="-artuzn"`}, exit: 1, says: `confxml\.xml:\d+: .*commonParams@params: -n: with it nothing is ever sent; remove it`},
	}
}

// TestBadInput gives each unusable input to the program, in the foreground and as a daemon. The
// program prints one clear line, ends with the right exit status, and changes nothing.
func TestBadInput(t *testing.T) {
	cases := badInputs()
	for i, c := range cases {
		for _, daemon := range []bool{false, true} {
			if daemon && testing.Short() && i%4 > 0 {
				continue
			}
			name := c.name
			if daemon {
				name += " with -d"
			}
			t.Run(name, func(t *testing.T) { c.test(t, daemon) })
		}
	}
	if len(cases) < 30 {
		t.Errorf("only %d cases", len(cases))
	}
}

func (c bad) test(t *testing.T, daemon bool) {
	t.Parallel()
	s := newScene(t)
	s.write(filepath.Join(s.src, "f"), "source")
	s.write(filepath.Join(s.dst, "theirs"), "target")
	places := strings.NewReplacer("@SRC@", s.src, "@SCRATCH@", s.set.Dir, "@BASE@", s.base)
	pairs := make([]string, len(c.edit))
	for i, p := range c.edit {
		pairs[i] = places.Replace(p)
	}
	text := s.configure(pairs...)
	if c.text != "" {
		text = c.text
	}
	s.must(os.WriteFile(s.file(), []byte(text), 0o600))
	if c.prepare != nil {
		c.prepare(s)
	}
	args := c.args
	if !c.noFile {
		args = append([]string{"-o", s.file()}, args...)
	}
	args = append([]string{"-r"}, args...)
	if daemon {
		args = append([]string{"-d"}, args...)
	}
	before := s.listing(s.src, s.dst)
	app := testkit.Start(t, testkit.Options{Args: args, Dir: s.set.Dir, NoWait: true})
	if code := app.Wait(limit); code != c.exit {
		t.Errorf("exit status %d, want %d", code, c.exit)
	}
	oneLine(t, app.Stderr(), c.says)
	s.gone(app)
	if after := s.listing(s.src, s.dst); after != before {
		t.Errorf("something was touched:\n%s\nbefore:\n%s", after, before)
	}
	if t.Failed() {
		t.Logf("stdout:\n%s", app.Stdout())
	}
}

// oneLine checks that standard error is one line, and that it matches says.
func oneLine(t *testing.T, stderr, says string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	if len(lines) != 1 || len(lines[0]) > 600 || !regexp.MustCompile(says).MatchString(stderr) {
		t.Errorf("standard error must be one line that says %q:\n%s", says, stderr)
	}
}

// TestThreadsThatAreNone: -n 0 and -n x stand for 10, as in 2.5.4, and cause a warning.
func TestThreadsThatAreNone(t *testing.T) {
	for _, n := range []string{"0", "x", "-5"} {
		t.Run(n, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			app := s.start("-n", n)
			if !strings.Contains(app.Stdout(), "daemon thread num: 10\n") {
				t.Errorf("stdout:\n%s", app.Stdout())
			}
			oneLine(t, app.Stderr(), regexp.QuoteMeta(fmt.Sprintf("option -n %q: not a number from 1 to 10000 or auto; using 10 threads", n)))
			s.write(filepath.Join(s.src, "f"), "text")
			s.equal(testkit.Compare{})
			s.stop(app)
		})
	}
}

// TestSecondInstance: a second start for the same lanes prints the pid of the first one and changes
// nothing, whatever the name of its configuration file is.
func TestSecondInstance(t *testing.T) {
	s := newScene(t)
	first := s.start()
	copied := filepath.Join(s.set.Dir, "copy.xml")
	s.must(os.WriteFile(copied, []byte(s.set.XML()), 0o600))
	for _, file := range []string{s.file(), copied} {
		for _, args := range [][]string{{"-o", file}, {"-rdo", file}} {
			second := testkit.Start(t, testkit.Options{Args: args, Dir: s.set.Dir, NoWait: true})
			if code := second.Wait(limit); code != 1 {
				t.Errorf("%v: exit status %d, want 1", args, code)
			}
			oneLine(t, second.Stderr(), fmt.Sprintf(`another sersync \(pid %d\) already serves`, first.PID()))
			s.gone(second)
		}
	}
	s.write(filepath.Join(s.src, "f"), "the first one still works")
	s.equal(testkit.Compare{})
	s.inSync()
	s.stop(first)
}
