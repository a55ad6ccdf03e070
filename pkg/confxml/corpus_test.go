package confxml_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mvdan.cc/sh/v3/shell"

	"github.com/sersync/sersync/pkg/confxml"
)

// recorded is a run of 2.5.4 with one configuration file.
type recorded struct {
	Config   string   `json:"config"`
	Status   string   `json:"status"`
	ExitCode *int     `json:"exit_code"`
	Crashed  bool     `json:"crashed"`
	Stdout   []string `json:"stdout"`
	Stderr   []string `json:"stderr"`
	Rewrites []struct {
		From string `json:"from"`
		To   string `json:"to"`
	} `json:"watch_rewrites"`
	Calls []struct {
		Argv []string `json:"argv"`
	} `json:"rsync_calls"`
}

// TestProbes compares how each probe is read with what 2.5.4 did with it.
func TestProbes(t *testing.T) {
	if n := runCorpus(t, "testdata/probes", "testdata/probes"); n != 51 {
		t.Errorf("%d probes were run, want 51", n)
	}
}

// TestRealFiles does the same with files of real users, which are not part of this repository.
func TestRealFiles(t *testing.T) {
	dir := "../../../shared/corpus"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the collection of real files is not here")
	}
	if n := runCorpus(t, dir, dir+"/golden"); n < 50 {
		t.Errorf("%d files were run, want at least 50", n)
	}
}

