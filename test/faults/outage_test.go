package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// outageTime is how long an outage lasts: long enough for a few attempts.
const outageTime = 4 * time.Second

// outage is a way in which a remote stops serving.
type outage struct {
	name  string
	setup func(*site)
	// begin and end begin and end the outage; nothing may arrive between them.
	begin, end func(*site)
}

// site is a scene with a second remote that never fails.
type site struct {
	*scene
	dst2   string
	second *testkit.RsyncDaemon
	holder *exec.Cmd
}

// module writes the daemon's configuration anew, and restarts the daemon.
func (s *site) module(name string, lines ...string) {
	s.t.Helper()
	text := fmt.Sprintf("use chroot = no\nuid = %d\ngid = %d\n[%s]\npath = %s\n", os.Getuid(), os.Getgid(), name, s.dst)
	if !strings.Contains(strings.Join(lines, "\n"), "read only") {
		text += "read only = no\n"
	}
	text += strings.Join(lines, "\n") + "\n"
	// A daemon reads its configuration at each connection. So it is stopped before the
	// configuration is replaced: otherwise a session that already sends under the new one could be
	// killed.
	s.rsyncd.Stop()
	s.must(os.WriteFile(filepath.Join(s.rsyncd.Dir, "rsyncd.conf"), []byte(text), 0o600))
	s.rsyncd.Start()
}

// hangUp ends the sessions that still have the old configuration.
func (s *site) hangUp() {
	s.t.Helper()
	s.rsyncd.Stop()
	s.rsyncd.Start()
}

func outages() []outage {
	return []outage{
		{"refused", nil, func(s *site) { s.rsyncd.Stop() }, func(s *site) { s.rsyncd.Start() }},
		{"frozen", nil, func(s *site) { s.rsyncd.Freeze() }, func(s *site) { s.rsyncd.Thaw() }},
		{"module missing", nil, func(s *site) { s.module("other") }, func(s *site) { s.module("m") }},
		{"access denied", nil, func(s *site) { s.module("m", "hosts deny = *") }, func(s *site) { s.module("m") }},
		{"read only", nil, func(s *site) { s.module("m", "read only = yes") }, func(s *site) { s.module("m") }},
		{"path missing", nil, func(s *site) { s.must(os.Rename(s.dst, s.dst+"-away")); s.hangUp() }, func(s *site) { s.must(os.Rename(s.dst+"-away", s.dst)) }},
		{
			"wrong password",
			func(s *site) {
				s.must(os.WriteFile(s.path("password"), []byte("right\n"), 0o600))
				s.set.Remotes[0] += fmt.Sprintf(` user="bob" passwordfile="%s"`, s.path("password"))
				s.module("m", s.login("right")...)
			},
			func(s *site) { s.module("m", s.login("wrong")...) },
			func(s *site) { s.module("m", s.login("right")...) },
		},
		{
			"max connections",
			nil,
			func(s *site) { s.module("m", "max connections = 1", "lock file = "+s.path("lock")); s.hold() },
			func(s *site) { s.release() },
		},
	}
}

// login sets the password that the daemon expects, and returns the lines for the module.
func (s *site) login(password string) []string {
	file := filepath.Join(s.rsyncd.Dir, "secrets")
	s.must(os.WriteFile(file, []byte("bob:"+password+"\n"), 0o600))
	return []string{"auth users = bob", "secrets file = " + file}
}

// hold takes the only connection that the daemon allows. It must do so before the program does,
// which keeps a connection for its standby.
func (s *site) hold() {
	s.t.Helper()
	s.t.Cleanup(s.release)
	testkit.Eventually(s.t, limit, "the only connection is taken", func() bool {
		s.release()
		s.hangUp()
		s.holder = exec.Command("rsync", "-r", "--files-from=-", fmt.Sprintf("--port=%d", s.rsyncd.Port()), s.out+"/", "127.0.0.1::m")
		_, err := s.holder.StdinPipe() // it stays open as long as the holder runs
		s.must(err)
		s.must(s.holder.Start())
		return testkit.Poll(time.Second, func() bool {
			out, _ := exec.Command("rsync", fmt.Sprintf("--port=%d", s.rsyncd.Port()), "127.0.0.1::m").CombinedOutput()
			return strings.Contains(string(out), "max connections") && s.holding()
		})
	})
}

// holding reports whether the holder has its connection.
func (s *site) holding() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.holder.Process.Pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func (s *site) release() {
	if s.holder != nil {
		_ = s.holder.Process.Kill()
		_ = s.holder.Wait() // the holder was killed
		s.holder = nil
	}
}

func TestOutage(t *testing.T) {
	for _, o := range testkit.Few(outages(), 2) {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			if o.setup != nil {
				o.setup(s)
			}
			s.begin()
			o.begin(s)
			s.changes()
			s.lasts()
			o.end(s)
			s.over()
		})
	}
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{scene: newScene(t)}
	s.dst2 = s.path("dst2")
	s.second = testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: s.dst2}}})
	s.set.Remotes = append(s.set.Remotes, testkit.At(s.second.Port(), "m"))
	return s
}

