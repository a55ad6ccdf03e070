package daemon

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sersync/sersync/pkg/confxml"
)

var update = flag.Bool("update", false, "write what --check says now into testdata/check")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// probes is how many configurations were recorded with 2.5.4.
const probes = 51

// TestCheckOfEachProbe compares what --check says about the recorded
// configurations. They name directories of a host; here these lie below a
// directory of the test, and the output names them as the file does.
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
			text, ok := "", false
			conf, err := confxml.Parse("confxml.xml", []byte(places.Replace(string(data))))
			if err != nil {
				text = "error: " + err.Error() + "\n"
			} else {
				text, ok = Check(conf, true)
			}
			if ok != strings.HasSuffix(text, "\nok\n") || !ok && !strings.Contains(text, "error: ") {
				t.Errorf("the verdict is %v and the text says otherwise:\n%s", ok, text)
			}
			compareGolden(t, filepath.Join("testdata", "check", number+".txt"), strings.ReplaceAll(text, host, ""))
		})
	}
}

// Where only a plugin runs, too, whoever can write the file runs commands.
func TestCheckOfAPluginNamesAnOpenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.xml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	if text, _ := Check(confxml.Config{File: file}, false); !strings.Contains(text, "every user of this host can change it") {
		t.Error(text)
	}
}

// fakeHost has what the shipped configuration names.
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
