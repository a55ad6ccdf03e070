package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) { Main(m) }

// rsync runs the real rsync and returns its output and status.
func rsync(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command("rsync", args...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestRsyncdServesItsModules(t *testing.T) {
	src, dst := twins(t)
	password := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(password, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	target := t.TempDir() + "/target"
	d := Rsyncd(t, RsyncdConf{
		Motd:    "a greeting\n",
		Secrets: map[string]string{"bob": "secret"},
		Modules: []Module{
			{Name: "open", Path: target},
			{Name: "auth", Path: target + "2", Options: []string{"auth users = bob", "list = no"}},
			{Name: "ro", Path: dst.Src, Options: []string{"read only = yes"}},
			{Name: "away", Path: dst.Src, Options: []string{"hosts deny = *"}},
		},
	})
	url := func(module string) string { return "rsync://127.0.0.1/" + module }
	port := "--port=" + itoa(d.Port())

	if out, code := rsync(t, "-aH", port, src.Src+"/", url("open")); code != 0 {
		t.Fatalf("open module: %d %s", code, out)
	}
	if diff := Equal(src.Src, target, full); len(diff) != 0 {
		t.Error(diff)
	}
	if out, code := rsync(t, "-a", port, "--password-file="+password, src.Src+"/", "bob@127.0.0.1::auth"); code != 0 {
		t.Errorf("right secret: %d %s", code, out)
	}
	if _, code := rsync(t, "-a", port, "--password-file="+password, src.Src+"/", "eve@127.0.0.1::auth"); code != 5 {
		t.Errorf("wrong user: status %d, want 5", code)
	}
	for _, module := range []string{"ro", "away"} {
		if _, code := rsync(t, "-a", port, src.Src+"/", url(module)); code == 0 {
			t.Errorf("module %s: written to", module)
		}
	}
	out, _ := rsync(t, port, "rsync://127.0.0.1/")
	if !strings.Contains(out, "a greeting") || !strings.Contains(out, "open") || strings.Contains(out, "auth") {
		t.Errorf("module list: %q", out)
	}
	if !strings.Contains(d.Log(), "from bob@") || !strings.Contains(d.Log(), "auth failed on module auth") {
		t.Errorf("log: %q", d.Log())
	}
}

func TestRsyncdStopsFreezesAndComesBack(t *testing.T) {
	src, _ := twins(t)
	d := Rsyncd(t, RsyncdConf{Modules: []Module{{Name: "m", Path: t.TempDir() + "/m"}}})
	send := func() int {
		_, code := rsync(t, "-a", "--contimeout=2", "--timeout=2", "--port="+itoa(d.Port()), src.Src+"/", "127.0.0.1::m")
		return code
	}
	steps := []struct {
		do   func()
		want bool
	}{{func() {}, true}, {d.Stop, false}, {d.Start, true}, {d.Freeze, false}, {d.Thaw, true}}
	for i, s := range steps {
		s.do()
		if code := send(); (code == 0) != s.want {
			t.Errorf("step %d: rsync exits %d", i, code)
		}
	}
}

func TestSshdLetsTheClientIn(t *testing.T) {
	src, _ := twins(t)
	target := t.TempDir()
	s := Sshd(t)
	if out, code := rsync(t, "-aH", "-e", filepath.Join(s.Bin, "ssh"), src.Src+"/", "127.0.0.1:"+target); code != 0 {
		t.Fatalf("rsync over ssh: %d %s\n%s", code, out, s.Log())
	}
	if diff := Equal(src.Src, target, full); len(diff) != 0 {
		t.Error(diff)
	}
	s.Stop()
	if _, code := rsync(t, "-a", "-e", "ssh -F "+s.ClientConfig, src.Src+"/", "127.0.0.1:"+target); code == 0 {
		t.Error("a stopped server was reached")
	}
}

func TestRecorderLogsAndRuns(t *testing.T) {
	src, _ := twins(t)
	target := t.TempDir()
	r := NewRecorder(t, RecorderConf{})
	cmd := exec.Command(r.Program, "-a", "--exclude=a b\nc", "./", target)
	cmd.Dir = src.Src
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if diff := Equal(src.Src, target, Compare{}); len(diff) != 0 {
		t.Error(diff)
	}
	runs := r.Runs()
	if len(runs) != 1 || r.Count() != 1 || runs[0].Dir != src.Src || runs[0].Args[1] != "--exclude=a b\nc" || len(runs[0].Args) != 4 {
		t.Errorf("recorded %+v", runs)
	}
}

func TestRecorderFailsInTurn(t *testing.T) {
	r := NewRecorder(t, RecorderConf{Exit: []int{12, 1000, 0, 23}})
	var got []int
	for range 5 {
		cmd := exec.Command(r.Program, "--help")
		cmd.Run()
		got = append(got, cmd.ProcessState.ExitCode())
	}
	want := []int{12, -1, 0, 23, 23}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("exit statuses %v, want %v", got, want)
		}
	}
}

func TestSettledWaitsForQuiet(t *testing.T) {
	start, n := time.Now(), 0
	ok := Settled(50*time.Millisecond, 5*time.Second, func() string {
		n++
		return itoa(min(n, 20))
	})
	if !ok || n < 20 || time.Since(start) < 50*time.Millisecond {
		t.Errorf("settled %v after %d looks", ok, n)
	}
	if Settled(time.Second, 50*time.Millisecond, func() string { n++; return itoa(n) }) {
		t.Error("settled while the value changed with every look")
	}
}
