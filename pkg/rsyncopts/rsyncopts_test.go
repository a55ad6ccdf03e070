package rsyncopts

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/shellwords"
)

func judge(t testing.TB, s Setting, params string) []Remark {
	t.Helper()
	words, err := shellwords.Split(params, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	given, err := Parse(words)
	if err != nil {
		t.Fatalf("%q: %v", params, err)
	}
	return s.Judge(given)
}

// TestVerdicts has each option that loses, hides or destroys something, with the warning about it;
// <delete> is on unless the row says otherwise.
func TestVerdicts(t *testing.T) {
	root := t.TempDir()
	outside := filepath.Join(t.TempDir(), "patterns")
	for _, file := range []string{outside, root + "/patterns"} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(root, filepath.Dir(outside)+"/link"); err != nil {
		t.Fatal(err)
	}
	on, off := Setting{Delete: true, Remotes: 1, Root: root}, Setting{Remotes: 1, Root: root}
	two := Setting{Remotes: 2, Root: root}
	ssh := Setting{Delete: true, Remotes: 1, Root: root, SSH: true}
	for _, c := range []struct {
		setting Setting
		params  string
		level   Level
		words   string // empty: there is no warning
	}{
		{on, "-artuz", 0, ""},
		{on, "-rlptD --no-o --inplace", 0, ""},
		{on, "-aHAX --numeric-ids", 0, ""},
		{on, "-auz --partial --exclude=x --bwlimit 100 --chmod=D755 -e 'ssh -p 22'", 0, ""},
		{on, "-avzP", Note, "-v: left out"},
		{on, "-avvv --progress", Note, "-v, --progress: left out"},
		{on, "-a --out-format=%n", Note, "--out-format: left out"},
		{on, "-aqh", Note, "-q, -h: left out"},
		{on, "-a --delete", Note, "--delete: left out, because <delete>"},
		{off, "-a --delete", Warning, "--delete: it is not used"},
		{off, "-a --del", Warning, "--del: it is not used"},
		{off, "-a --delete-after", Warning, "--delete-after: it is not used"},
		{on, "-a --delete-excluded", Warning, "--delete-excluded: it is not used"},
		{on, "-a --ignore-errors", Warning, "--ignore-errors: it is not used"},
		{on, "-a --no-ignore-errors", 0, ""},
		{on, "-a --remove-source-files", Fault, "both copies would be gone"},
		{on, "-a --remove-sent-files", Fault, "both copies would be gone"},
		{off, "-a --remove-source-files", Note, "is removed here"},
		{two, "-a --remove-source-files", Fault, "never gets to the others"},
		{on, "-artuzn", Refusal, "-n: with it nothing is ever sent"},
		{on, "-a --dry-run", Refusal, "--dry-run: with it nothing is ever sent"},
		{on, "-a --list-only", Refusal, "nothing is ever sent"},
		{on, "-a --only-write-batch=/x", Refusal, "nothing is ever sent"},
		{on, "-a --read-batch=/x", Refusal, "recorded"},
		{on, "-a --write-batch=/x", Warning, "overwrites"},
		{on, "-a --write-batch=x", Refusal, "without end"},
		{on, "-a --daemon", Refusal, "--daemon: it makes rsync a server"},
		{on, "-a --server", Refusal, "--server: "},
		{on, "-a --sender", Refusal, "--sender: "},
		{on, "-a --files-from=/x", Refusal, "--files-from: it sends only what a list names"},
		{on, "-a0", 0, ""},
		{on, "-a --from0", 0, ""},
		{on, "-a --from0 --exclude-from=" + outside, Refusal, "read by lines"},
		{on, "-a --version", Warning, "only prints"},
		{on, "-aV", Warning, "only prints"},
		{on, "-a --help", Warning, "only prints"},
		{on, "-aL", Warning, "-L: what changes behind a link"},
		{on, "-a --copy-links", Warning, "behind a link"},
		{on, "-ak", Warning, "behind a link"},
		{on, "-a --copy-dirlinks", Warning, "behind a link"},
		{on, "-a --copy-unsafe-links", Warning, "behind a link"},
		{on, "-a --size-only", Warning, "kept its size"},
		{on, "-a --ignore-existing", Warning, "never brought up to date"},
		{on, "-a --existing", Warning, "never sent"},
		{on, "-a --append", Warning, "stays wrong"},
		{on, "-a --stop-after=5", Warning, "never completes"},
		{on, "-a --exclude-from=/nonexist", Fault, "/nonexist cannot be read"},
		{on, "-a --include-from=nonexist", Fault, "nonexist cannot be read"},
		{on, "-a --exclude-from=patterns", 0, ""},
		{on, "-a --exclude-from=" + outside, 0, ""},
		{on, "-a --password-file=/nonexist", Fault, "/nonexist cannot be read"},
		{ssh, "-a --password-file=" + outside, Fault, "reached by ssh"},
		{ssh, "-a --contimeout=3", Fault, "reached by ssh"},
		{on, "-a --contimeout=3", 0, ""},
		{on, "-a --log-file=/var/log/rsync.log", 0, ""},
		{on, "-a --log-file=rsync.log", Refusal, "without end"},
		{on, "-a --log-file=" + root + "/d/rsync.log", Refusal, "without end"},
		{on, "-a --log-file=" + filepath.Dir(outside) + "/link/rsync.log", Refusal, "without end"},
		{on, "-a --log-file=" + root + "2/rsync.log", 0, ""},
		{on, "-a --excldue=x", Fault, "--excldue: rsync knows no such option"},
		{on, "-a --excldue=x", Fault, "did you mean --exclude?"},
		{on, "-a --bandwidth-limit=3", Fault, "rsync --help"},
		{on, "-a --no-update", Fault, "--no-update: rsync knows no such option"},
		{on, "-aj", Fault, "-j: rsync knows no such option"},
		{on, "-a -delete", Fault, "write two dashes: --delete"},
		{on, "-a -exclude=*.log", Fault, "write two dashes: --exclude"},
		{on, "-a -progress", Fault, "write two dashes: --progress"},
		{on, "-a --ex\ncl=x", Fault, `"--ex\ncl"`},
	} {
		got := judge(t, c.setting, strings.ReplaceAll(c.params, "\n", "'\n'"))
		if c.words == "" {
			if len(got) > 0 {
				t.Errorf("%q: %+v, want nothing", c.params, got)
			}
			continue
		}
		if len(got) == 2 && got[0].Level < got[1].Level {
			got = got[1:] // the row is about the more serious one
		}
		if len(got) != 1 {
			t.Errorf("%q: %+v, want one remark", c.params, got)
			continue
		}
		text := got[0].Cause + "; " + got[0].Remedy
		if got[0].Level != c.level || !strings.Contains(text, c.words) || got[0].Remedy == "" || strings.ContainsAny(text, "\n\r") {
			t.Errorf("%q: level %d, %s; want level %d with %q", c.params, got[0].Level, text, c.level, c.words)
		}
	}
}

// TestUnusableWords has words that rsync would take for a source, for a target, or for the end of
// the options.
func TestUnusableWords(t *testing.T) {
	for params, words := range map[string]string{
		"-a /extra":         "source and target",
		"–artuz":            "write the minus sign",
		"-a —delete":        "write the minus sign",
		"“-artuz”":          "quotation mark",
		"-a --":             "ends the options",
		"-a --exclude":      "needs a value",
		"-ae":               "needs a value",
		"-a --files-from":   "needs a value",
		"--include-from=-":  "standard input",
		"--password-file=-": "standard input",
	} {
		_, err := Parse(strings.Fields(params))
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v, want %q", params, err, words)
		}
	}
}

