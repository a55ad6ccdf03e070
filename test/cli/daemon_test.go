package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// hostileNames are possible names of files; none of them is one of a temporary file.
func hostileNames() []string {
	return []string{
		"two words", "'single'", `"double"`, "$HOME", "${IFS}", "`touch pwned`", "$(touch pwned)", "a;touch pwned", "a\nb", "-rf",
		"--exclude=x", "*", "?", "[ab]", "a*b", `back\slash`, "\xff\xfe\x80", "#x", ";x", "!x", " leading", "trailing ", "tab\there",
		"{a,b}", "a|b", "a&b", "a>b", "\x01\x1b[31m", strings.Repeat("n", 255), strings.Repeat("\xe4\xb8\xad", 85),
	}
}

// TestHostileNames: each name is synced and deleted like any other, for a file, for a directory,
// and inside of one. No shell ever gets it.
func TestHostileNames(t *testing.T) {
	s := newScene(t)
	s.write(filepath.Join(s.src, "first"), "text")
	app := s.start("-r")
	s.inSync()
	for _, name := range hostileNames() {
		s.write(filepath.Join(s.src, "files", name), "text")
		s.write(filepath.Join(s.src, "dirs", name, name), "text")
		s.write(filepath.Join(s.src, name+"f"[:min(1, 255-len(name))]), "text") // directly in the root
	}
	s.equal(testkit.Compare{})
	got, err := os.ReadDir(filepath.Join(s.dst, "files"))
	s.must(err)
	if len(got) != len(hostileNames()) {
		t.Errorf("%d names arrived, want %d", len(got), len(hostileNames()))
	}
	s.write(filepath.Join(s.src, "last"), "stays")
	for _, name := range hostileNames() {
		s.must(os.Remove(filepath.Join(s.src, "files", name)))
		s.must(os.RemoveAll(filepath.Join(s.src, "dirs", name)))
		s.must(os.RemoveAll(filepath.Join(s.src, name+"f"[:min(1, 255-len(name))])))
	}
	s.equal(testkit.Compare{})
	for _, dir := range []string{s.src, s.dst, s.set.Dir} {
		if _, err := os.Lstat(filepath.Join(dir, "pwned")); err == nil {
			t.Errorf("a shell has seen a name: %s/pwned", dir)
		}
	}
	s.stop(app)
}

// TestDaemonReturnsOnceWatchesStand: a change that is made after -d has returned is synced, the pid
// file exists, and standard output goes on to where it was redirected.
func TestDaemonReturnsOnceWatchesStand(t *testing.T) {
	s := newScene(t)
	for i := range 200 { // setting the watches takes a moment
		s.must(os.MkdirAll(filepath.Join(s.src, fmt.Sprint("d", i), "e", "f"), 0o755))
	}
	pidFile := filepath.Join(s.set.Dir, "sersync.pid")
	app := s.start("-d", "--pid-file", pidFile)
	if code := app.Wait(limit); code != 0 {
		t.Fatalf("exit status %d\n%s", code, app.Stderr())
	}
	s.write(filepath.Join(s.src, "d199", "e", "f", "new"), "text")
	s.equal(testkit.Compare{})
	text, err := os.ReadFile(pidFile)
	s.must(err)
	pid := strings.TrimSpace(string(text))
	line, err := os.ReadFile("/proc/" + pid + "/cmdline")
	if err != nil || !bytes.Contains(line, []byte(s.file())) || pid == fmt.Sprint(app.PID()) {
		t.Errorf("pid file names %q: %q, %v", pid, line, err)
	}
	if out := app.Stdout(); !strings.Contains(out, "option: -d \trun as a daemon\n") || !strings.Contains(out, "watch path is: "+s.src) {
		t.Errorf("redirected output:\n%s", out)
	}
	app.Signal(syscall.SIGINT) // the terminal's Ctrl-C does not end a daemon
	s.write(filepath.Join(s.src, "after"), "SIGINT")
	s.equal(testkit.Compare{})
	app.Signal(syscall.SIGTERM)
	s.gone(app)
	if _, err := os.Stat(pidFile); !os.IsNotExist(err) {
		t.Errorf("the pid file is left: %v", err)
	}
}