func runCorpus(t *testing.T, dir, golden string) int {
	t.Helper()
	records, err := filepath.Glob(filepath.Join(golden, "[0-9]*.json"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range records {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var rec recorded
		if err := json.Unmarshal(raw, &rec); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n++
		t.Run(rec.Config, func(t *testing.T) {
			c, err := confxml.Load(filepath.Join(dir, rec.Config))
			switch {
			case rec.ExitCode != nil && *rec.ExitCode == 255:
				checkRefused(t, rec, err)
			case err != nil:
				t.Fatalf("2.5.4 read it: %v", err)
			case rec.ExitCode != nil && *rec.ExitCode == 1:
				if err := c.ValidateSync(); confxml.ExitCode(err) != 1 {
					t.Errorf("2.5.4 ended with exit 1, we say %v", err)
				}
			case rec.Crashed:
				checkCrashed(t, rec, c)
			default:
				checkSame(t, rec, c)
			}
		})
	}
	return n
}

// checkRefused expects the words and the place that 2.5.4 reported.
func checkRefused(t *testing.T, rec recorded, err error) {
	t.Helper()
	parse, ok := err.(*confxml.ParseError) //nolint:errorlint // Parse promises this type
	if !ok || confxml.ExitCode(err) != 255 {
		t.Fatalf("2.5.4 ended with exit 255, we say %v", err)
	}
	parse.File = "@RUN@/that.xml"
	if out := strings.Join(rec.Stdout, "\n"); !strings.HasSuffix(out, "\n"+parse.Report()) {
		t.Errorf("report is\n%swant the end of\n%s", parse.Report(), out)
	}
}

// nothingPossible are files with which 2.5.4 crashed because of a value for which there is no
// default.
var nothingPossible = map[string]bool{
	"047_no-sersync-element.xml":      true,
	"052_plus-no-sersync-element.xml": true,
	"962_syn-no-remote-name.xml":      true,
	"963_syn-no-remote-ip.xml":        true,
}

func checkCrashed(t *testing.T, rec recorded, c confxml.Config) {
	t.Helper()
	err := c.ValidateSync()
	if nothingPossible[rec.Config] {
		if confxml.ExitCode(err) != 1 {
			t.Errorf("no value is possible, yet ValidateSync says %v", err)
		}
		return
	}
	if err != nil {
		t.Errorf("the default should have been taken: %v", err)
	}
	if len(c.Warnings) == 0 {
		t.Error("the default was taken without a warning")
	}
}

func checkSame(t *testing.T, rec recorded, c confxml.Config) {
	t.Helper()
	err := c.ValidateSync()
	if deserved[rec.Config] && err != nil {
		return
	}
	if err != nil {
		t.Fatalf("2.5.4 ran with it: %v", err)
	}
	checkLines(t, rec, c)
	checkNotRefused(t, rec, c)
	if want := watched(rec); c.LocalPaths[0].Watch != want {
		t.Errorf("watch is %q, want %q", c.LocalPaths[0].Watch, want)
	}
	if rec.Config == "906_syn-params-quot-entity.xml" { // the shell took the & for the end of the command
		if want := `-artuz --exclude="a b" --exclude=x&y`; c.LocalPaths[0].Remotes[0].Params != want {
			t.Errorf("params are %q, want %q", c.LocalPaths[0].Remotes[0].Params, want)
		}
		return
	}
	checkCalls(t, rec, c)
}

// deserved are files with which 2.5.4 ran, but could not have sent anything.
var deserved = map[string]bool{
	"002_default-target-placeholder.xml":         true, // templates whose values nobody has filled in
	"005_utf8-comments-target-host-template.xml": true,
	"012_jinja-no-stray-close.xml":               true,
	"013_jinja-unquoted-attribute.xml":           true,
	"025_shell-heredoc-vars.xml":                 true,
	"017_hash-lines-between-elements.xml":        true, // directories as targets, without ssh
	"018_hash-after-elements.xml":                true,
	"906_syn-params-quot-entity.xml":             true, // the & ends the command
}

// checkNotRefused expects no error about remotes and parameters of a file with which 2.5.4 worked.
func checkNotRefused(t *testing.T, rec recorded, c confxml.Config) {
	t.Helper()
	for _, p := range append(c.Warnings, c.CheckHost()...) {
		about := strings.HasPrefix(p.Element, "sersync/rsync/") || strings.HasPrefix(p.Element, "sersync/localpath/remote")
		if about && p.Severity >= confxml.Fault && !deserved[rec.Config] {
			t.Errorf("2.5.4 worked with it: %s", p)
		}
	}
}

// watched is the watch attribute of the file. Before 2.5.4 ran, the recording replaced it with a
// directory that existed.
func watched(rec recorded) string {
	for _, line := range rec.Stdout {
		path, ok := strings.CutPrefix(line, "watch path is: ")
		if !ok {
			continue
		}
		for _, r := range rec.Rewrites {
			if strings.TrimSuffix(r.To, "/") == path {
				return r.From
			}
		}
	}
	return "@MISSING@"
}

// checkLines compares the start-up lines of 2.5.4 with those that follow from the configuration.
func checkLines(t *testing.T, rec recorded, c confxml.Config) {
	t.Helper()
	out := "\n" + strings.Join(rec.Stdout, "\n") + "\n"
	first := c.LocalPaths[0].Remotes
	for _, line := range []struct {
		want bool
		text string
	}{
		{true, fmt.Sprintf("\nhost ip : %s\thost port: %d\n", c.Host.IP, c.Host.Port)},
		{c.Filter.On, "\nnow the filter work ,"},
		{!c.Inotify.Delete, "\nwill ignore the inotify delete event\n"},
		{c.Inotify.CreateFile, "\nwill ignore the inotify createFile event \n"},
		{c.Debug, "\nOpen debug, you will see debug infomation \n"},
		{c.XFS, "\nWARNING XFS FILE SYSTEM WORK\n"},
		{c.Crontab.On, "\nStart the crontab \t"},
		{true, fmt.Sprintf(" + %d(Sub threads)\n", 10*len(first))},
		{first[0].User != "", "\nuser is\t" + first[0].User},
		{first[0].PasswordFile != "", "\npasswordfile is \t" + first[0].PasswordFile},
		{len(c.PluginRefs) > 0, "\nafter each synchronize run the plugin \t"},
	} {
		if strings.Contains(out, line.text) != line.want {
			t.Errorf("%q printed by 2.5.4: %t, by our values: %t", line.text, !line.want, line.want)
		}
	}
	every := fmt.Sprintf("Every %d minutes", c.Crontab.Interval/time.Minute)
	if strings.Contains(out, "\tEvery ") && !strings.Contains(out, every) {
		t.Errorf("2.5.4 did not say %q", every)
	}
	for _, p := range c.PluginRefs {
		if !strings.Contains(out, "plugin name is: "+p.Name+"\n") {
			t.Errorf("2.5.4 did not start plugin %q", p.Name)
		}
	}
}

// checkCalls compares the command lines of 2.5.4 with those that follow from the configuration: for
// each remote the upload of one file and the full sync.
func checkCalls(t *testing.T, rec recorded, c confxml.Config) {
	t.Helper()
	var upload, full []string
	for _, call := range rec.Calls {
		line := squeeze(call.Argv)
		switch {
		case contains(call.Argv, "./a.txt"):
			upload = append(upload, line)
		case contains(call.Argv, "./") && !contains(call.Argv, "--exclude=*"):
			full = append(full, line)
		}
	}
	if len(rec.Calls) == 0 {
		return // there is no such watch directory, or no event is switched on
	}
	for _, m := range c.LocalPaths[0].Remotes {
		if line := command(t, c, m, false); !contains(upload, line) {
			t.Errorf("upload would be %s, 2.5.4 ran %q", line, upload)
		}
		if line := command(t, c, m, true); !c.Filter.On && !contains(full, line) {
			t.Errorf("full sync would be %s, 2.5.4 ran %q", line, full)
		}
	}
}

func command(t *testing.T, c confxml.Config, m confxml.Remote, full bool) string {
	t.Helper()
	opts, dest := "", m.IP+"::"+m.Name
	if m.SSH {
		opts, dest = " -e ssh", m.IP+":"+m.Name
	}
	if m.Port != 0 {
		opts += fmt.Sprintf(" --port=%d", m.Port)
	}
	if m.Timeout != 0 {
		opts += fmt.Sprintf(" --timeout=%d", m.Timeout)
	}
	if m.User != "" {
		dest = m.User + "@" + dest
	}
	if m.PasswordFile != "" {
		dest += " --password-file=" + m.PasswordFile
	}
	line := "rsync " + m.Params + " -R" + opts + " ./a.txt " + dest
	if full {
		line = "rsync " + m.Params + " -R"
		if c.Inotify.Delete {
			line += " --delete"
		}
		line += " ./ " + opts + " " + dest
		for i := 0; c.Crontab.On && c.Crontab.FilterOn && i < len(c.Crontab.Exclude); i++ {
			line += " --exclude=\"" + c.Crontab.Exclude[i].Text + "\""
		}
	}
	words, err := shell.Fields(line, func(string) string { return "" })
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return squeeze(words)
}

// squeeze joins words and drops their blanks: 2.5.4 had the shell split a name that has blanks
// around it.
func squeeze(words []string) string {
	return strings.ReplaceAll(strings.Join(words, ""), " ", "")
}

func contains(all []string, s string) bool {
	return slices.Contains(all, s)
}