// begin brings everything to both remotes.
func (s *site) begin() {
	s.t.Helper()
	s.write("keep", "change", "remove", "d/e/f", "d/e/g", "old/x", "old/y")
	s.mirror()
	s.equal()
	testkit.WaitEqual(s.t, s.src, s.dst2, s.compare, limit)
}

// changes makes the changes during the outage.
func (s *site) changes() {
	s.t.Helper()
	s.write("change", "new", "d/new", "n1/n2/n3/f")
	s.do(testkit.Op{"rm", "remove"}, testkit.Op{"mv", "old", "moved"}, testkit.Op{"rmrf", "d/e"}, testkit.Op{"symlink", "new", "link"})
	for i := range 200 {
		s.write(fmt.Sprintf("many/f%d", i))
	}
}

// lasts waits through the outage: the other lane goes on, and nothing arrives at this remote.
func (s *site) lasts() {
	s.t.Helper()
	began := time.Now()
	testkit.WaitEqual(s.t, s.src, s.dst2, s.compare, promise)
	s.t.Logf("the other lane was through after %.1f s", time.Since(began).Seconds())
	where := s.dst
	if _, err := os.Stat(where); err != nil {
		where += "-away"
	}
	unchanged(s.t, where, outageTime)
	if _, err := os.Lstat(filepath.Join(where, "new")); err == nil {
		s.t.Error("something arrived during the outage: it was none")
	}
}

// over waits until everything has arrived, and checks that the lane works.
func (s *site) over() {
	s.t.Helper()
	took := s.equal()
	s.t.Logf("all there %.1f s after the outage (promised: %v)", took.Seconds(), promise)
	s.write("afterwards")
	s.do(testkit.Op{"rm", "keep"})
	s.stays()
	if n := s.rsync.FullSyncs(); n != 2 {
		s.t.Errorf("%d full syncs, want one for each remote", n)
	}
}

// TestOutageOfASession: the connection of a waiting standby is dead without any sign; the remote
// serves all other connections. The change goes over another connection, and the lane is never in
// trouble.
func TestOutageOfASession(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	s := newScene(t)
	s.write("f")
	s.mirror()
	s.equal()
	for i := range 3 {
		testkit.Eventually(t, limit, "a standby waits", func() bool { return s.standbys() == 1 })
		s.rsyncd.FreezeSessions()
		s.write("f", fmt.Sprintf("d%d/new", i))
		t.Logf("all there %.1f s after the change", s.equal().Seconds())
	}
	if strings.Contains(s.logged(), "remote in trouble") {
		t.Error("the lane waited for a remote that serves")
	}
}

// TestOutageUnwritable: the daemon's user may not write to one directory. Everything else arrives,
// and so does the directory's content once it can be written.
func TestOutageUnwritable(t *testing.T) {
	testkit.Long(t)
	needRoot(t)
	t.Parallel()
	s := newScene(t, func(s *scene) { s.set.Params = "-rltuz" })
	s.asNobody()
	s.write("open/f", "closed/f")
	s.mirror()
	s.equal()
	s.must(os.Chown(s.dst+"/closed", 0, 0))
	s.write("open/g", "closed/g", "closed/f", "open/f")
	s.arrives("open/g")
	unchanged(t, s.dst, outageTime)
	if s.has("closed/g") {
		t.Fatal("closed/g arrived: the directory was not closed")
	}
	testkit.Eventually(t, limit, "the fail script names the path", func() bool {
		b, _ := os.ReadFile(s.set.FailLog())
		return strings.Contains(string(b), "closed/g")
	})
	s.must(os.Chown(s.dst+"/closed", 65534, 65534))
	t.Logf("all there %.1f s after the directory was opened", s.equal().Seconds())
	testkit.Eventually(t, limit, "the fail script is empty again", func() bool {
		b, _ := os.ReadFile(s.set.FailLog())
		return !strings.Contains(string(b), "closed/")
	})
}

// asNobody has the daemon write as a user without rights, to whom the target belongs.
func (s *scene) asNobody() {
	s.must(os.Chown(s.dst, 65534, 65534))
	s.rsyncd.Stop()
	text := fmt.Sprintf("use chroot = no\nuid = 65534\ngid = 65534\n[m]\npath = %s\nread only = no\n", s.dst)
	s.must(os.WriteFile(filepath.Join(s.rsyncd.Dir, "rsyncd.conf"), []byte(text), 0o600))
	s.rsyncd.Start()
}