// TestStopWhileSending: an rsync that is running does not keep the program from ending in time, and
// ends with it.
func TestStopWhileSending(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.set.Params = "-artu --bwlimit=50"
			app := s.start()
			s.write(filepath.Join(s.src, "big"), strings.Repeat("0123456789abcdef", 1<<18)) // sending it takes 80 s
			testkit.Eventually(t, limit, "it is being sent", func() bool {
				found, _ := filepath.Glob(filepath.Join(s.dst, ".big.*"))
				more, _ := filepath.Glob(filepath.Join(s.dst, ".sersync-partial", "*"))
				return len(found)+len(more) > 0
			})
			began := time.Now()
			app.Signal(sig)
			if code := app.Wait(30 * time.Second); code != 0 {
				t.Errorf("exit status %d\n%s", code, app.Stderr())
			}
			s.gone(app)
			t.Logf("ended after %v", time.Since(began))
		})
	}
}

// TestVerify: --verify prints the differences, reports them by its exit status and in the status,
// and changes nothing.
func TestVerify(t *testing.T) {
	s := newScene(t)
	s.write(filepath.Join(s.src, "same"), "same")
	s.write(filepath.Join(s.src, "changed"), "old")
	app := s.start("-r")
	s.equal(testkit.Compare{})
	s.inSync()
	if out, code := s.ask("--verify"); code != 0 || !strings.Contains(out, ": no difference\n") {
		t.Errorf("nothing differs: %d\n%s", code, out)
	}
	s.write(filepath.Join(s.dst, "changed"), "newer on the target")
	s.write(filepath.Join(s.dst, "theirs"), "only there")
	s.must(os.Remove(filepath.Join(s.dst, "same")))
	before := s.listing(s.dst)
	out, code := s.ask("--verify")
	if code != 1 || !strings.Contains(out, ": 1 differing, 1 newer on the remote, 1 only on the remote\n  same\n  newer on the remote: changed\n  only on the remote: theirs\n  1 file is newer on the remote") {
		t.Errorf("two differ, one is only there: %d\n%s", code, out)
	}
	if after := s.listing(s.dst); after != before {
		t.Errorf("the target was changed:\n%s\nbefore:\n%s", after, before)
	}
	if out, code := s.ask("--status"); code != 2 || !strings.Contains(out, "1 differing, 1 newer on the remote, 1 only on the remote") || !strings.Contains(out, "degraded, 1 entry is only on the remote, 1 file is newer on the remote, 1 path has been found to differ") {
		t.Errorf("the status does not show it: %d\n%s", code, out)
	}
	if out, code := s.ask("--wait=60"); code != 2 {
		t.Errorf("--wait: %d\n%s", code, out)
	}
	if out, code := s.ask("--verify", "--json"); code != 1 || !strings.Contains(out, `"differing":1,"newer":1`) {
		t.Errorf("--json: %d\n%s", code, out)
	}
	if _, code := s.ask("--verify=nonsense"); code != 1 {
		t.Errorf("an unknown lane: %d", code)
	}
	s.stop(app)
	app = s.start()
	if out, code := s.ask("--status"); code != 2 || !strings.Contains(out, "1 entry is only on the remote") {
		t.Errorf("after a restart: %d\n%s", code, out)
	}
	if _, code := s.ask("--resync"); code != 0 {
		t.Errorf("--resync: %d", code)
	}
	if out, code := s.ask("--wait=60"); code != 2 || strings.Contains(out, "only on the remote") || !strings.Contains(out, "1 file is newer on the remote") {
		t.Errorf("after --resync: %d\n%s", code, out)
	}
	s.stop(app)
	if _, code := s.ask("--verify"); code != 3 {
		t.Errorf("not running: %d, want 3", code)
	}
}

