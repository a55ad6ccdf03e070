package app

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sersync/sersync/pkg/checkreport"
	"github.com/sersync/sersync/pkg/confxml"
)

var update = flag.Bool("update", false, "write what --check says now into testdata/check")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// probes is how many configurations were recorded with 2.5.4.
const probes = 51

// TestCheckOfEachProbe compares what --check says about each recorded configuration. The
// configurations name directories of a host; here these directories are made below a directory of
// the test, and the output is compared with the names of the file.
func TestCheckOfEachProbe(t *testing.T) {
	files, err := filepath.Glob("../confxml/testdata/probes/9*.xml")
	if err != nil || len(files) != probes {
		t.Fatalf("%d probes (%v), want %d", len(files), err, probes)
	}
	host := fakeHost(t)
	places := strings.NewReplacer(`"/opt/`, `"`+host+`/opt/`, `"/tmp/`, `"`+host+`/tmp/`, `"/etc/`, `"`+host+`/etc/`,
		`'/opt/`, `'`+host+`/opt/`, `'/tmp/`, `'`+host+`/tmp/`, `'/etc/`, `'`+host+`/etc/`)
	for _, file := range files {
		number := filepath.Base(file)[:3]
		t.Run(number, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var text string
			var ok bool
			conf, err := confxml.Parse("confxml.xml", []byte(places.Replace(string(data))))
			if err != nil {
				text = "error: " + err.Error() + "\n"
			} else {
				text, ok = checked(t, conf, true)
			}
			if ok != strings.HasSuffix(text, "\nok\n") || !ok && !strings.Contains(text, "error: ") {
				t.Errorf("the verdict is %v and the text says otherwise:\n%s", ok, text)
			}
			compareGolden(t, filepath.Join("testdata", "check", number+".txt"), strings.ReplaceAll(text, host, ""))
		})
	}
}

// Also where only a plugin runs, whoever can write to the file can have commands run.
func TestCheckOfAPluginNamesAnOpenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.xml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	if text, _ := checked(t, confxml.Config{File: file}, false); !strings.Contains(text, "every user of this host can change it") {
		t.Error(text)
	}
}

func checked(t *testing.T, conf confxml.Config, sync bool) (text string, ok bool) {
	t.Helper()
	return rendered(t, check(t.Context(), conf, sync, nil))
}

func rendered(t *testing.T, report checkreport.Report) (text string, ok bool) {
	t.Helper()
	var b strings.Builder
	if err := report.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String(), report.OK()
}

// TestCheckInJSON runs --check --json on files with one problem of each kind, and on a file that is
// no configuration.
func TestCheckInJSON(t *testing.T) {
	host := fakeHost(t)
	data, err := os.ReadFile("../confxml/testdata/probes/901_syn-crlf.xml")
	if err != nil {
		t.Fatal(err)
	}
	sound := strings.NewReplacer(`"/opt/`, `"`+host+`/opt/`, `"/tmp/`, `"`+host+`/tmp/`).Replace(string(data))
	type finding struct {
		Severity, Element, Message, Remedy string
		Line                               int
	}
	for name, c := range map[string]struct {
		text    string
		finding finding
	}{
		"sound":          {text: sound},
		"not xml":        {"<head", finding{"error", "", "unmatched end tag", "add its end tag", 1}},
		"parameters":     {strings.Replace(sound, "-artuz", "-artuzn", 1), finding{"error", "sersync/rsync/commonParams@params", "nothing is ever sent", "remove it", 30}},
		"left out":       {strings.Replace(sound, "-artuz", "-avz", 1), finding{"note", "sersync/rsync/commonParams@params", "-v: left out", "debug", 30}},
		"a warning":      {strings.Replace(sound, `ip="127.0.0.1"`, `ip="127.0.0.1:9"`, 1), finding{"warning", "sersync/localpath/remote@ip", "with the port 9", `port="9"`, 25}},
		"bad expression": {strings.NewReplacer(`<filter start="false">`, `<filter start="true">`, `(.*)\.gz`, `(`).Replace(sound), finding{"error", "filter/exclude@expression", "is not a regular expression", "correct", 8}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "c.xml")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, status := program(t, "--check", "--json", "-o", file)
			var report struct {
				OK         bool
				File       string
				Findings   []finding
				Localpaths []struct {
					Watch string
					Lanes []struct {
						Remote   string
						Commands map[string][]string
					}
				}
			}
			if err := json.Unmarshal(out, &report); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if report.OK != (status == 0) || report.OK == (c.finding.Severity == "error") || report.File != file {
				t.Errorf("ok is %v with status %d: %s", report.OK, status, out)
			}
			if c.finding == (finding{}) != (len(report.Findings) == 0) || len(report.Findings) > 1 {
				t.Fatalf("findings: %+v", report.Findings)
			}
			for _, f := range report.Findings {
				if f.Severity != c.finding.Severity || f.Line != c.finding.Line || f.Element != c.finding.Element ||
					!strings.Contains(f.Message, c.finding.Message) || !strings.Contains(f.Remedy, c.finding.Remedy) {
					t.Errorf("got %+v, want %+v", f, c.finding)
				}
			}
			if name == "sound" && (len(report.Localpaths) != 1 || len(report.Localpaths[0].Lanes) != 1 || report.Localpaths[0].Lanes[0].Commands["full_sync"][0] != "rsync") {
				t.Errorf("no commands: %s", out)
			}
		})
	}
}

// program runs the program with a command line, and returns its standard output and its exit
// status.
func program(t *testing.T, args ...string) ([]byte, int) {
	t.Helper()
	stdout, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	p := Program{Argv: append([]string{"sersync"}, args...), Stdout: stdout, Stderr: stdout, Getenv: os.Getenv}
	status := p.Main()
	out, err := os.ReadFile(stdout.Name())
	if err != nil {
		t.Fatal(err)
	}
	return out, status
}

// fakeHost makes the files and directories that the shipped configuration names.
func fakeHost(t *testing.T) string {
	t.Helper()
	host := t.TempDir()
	for _, dir := range []string{"opt/tongbu", "opt/second", "tmp", "etc"} {
		if err := os.MkdirAll(filepath.Join(host, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(host, "etc/rsync.pas"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return host
}

func compareGolden(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s differs; run with -update if this is meant:\n%s", file, text)
	}
}
