package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// TestStopAndReload: --stop and --reload print what they did, and to which process. If the
// configuration cannot be used --reload prints the reason, and the old one stays in use.
func TestStopAndReload(t *testing.T) {
	s := newScene(t)
	app := s.start("-r")
	s.equal(testkit.Compare{})
	process := fmt.Sprintf("process %d ", app.PID())

	s.set.Exclude = []string{`never`}
	s.configure()
	if out, code := s.ask("--reload"); code != 0 || out != process+"has read the configuration again, "+s.file()+"\n" {
		t.Errorf("--reload: %d %q", code, out)
	}
	s.logs("configuration read again")

	s.configure(`watch="`, `watch="/nonexistent`)
	if out, errs, code := s.run("--reload", "-o", s.file()); code != 1 || out != "" || !strings.Contains(errs, "/nonexistent") {
		t.Errorf("--reload of what cannot be used: %d %q %q", code, out, errs)
	}
	s.configure()
	s.write(s.src+"/after", "text")
	s.equal(testkit.Compare{})

	if out, code := s.ask("--stop"); code != 0 || out != process+"has stopped, "+s.file()+"\n" {
		t.Errorf("--stop: %d %q", code, out)
	}
	if code := app.Wait(limit); code != 0 {
		t.Errorf("exit status %d", code)
	}
	for _, again := range []string{"--stop", "--reload"} {
		if _, code := s.ask(again); code != 3 {
			t.Errorf("%s of nothing: %d, want 3", again, code)
		}
	}
}

// TestStatusOfAll: two instances are found although no option names their configuration files, also
// when <state dir> names another directory.
func TestStatusOfAll(t *testing.T) {
	one, two := newScene(t), newScene(t)
	first, second := one.start("-r"), two.start("-r")
	one.equal(testkit.Compare{})
	two.equal(testkit.Compare{})
	out, _, code := one.run("--status", "--all")
	if code > 2 {
		t.Errorf("exit status %d", code)
	}
	head, _, _ := strings.Cut(out, "\n")
	if !strings.Contains(head, ": instances of sersync on this host: ") {
		t.Errorf("the first line does not sum up: %s", head)
	}
	for _, file := range []string{one.file(), two.file()} {
		if strings.Count(out, ", "+file+"\n") != 1 {
			t.Errorf("%s is not shown once:\n%s", file, out)
		}
	}
	out, _, _ = one.run("--status", "--all", "--json")
	var all struct {
		Instances []struct {
			PID int `json:"pid"`
		} `json:"instances"`
	}
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	seen := map[int]int{}
	for _, i := range all.Instances {
		seen[i.PID]++
	}
	if seen[first.PID()] != 1 || seen[second.PID()] != 1 {
		t.Errorf("processes %d and %d are not there once: %v", first.PID(), second.PID(), seen)
	}
	one.stop(first)
	two.stop(second)
}

// TestCompletion: bash and zsh offer options, files, and the lanes of the running instance.
func TestCompletion(t *testing.T) {
	s := newScene(t)
	app := s.start("-r")
	s.inSync()
	lane := s.src + "#127.0.0.1"
	for _, tt := range []struct{ line, want string }{
		{"--re", "--reload\n--resume\n--resync\n"},
		{"-", "--stop\n"},
		{"-m s", "socket\n"},
		{"-dro " + s.set.Dir + "/conf", s.file() + "\n"},
		{"-o " + s.file() + " --pause " + s.src, lane},
		{"-o " + s.file() + " --resync = " + s.src, lane},
		{"--pause --st", "--status\n--stop\n"},
	} {
		words := strings.Fields("sersync " + tt.line)
		script := fmt.Sprintf("PATH=%s:$PATH; . %s/packaging/completion/sersync.bash; COMP_WORDS=(%s) COMP_CWORD=%d; _sersync sersync; printf '%%s\\n' \"${COMPREPLY[@]}\"",
			filepath.Dir(testkit.Build(t)), testkit.Repository(), "'"+strings.Join(words, "' '")+"'", len(words)-1)
		out, err := exec.Command("bash", "-c", script).CombinedOutput()
		if err != nil || !strings.Contains(string(out), tt.want) {
			t.Errorf("bash, %s: %v\n%swant %s", tt.line, err, out, tt.want)
		}
	}
	for _, tt := range []struct{ line, want string }{
		{"--re", "--reload\n--resume\n--resync\n"},
		{"-", "--stop\n"},
		{"-m s", "socket\n"},
		{"-dro " + s.set.Dir + "/conf", filepath.Base(s.file()) + "\n"},
		{"-o " + s.file() + " --pause " + s.src, lane},
		{"-o " + s.file() + " --resync=" + s.src, lane},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		cmd := exec.CommandContext(ctx, "zsh", "-f", "testdata/complete.zsh", testkit.Repository()+"/packaging/completion", "sersync "+tt.line)
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(testkit.Build(t))+":"+os.Getenv("PATH"))
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), tt.want) {
			t.Errorf("zsh, %s: %v\n%swant %s", tt.line, err, out, tt.want)
		}
		cancel()
	}
	s.stop(app)
}