// TestPauseAndResume: while a lane is paused its changes are collected.
func TestPauseAndResume(t *testing.T) {
	s := newScene(t)
	s.write(filepath.Join(s.src, "first"), "text")
	app := s.start("-r")
	s.equal(testkit.Compare{})
	if out, code := s.ask("--pause", "1"); code != 0 || !strings.HasPrefix(out, "lane 1, "+s.src) || !strings.Contains(out, ": paused") {
		t.Fatalf("--pause: %d\n%s", code, out)
	}
	s.write(filepath.Join(s.src, "f"), "text")
	testkit.Eventually(t, limit, "the status says paused, with something pending", func() bool {
		out, code := s.ask("--status", "--json")
		return strings.Contains(out, `"paused"`) && strings.Contains(out, `"pending":1`) && code != 3
	})
	if _, err := os.Stat(filepath.Join(s.dst, "f")); err == nil {
		t.Error("synced while paused")
	}
	if out, code := s.ask("--resume", filepath.Base(s.src)+"#"); code != 0 || !strings.Contains(out, ": sends again") {
		t.Fatalf("--resume: %d\n%s", code, out)
	}
	s.equal(testkit.Compare{})
	s.stop(app)
}

// reloadFile is the file that the nth write is about. There is a bounded number of them: however
// long the reloads take on a busy machine, the remotes have that many to catch up with.
func reloadFile(src string, n int) string {
	n %= 10_000
	return filepath.Join(src, fmt.Sprint("d", n%7), fmt.Sprint("f", n))
}

// TestReload: files are written as fast as possible while SIGHUP has the configuration read again.
// No change is lost, a watch that stays keeps its descriptor, and a file that cannot be used
// changes nothing.
func TestReload(t *testing.T) {
	s := newScene(t)
	second, extra := s.dir("second"), s.dir("dst/second")
	third := s.dir("dst3")
	other := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "o", Path: third}, {Name: "p", Path: extra}}})
	app := s.daemon()
	quit, done := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-quit:
				done <- n
				return
			default:
			}
			name := reloadFile(s.src, n)
			_ = os.MkdirAll(filepath.Dir(name), 0o755)
			_ = os.WriteFile(name, []byte(fmt.Sprint(n)), 0o644)
			if n%5 == 0 {
				_ = os.Remove(reloadFile(s.src, n/2))
			}
		}
	}()
	reload := func() {
		t.Helper()
		count := strings.Count(s.logged(), "configuration read again")
		s.configure()
		app.Signal(syscall.SIGHUP)
		testkit.Eventually(t, limit, "the file is read again", func() bool {
			return strings.Count(s.logged(), "configuration read again") > count
		})
	}
	watches := inotifyLines(t, app)
	s.set.Remotes = append(s.set.Remotes, testkit.At(other.Port(), "o"))
	reload()
	for line := range watches {
		if !inotifyLines(t, app)[line] {
			t.Errorf("the watch is lost: %s", line)
		}
	}
	s.set.Params = "-artu"
	reload()
	s.set.Exclude = []string{`never`}
	reload()
	more := s.set
	more.Watch, more.Remotes = second, []string{testkit.At(other.Port(), "p")}
	s.set.More = []string{more.LocalPath()}
	reload()
	s.write(filepath.Join(second, "f"), "second localpath")
	testkit.Eventually(t, limit, "the new localpath is synced", func() bool { _, err := os.Stat(filepath.Join(extra, "f")); return err == nil })
	s.set.More = nil
	reload()
	s.must(os.WriteFile(s.file(), []byte("<head><broken"), 0o600))
	app.Signal(syscall.SIGHUP)
	s.logs("configuration not usable, the old one stays")
	s.configure()
	close(quit)
	t.Logf("%d files written", <-done)
	// Nobody has requested a mirror run for the third remote. Files that were deleted while a
	// reload made another watch may stay there; then the status says so.
	testkit.WaitEqual(t, s.src, third, testkit.Compare{Extra: testkit.AnyExtra}, limit)
	if len(testkit.Equal(s.src, third, testkit.Compare{})) > 0 {
		testkit.Eventually(t, limit, "it is said that the remote has more", func() bool {
			out, _ := s.ask("--status")
			return strings.Contains(out, "only on the remote") || len(testkit.Equal(s.src, third, testkit.Compare{})) == 0
		})
	}
	if out, code := s.ask("--resync"); code != 0 {
		t.Fatalf("--resync: %d\n%s", code, out)
	}
	testkit.WaitEqual(t, s.src, third, testkit.Compare{}, limit)
	s.equal(testkit.Compare{Extra: func(path string) bool { return path == "second" || strings.HasPrefix(path, "second/") }})
	app.Signal(syscall.SIGTERM)
	s.gone(app)
}

