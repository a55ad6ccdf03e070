package preflight

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

func TestGrainOf(t *testing.T) {
	second := time.Unix(1_000_000_001, 0)
	for name, c := range map[string]struct {
		fine, whole transport.Copy
		want        transport.Grain
	}{
		"all of it":          {transport.Copy{Mtime: second, SameTime: true}, transport.Copy{Mtime: second, SameTime: true}, transport.GrainNanosecond},
		"seconds":            {transport.Copy{Mtime: second}, transport.Copy{Mtime: second, SameTime: true}, transport.GrainSecond},
		"every other second": {transport.Copy{Mtime: second.Add(-time.Second)}, transport.Copy{Mtime: second.Add(-time.Second)}, transport.GrainTwoSeconds},
		"not at all":         {transport.Copy{Mtime: time.Unix(1_700_000_000, 0)}, transport.Copy{Mtime: time.Unix(1_700_000_000, 0)}, transport.GrainUnknown},
	} {
		if got := grainOf(c.fine, c.whole); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestAhead(t *testing.T) {
	before := time.Unix(1000, 900_000_000)
	after := before.Add(time.Second / 2)
	for there, want := range map[int64]time.Duration{
		1000: 0, 1001: 0, 1003: 0, 998: 0, 1060: 59 * time.Second, 940: -60 * time.Second, 1000 + 3600: 3599 * time.Second,
	} {
		if got := ahead(time.Unix(there, 0), before, after); (got - want).Abs() > 0 {
			t.Errorf("%d: %v, want %v", there, got, want)
		}
	}
}

func TestDemand(t *testing.T) {
	for name, c := range map[string]struct {
		demand
		verdict Verdict
		says    string
	}{
		"enough":            {demand{directories: 100, counted: true, used: 20, limit: 8192, roots: 1, maximum: 128}, Good, "directories: 100; free inotify watches: 8172 of 8192"},
		"too few":           {demand{directories: 9000, counted: true, limit: 8192, roots: 1, maximum: 128}, Wrong, "sysctl -w fs.inotify.max_user_watches=524288"},
		"others use them":   {demand{directories: 5000, counted: true, used: 4000, limit: 8192, roots: 1, maximum: 128}, Wrong, "free inotify watches: 4192 of 8192"},
		"more than counted": {demand{directories: 9000, limit: 8192, roots: 1, maximum: 128}, Wrong, "directories: more than 9000"},
		"root raises it":    {demand{directories: 9000, counted: true, limit: 8192, roots: 1, maximum: 128, raises: true}, Good, "a start by root raises it"},
		"no instance left":  {demand{directories: 1, counted: true, limit: 8192, roots: 3, instances: 126, maximum: 128}, Wrong, "sysctl -w fs.inotify.max_user_instances=1024"},
	} {
		steps := c.steps()
		last := steps[len(steps)-1]
		if last.Verdict != c.verdict || !strings.Contains(last.Said.String()+"; "+last.Remedy.String(), c.says) {
			t.Errorf("%s: %v", name, steps)
		}
	}
}

func TestParseWatch(t *testing.T) {
	for line, want := range map[string]fileID{
		"inotify wd:1 ino:2a sdev:800001 mask:fc6 ignored_mask:0 fhandle-bytes:8": {0x800001, 0x2a},
		"inotify wd:1 ino:2a":                {},
		"pos:	0":                             {},
		"inotify wd:1 ino:x sdev:1 mask:0":   {},
		"inotify wd:1 sdev:1 ino:2 mask:0":   {},
		"fanotify flags:10 event-flags:8000": {},
	} {
		if got, ok := parseWatch(line); ok != (want != fileID{}) || ok && got != want {
			t.Errorf("%q: %v %v", line, got, ok)
		}
	}
}

// TestCausesAreReasons: there are lines that mend a cause for exactly those causes that package
// rsync finds.
func TestCausesAreReasons(t *testing.T) {
	reasons := rsync.Reasons()
	for reason := range causes {
		if !slices.Contains(reasons, reason) && !slices.Contains([]string{"the remote has no rsync", "the remote does not let its rsync be run", "the remote's rsync is too old", "the remote closes the connection before it answers"}, reason) {
			t.Errorf("package rsync does not find %q", reason)
		}
	}
	for _, reason := range reasons {
		if _, ok := causes[reason]; !ok {
			t.Errorf("no lines mend %q", reason)
		}
	}
}

// TestPhrases: each text takes the same values in both languages.
func TestPhrases(t *testing.T) {
	verb := regexp.MustCompile(`%(?:\[\d\])?[a-z]`)
	number := regexp.MustCompile(`\[\d\]`)
	verbs := func(s string) []string {
		list := verb.FindAllString(number.ReplaceAllString(s, ""), -1)
		slices.Sort(list)
		return list
	}
	source, err := os.ReadFile("phrases.go")
	if err != nil {
		t.Fatal(err)
	}
	pairs := regexp.MustCompile(`\{("(?:[^"\\]|\\.)*"), ("(?:[^"\\]|\\.)*")\}`).FindAllStringSubmatch(string(source), -1)
	if len(pairs) < 80 {
		t.Fatalf("only %d phrases read", len(pairs))
	}
	for _, m := range pairs {
		en, zh := m[1], m[2]
		if len(en) < 3 || len(zh) < 3 || !slices.Equal(verbs(en), verbs(zh)) {
			t.Errorf("%s and %s do not take the same values", en, zh)
		}
	}
}

// TestReport: no text from a remote can begin a line of its own, and the report as text and the one
// as JSON say the same.
func TestReport(t *testing.T) {
	r := Report{Host: []Step{{Topic: TopicRsync, Said: clientIs.of("3.2.7")}}, Lanes: []Lane{{Watch: "/data/\x1b[31m", Remote: "h::m", Left: []string{"a\nb"}}}}
	r.Lanes[0].Steps = []Step{{Topic: TopicLogin, Verdict: Wrong, Said: literal("no\nok"), Detail: "\x1b]0;x\x07", Remedy: makeDirectory.of("h"), Mend: section2("a\rb")}}
	for _, chinese := range []bool{false, true} {
		var b strings.Builder
		r.Language.Chinese = chinese
		if err := r.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(b.String(), "\x1b\x07\r") || strings.Contains(b.String(), "\nok") || r.OK() {
			t.Errorf("%q", b.String())
		}
	}
	data, err := json.Marshal(&r)
	if err != nil || !strings.Contains(string(data), `"topic":"login","result":"error","message":"no\nok"`) || !strings.Contains(string(data), `"ok":false`) {
		t.Errorf("%s %v", data, err)
	}
}

func section2(line string) []Mend { return []Mend{section(rsync.Target{Host: "h", Name: "m"}, line)} }

// TestProbesAreIgnored: a watcher of the directory where a probe is written drops the events of the
// probe's names, with dotfiles on or off.
func TestProbesAreIgnored(t *testing.T) {
	p, err := newProbe(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dotFiles := range []bool{false, true} {
		q := filterqueue.New(filterqueue.Options{DotFiles: dotFiles})
		for _, name := range p.names() {
			if !q.Temp(name) {
				t.Errorf("with dotfiles %v %q would be sent", dotFiles, name)
			}
		}
	}
}