// TestDaemonLetsGoOfItsCaller: a program that reads the output of "sersync -d" until its end, as
// ssh does, gets the lines of 2.5.4 and then the end of the output. The log goes on in a file that
// --log finds, also after the daemon has ended.
func TestDaemonLetsGoOfItsCaller(t *testing.T) {
	for _, debug := range []string{"false", "true"} {
		t.Run("debug "+debug, func(t *testing.T) {
			s := newScene(t)
			s.configure(`<log file="`+s.set.Log()+`" level="debug"/>`, "", `<debug start="false"`, `<debug start="`+debug+`"`)
			s.write(filepath.Join(s.src, "f"), "text")
			out, errs, code := s.run("-d", "-r", "-o", s.file())
			t.Cleanup(func() { s.ask("--stop") })
			if code != 0 || !strings.HasPrefix(out, "set the system param\n") || !strings.Contains(out, "\nwatch path is: "+s.src+"\n") {
				t.Fatalf("%d\n%s%s", code, out, errs)
			}
			if !strings.Contains(errs, "sersync: the log goes on in "+s.set.State()+"/output-") {
				t.Errorf("the caller is not told where the log is: %q", errs)
			}
			s.equal(testkit.Compare{})
			if out, code := s.ask("--reload"); code != 0 {
				t.Fatalf("--reload: %d\n%s", code, out)
			}
			const line = "configuration read again"
			testkit.Eventually(t, limit, "--log prints the log", func() bool {
				out, code := s.ask("--log")
				return code == 0 && strings.Contains(out, line)
			})
			if out, code := s.ask("--stop"); code != 0 {
				t.Fatalf("--stop: %d\n%s", code, out)
			}
			if out, code := s.ask("--log"); code != 0 || !strings.Contains(out, line) || strings.Contains(out, "\x1b[") {
				t.Errorf("--log after the end: %d\n%s", code, out)
			}
		})
	}
}

// TestLogWhereverItGoes: --log prints the file that the configuration names, and the file to which
// standard error was redirected.
func TestLogWhereverItGoes(t *testing.T) {
	s := newScene(t)
	app := s.start("-r")
	s.equal(testkit.Compare{})
	if out, code := s.ask("--log"); code != 0 || out == "" || !strings.Contains(s.logged(), out) {
		t.Errorf("the file of the configuration: %d\n%s", code, out)
	}
	s.stop(app)
	app = s.startWith(testkit.Options{Config: edited(t, s.set.XML(), `<log file="`+s.set.Log()+`" level="debug"/>`, "")})
	if out, code := s.ask("--reload"); code != 0 {
		t.Fatalf("--reload: %d\n%s", code, out)
	}
	testkit.Eventually(t, limit, "--log reads where standard error leads", func() bool {
		out, code := s.ask("--log")
		return code == 0 && strings.Contains(out, "configuration read again") && strings.Contains(app.Stderr(), out)
	})
	s.stop(app)
	if _, code := s.ask("--log"); code != 3 {
		t.Errorf("no log is left: %d, want 3", code)
	}
}