// TestARefusedReloadIsNoted: until a new configuration can be used, the status says that it is not
// in use.
func TestARefusedReloadIsNoted(t *testing.T) {
	s := newScene(t)
	app := s.daemon()
	reload := func(watch string) {
		s.set.Watch = watch
		s.configure()
		app.Signal(syscall.SIGHUP)
	}
	noted := func() bool {
		out, _ := s.ask("--status")
		return strings.Contains(out, "note: configuration not usable, the old one stays") && strings.Contains(out, "correct "+s.file())
	}
	watch := s.set.Watch
	reload(s.path("missing"))
	testkit.Eventually(t, limit, "the status says so", noted)
	reload(watch)
	testkit.Eventually(t, limit, "the note is gone", func() bool { return !noted() })
	app.Signal(syscall.SIGTERM)
	s.gone(app)
}

// inotifyLines returns the inotify watches of the program (proc(5), fdinfo).
func inotifyLines(t *testing.T, app *testkit.Sersync) map[string]bool {
	t.Helper()
	lines := app.Watches()
	if len(lines) == 0 {
		t.Error("no watches found")
	}
	return lines
}

// TestPasswordReachesRsyncOnly: RSYNC_PASSWORD works as it does with rsync itself, in the
// foreground and as a daemon. No command of a plugin gets it.
func TestPasswordReachesRsyncOnly(t *testing.T) {
	for _, args := range [][]string{nil, {"-d"}} {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			s := newScene(t)
			rsyncd := testkit.Rsyncd(t, testkit.RsyncdConf{
				Modules: []testkit.Module{{Name: "m", Path: s.dst, Options: []string{"auth users = bob"}}}, Secrets: map[string]string{"bob": "secret"},
			})
			s.set.Remotes = []string{testkit.At(rsyncd.Port(), "m") + ` user="bob"`}
			script, seen := s.path("plugin.sh"), s.path("seen")
			s.must(os.WriteFile(script, []byte("#!/bin/sh\nenv > "+seen+".new && mv "+seen+".new "+seen+"\n"), 0o755))
			config := edited(t, s.set.XML(), `<plugin start="false" name="command"/>`, `<plugin start="true" name="command"/>`, "</head>",
				`<plugin name="command"><param prefix="`+script+`" suffix="" ignoreError="true"/><filter start="false"/></plugin></head>`)
			app := s.startWith(testkit.Options{Config: config, Env: []string{"RSYNC_PASSWORD=secret", "KEPT=yes"}}, args...)
			s.write(filepath.Join(s.src, "f"), "text")
			s.equal(testkit.Compare{})
			var env []byte
			testkit.Eventually(t, limit, "the command runs", func() bool { env, _ = os.ReadFile(seen); return len(env) > 0 })
			if bytes.Contains(env, []byte("RSYNC_PASSWORD")) || !bytes.Contains(env, []byte("KEPT=yes")) {
				t.Errorf("environment of the command:\n%s", env)
			}
			app.Signal(syscall.SIGTERM)
			s.gone(app)
		})
	}
}