// TestTableHasAll compares the table with the options of this host's rsync.
func TestTableHasAll(t *testing.T) {
	help, err := exec.Command("rsync", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^ *--([a-zA-Z0-9-]+)(=\S+)?(?:, -([^\s-]) )?`).FindAllSubmatch(help, -1)
	if len(lines) < 100 {
		t.Fatalf("%d options in the help of rsync", len(lines))
	}
	for _, m := range lines {
		name, value, letter := string(m[1]), len(m[2]) > 0, string(m[3])
		o, off := Lookup(name)
		switch {
		case name == "no-OPTION":
		case o == nil:
			t.Errorf("--%s is not in the table", name)
		case o.Value != value && !off:
			t.Errorf("--%s takes a value: %v, the table says %v", name, value, o.Value)
		case letter != "" && name != "help" && byLetter[letter[0]] != o:
			t.Errorf("-%s is not --%s in the table", letter, name)
		}
	}
}

func FuzzJudge(f *testing.F) {
	for _, s := range []string{"-artuz", "-delete", "--excldue=x -e", "-a --log-file=x", "--no-x", "-@", "--=", "-M", "--no-\xff", "–a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		given, err := Parse(strings.Split(text, " "))
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		for _, r := range (Setting{Delete: true, Root: "/nonexistent"}).Judge(given) {
			if r.Cause == "" || r.Remedy == "" || strings.ContainsAny(r.Cause+r.Remedy, "\n\r") {
				t.Errorf("%q: %+v", text, r)
			}
		}
	})
}