// TestOutageOfOneName: a file has two names, and the target accepts the file under one of them
// only. The file is written through the other name, which fails on the target, and is written again
// while that fails. Each time the last version arrives under the name that works.
func TestOutageOfOneName(t *testing.T) {
	testkit.Long(t)
	needRoot(t)
	t.Parallel()
	s := newScene(t, func(s *scene) { s.set.Params = "-rltuz" })
	s.asNobody()
	s.write("closed/f")
	s.must(os.Link(s.src+"/closed/f", s.src+"/f"))
	s.mirror()
	s.equal()
	s.must(os.Chown(s.dst+"/closed", 0, 0))
	for version := range 3 {
		s.write("closed/f")
		want, err := os.ReadFile(s.src + "/closed/f")
		s.must(err)
		testkit.Eventually(t, limit, "the name that the target takes is new", func() bool {
			got, err := os.ReadFile(s.dst + "/f")
			return err == nil && string(got) == string(want)
		})
		if got, err := os.ReadFile(s.dst + "/closed/f"); err != nil || string(got) == string(want) {
			t.Fatalf("version %d: closed/f arrived: the directory was not closed; %v", version, err)
		}
		testkit.Eventually(t, limit, "the fail script names the other one", func() bool {
			b, _ := os.ReadFile(s.set.FailLog())
			return strings.Contains(string(b), "closed/f")
		})
	}
	s.must(os.Chown(s.dst+"/closed", 65534, 65534))
	s.equal()
}

// TestOutageDiskFull: the target's disk has no room for one file. Small files still arrive, and the
// large one does when there is room.
func TestOutageDiskFull(t *testing.T) {
	testkit.Long(t)
	needRoot(t)
	t.Parallel()
	s := newScene(t)
	s.must(syscall.Mount("tmpfs", s.dst, "tmpfs", 0, "size=4m"))
	t.Cleanup(func() { _ = syscall.Unmount(s.dst, syscall.MNT_DETACH) })
	s.write("small")
	s.mirror()
	s.equal()
	s.must(os.WriteFile(s.src+"/large", make([]byte, 6<<20), 0o644))
	s.write("a", "z", "d/m")
	for _, name := range []string{"a", "z", "d/m"} {
		s.arrives(name)
	}
	if testkit.Within(outageTime, func() bool { return s.has("large") }) {
		t.Error("the large file arrived on a disk that is too small")
	}
	s.must(syscall.Mount("tmpfs", s.dst, "tmpfs", syscall.MS_REMOUNT, "size=64m"))
	t.Logf("all there %.1f s after there was room", s.equal().Seconds())
}

// TestOutageName: the remote's name cannot be resolved for a while.
func TestOutageName(t *testing.T) {
	testkit.Long(t)
	needRoot(t)
	t.Parallel()
	s := newScene(t)
	hosts := s.path("hosts")
	s.must(os.WriteFile(hosts, []byte("127.0.0.1 localhost\n"), 0o644))
	s.set.Remotes = []string{fmt.Sprintf(`ip="mirror.invalid" name="m" port="%d"`, s.rsyncd.Port())}
	o := s.options()
	o.Binary = testkit.WithFile(t, "", hosts, "/etc/hosts")
	s.app = testkit.Start(t, o)
	s.write("f", "d/g")
	unchanged(t, s.dst, outageTime)
	// The file itself is changed, because the program's namespace shows this inode.
	s.must(os.WriteFile(hosts, []byte("127.0.0.1 localhost mirror.invalid\n"), 0o644))
	t.Logf("all there %.1f s after the name was known", s.equal().Seconds())
}

// TestOutageKey: sshd refuses the key for a while.
func TestOutageKey(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	s := newScene(t)
	sshd := testkit.Sshd(t)
	s.set.Remotes = []string{fmt.Sprintf(`ip="127.0.0.1" name="%s" ssh="true"`, s.dst)}
	o := s.options("-r")
	o.Path = []string{sshd.Bin}
	s.write("keep", "remove")
	s.app = testkit.Start(t, o)
	s.logs("full sync done")
	s.equal()
	keys := filepath.Join(sshd.Dir, "authorized_keys")
	old, err := os.ReadFile(keys)
	s.must(err)
	sshd.Stop()
	s.must(os.WriteFile(keys, nil, 0o600))
	sshd.Start()
	s.write("new", "d/e")
	s.do(testkit.Op{"rm", "remove"})
	unchanged(t, s.dst, outageTime)
	s.must(os.WriteFile(keys, old, 0o600))
	t.Logf("all there %.1f s after the key was accepted", s.equal().Seconds())
	s.stop()
}

// TestOutageRebuilt: the remote comes back empty. Nothing is deleted because of that; the status
// says so, with the remedy, and --resync fills the remote.
func TestOutageRebuilt(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.write("a", "b", "d/e/f", "g/h")
	s.mirror()
	s.equal()
	s.rsyncd.Stop()
	s.must(os.RemoveAll(s.dst))
	s.must(os.Mkdir(s.dst, 0o755))
	s.write("new")
	s.logs("remote in trouble")
	s.rsyncd.Start()
	s.arrives("new")
	if !testkit.Poll(limit, func() bool { return strings.Contains(s.ask("--status"), "--resync") }) {
		t.Errorf("the state does not name the remedy after %v:\n%s", limit, s.ask("--status"))
	}
	s.ask("--resync")
	t.Logf("filled %.1f s after --resync", s.equal().Seconds())
}

// ask runs the program as its own client and returns the output.
func (s *scene) ask(args ...string) string {
	s.t.Helper()
	cmd := exec.Command(testkit.Build(s.t), append([]string{"-o", s.app.File}, args...)...)
	cmd.Dir = s.set.Dir
	out, _ := cmd.CombinedOutput() // the exit status only tells the level
	return string(out)
}
