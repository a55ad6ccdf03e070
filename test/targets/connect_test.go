package targets

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// tried runs --check --connect on the scene's configuration, and returns the command after it has
// ended.
func (s *scene) tried(more testkit.Options, args ...string) *testkit.Sersync {
	s.t.Helper()
	c := s.trying(more, args...)
	c.Wait(limit)
	return c
}

func (s *scene) trying(more testkit.Options, args ...string) *testkit.Sersync {
	s.t.Helper()
	more.Config, more.Dir, more.NoWait, more.Path = s.set.XML(), s.scratch, true, s.path
	more.File = filepath.Join(s.scratch, "tried.xml")
	more.Args = append([]string{"--check", "--connect", "-o", more.File}, args...)
	return testkit.Start(s.t, more)
}

// left lists the probes that a check has left on the target.
func (s *scene) left() (probes []string) {
	entries, err := os.ReadDir(s.dst)
	s.must(err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".sersync-probe-") {
			probes = append(probes, e.Name())
		}
	}
	return probes
}

// TestConnect runs the documented command on a site with a daemon and an sshd, in English, in
// Chinese, and as JSON: everything is ready. Then it runs the command with a module that does not
// exist.
func TestConnect(t *testing.T) {
	s := newSSH(t, "")
	d := rsyncd(s.scene, nil)
	s.set.Remotes = append([]string{testkit.At(d.Port(), "m")}, s.set.Remotes...)
	s.write("before", "a", "b/c")
	run := s.tried(testkit.Options{})
	if run.Wait(limit) != 0 || !strings.HasSuffix(run.Stdout(), "ready: lanes tried: 2\n") || !strings.Contains(run.Stdout(), "a probe was written, looked at and deleted again") {
		t.Errorf("%s\n%s", run.Stdout(), run.Stderr())
	}
	if run := s.tried(testkit.Options{Env: []string{"LC_ALL=zh_CN.UTF-8"}}); !strings.HasSuffix(run.Stdout(), "就绪：已检测 2 条通道\n") {
		t.Errorf("%s\n%s", run.Stdout(), run.Stderr())
	}
	s.set.Remotes = append(s.set.Remotes, testkit.At(d.Port(), "other"))
	if run := s.tried(testkit.Options{Env: []string{"LC_ALL=zh_CN.UTF-8"}}); !strings.Contains(run.Stdout(), "远端没有这个模块") || !strings.Contains(run.Stdout(), "或在那里添加 [other]") {
		t.Errorf("%s\n%s", run.Stdout(), run.Stderr())
	}
	run = s.tried(testkit.Options{}, "--json")
	var report struct {
		OK      bool
		Connect struct {
			OK    bool
			Lanes []struct {
				OK    bool
				Steps []struct {
					Topic, Result, Message, Remedy string
					Mend                           []struct{ Lines []string }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(run.Stdout()), &report); err != nil {
		t.Fatalf("%v: %s", err, run.Stdout())
	}
	lanes := report.Connect.Lanes
	if run.Wait(limit) != 1 || report.OK || report.Connect.OK || len(lanes) != 3 || !lanes[0].OK || !lanes[1].OK || lanes[2].OK {
		t.Fatalf("%+v", report)
	}
	last := lanes[2].Steps[len(lanes[2].Steps)-1]
	if last.Topic != "module" || last.Result != "error" || len(last.Mend) != 1 || last.Mend[0].Lines[0] != "[other]" {
		t.Errorf("%+v", last)
	}
	if left := s.left(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestConnectBesideOthers: the check finds a sersync that serves the tree by its lock, and finds a
// sersync with another state directory, and 2.5.4, by their watches. The sersync that runs does not
// send the probes to its remotes.
func TestConnectBesideOthers(t *testing.T) {
	t.Parallel()
	s := newScene(t, "")
	d := rsyncd(s, nil)
	s.set.Remotes = []string{testkit.At(d.Port(), "m")}
	s.start()
	if run := s.tried(testkit.Options{}); run.Wait(limit) != 0 || !strings.Contains(run.Stdout(), "sersync (pid "+strconv.Itoa(s.app.PID())+") serves it to 127.0.0.1::m now") {
		t.Errorf("%s\n%s", run.Stdout(), run.Stderr())
	}
	s.set.Dir = t.TempDir()
	if run := s.tried(testkit.Options{}); run.Wait(limit) != 0 || !strings.Contains(run.Stdout(), "stop it before sersync is started") {
		t.Errorf("%s\n%s", run.Stdout(), run.Stderr())
	}
	if left := s.left(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestConnectInterrupted: the probes are deleted even after Ctrl-C. The daemon is slow at each run.
func TestConnectInterrupted(t *testing.T) {
	t.Parallel()
	s := newScene(t, "")
	d := rsyncd(s, nil, "pre-xfer exec = /bin/sleep 1")
	s.set.Remotes = []string{testkit.At(d.Port(), "m")}
	run := s.trying(testkit.Options{})
	testkit.Eventually(t, limit, "the probe is there", func() bool { return len(s.left()) > 0 })
	run.Signal(syscall.SIGINT)
	if status := run.Wait(limit); status != 1 || !strings.Contains(run.Stdout(), "interrupted: the rest was not tried") {
		t.Errorf("status %d\n%s\n%s", status, run.Stdout(), run.Stderr())
	}
	if left := s.left(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestConnectNotRoot: an ordinary user can try a site. If the daemon may not write, the report has
// the lines that repair that.
func TestConnectNotRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can run it as somebody else")
	}
	t.Parallel()
	const nobody = 65534
	s := newScene(t, "-rt")
	d := rsyncd(s, nil, "uid = nobody", "gid = nogroup")
	s.set.Remotes = []string{testkit.At(d.Port(), "m")}
	as := testkit.Options{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	run := s.tried(as)
	if run.Wait(limit) != 1 || !strings.Contains(run.Stdout(), "let the uid of [m] in the rsyncd.conf on 127.0.0.1 write there") || !strings.Contains(run.Stdout(), "uid = root\n") {
		t.Errorf("%s\n%s", run.Stdout(), run.Stderr())
	}
	s.must(os.Chmod(s.dst, 0o777))
	if run := s.tried(as); run.Wait(limit) != 0 || !strings.Contains(run.Stdout(), "ready: lanes tried: 1") {
		t.Errorf("%s\n%s", run.Stdout(), run.Stderr())
	}
	if left := s.left(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
