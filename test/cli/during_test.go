package cli

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// holding makes each rsync wait at its start as long as the file hold exists; begun tells how many
// have been started.
func (s *scene) holding() (hold string, begun func() int) {
	s.t.Helper()
	dir := s.dir("holding")
	hold = filepath.Join(dir, "hold")
	s.set.Rsync = filepath.Join(dir, "rsync")
	s.set.NoStandby = true
	script := "#!/bin/sh\n: >'" + dir + "'/begun.$$\nwhile [ -e '" + hold + "' ]; do sleep 0.02; done\nexec rsync \"$@\"\n"
	s.must(os.WriteFile(s.set.Rsync, []byte(script), 0o755))
	return hold, func() int {
		found, _ := filepath.Glob(filepath.Join(dir, "begun.*"))
		return len(found)
	}
}

// takenOver is logged when a reload has been carried out.
const takenOver = "configuration applied"

// daemon starts the program with -r and -d, and waits until that command has returned and
// everything is in sync. A signal before the return would end the program.
func (s *scene) daemon() *testkit.Sersync {
	s.t.Helper()
	app := s.start("-r", "-d")
	if code := app.Wait(limit); code != 0 {
		s.t.Fatalf("exit status %d\n%s", code, app.Stderr())
	}
	s.inSync()
	return app
}

// TestAskedDuringReload: a run delays a reload, and meanwhile actions are requested. They are
// answered at once and carried out after the reload, for lanes that had already ended and for lanes
// that had not.
func TestAskedDuringReload(t *testing.T) {
	s := newScene(t)
	hold, begun := s.holding()
	idle, there := s.dir("idle"), s.dir("there")
	other := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: there}}})
	more := s.set
	more.Watch, more.Remotes = idle, []string{testkit.At(other.Port(), "m")}
	s.set.More = []string{more.LocalPath()}
	s.write(filepath.Join(s.src, "f"), "text")
	s.write(filepath.Join(idle, "f"), "text")
	app := s.daemon()
	s.equal(testkit.Compare{})

	s.must(os.WriteFile(hold, nil, 0o600))
	before := begun()
	s.write(filepath.Join(s.src, "g"), "text")
	testkit.Eventually(t, limit, "a run is under way", func() bool { return begun() > before })
	app.Signal(syscall.SIGHUP)
	s.logs("configuration read again")
	for _, ask := range [][]string{{"--resync"}, {"--pause", s.src}, {"--status"}} {
		if out, code := s.ask(ask...); code != 0 && (ask[0] != "--status" || code == 3) {
			t.Errorf("%q during a reload: exit %d\n%s", ask, code, out)
		}
	}
	s.must(os.Remove(hold))
	s.logs(takenOver)
	if out, _ := s.ask("--status", "--json"); !strings.Contains(out, `"paused"`) {
		t.Errorf("the pause has not outlived the reload:\n%s", out)
	}
	// There are two full syncs, that of -r and the requested one. The other lane is paused.
	full := func(dir string) int {
		n := 0
		for line := range strings.Lines(s.logged()) {
			if strings.Contains(line, "full sync done") && strings.Contains(line, "lane="+dir+"#") && strings.Contains(line, "mirror=true") {
				n++
			}
		}
		return n
	}
	testkit.Eventually(t, limit, "what was asked of a lane that had ended is carried out", func() bool { return full(idle) == 2 })
	if _, code := s.ask("--resume", s.src); code != 0 {
		t.Fatalf("--resume: %d", code)
	}
	testkit.Eventually(t, limit, "and of the one that ran", func() bool { return full(s.src) == 2 })
	s.equal(testkit.Compare{})
	app.Signal(syscall.SIGTERM)
	s.gone(app)
}

// TestReloadAppliesLog: level, form and place of the log are those of the configuration that was
// read last. The last line of the earlier log file says where the log goes on.
func TestReloadAppliesLog(t *testing.T) {
	s := newScene(t)
	s.write(filepath.Join(s.src, "f"), "text")
	app := s.daemon()
	s.equal(testkit.Compare{})
	first, second := s.set.Log(), s.path("second.log")
	element := `<log file="` + first + `" level="debug"/>`
	read := func(name string) string {
		b, _ := os.ReadFile(name)
		return string(b)
	}
	reload := func(with string) {
		t.Helper()
		s.configure(element, with)
		app.Signal(syscall.SIGHUP)
	}
	debugs := func() int { return strings.Count(read(first), " DEBUG ") }
	if debugs() == 0 {
		t.Fatal("level debug shows nothing")
	}

	reload(`<log file="` + first + `" level="info"/>`)
	s.logs(takenOver)
	before := debugs()
	s.write(filepath.Join(s.src, "quiet"), "text")
	s.equal(testkit.Compare{})
	if debugs() != before {
		t.Error("level info shows what is for debug")
	}

	reload(`<log file="` + second + `" level="debug" format="json"/>`)
	testkit.Eventually(t, limit, "entries come to the new place", func() bool { return strings.Contains(read(second), `"msg":"lane started"`) })
	if !strings.Contains(read(first), "the log goes on in another place file="+second+" format=json") {
		t.Errorf("the old place does not say where it goes on:\n%s", read(first))
	}
	old := read(first)
	s.write(filepath.Join(s.src, "loud"), "text")
	s.equal(testkit.Compare{})
	if read(first) != old {
		t.Errorf("the old place has new entries:\n%s", strings.TrimPrefix(read(first), old))
	}

	reload(`<log file="` + s.src + `" level="debug"/>`) // the file that is named is a directory
	testkit.Eventually(t, limit, "what cannot be used is said where the log is", func() bool {
		return strings.Contains(read(second), "the log of the new configuration cannot be used")
	})
	app.Signal(syscall.SIGTERM)
	s.gone(app)
}
