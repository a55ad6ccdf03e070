package targets

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// sshSite is a scene whose remote is reached through a real sshd.
type sshSite struct {
	*scene
	sshd *testkit.SSHDaemon
}

func newSSH(t *testing.T, params string, lines ...string) *sshSite {
	t.Helper()
	s := &sshSite{scene: newScene(t, params), sshd: testkit.Sshd(t, lines...)}
	s.path = []string{s.sshd.Bin}
	s.remote("127.0.0.1", s.dst)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("sshd's log:\n%s", tail(s.sshd.Log()))
		}
	})
	return s
}

func (s *sshSite) remote(host, path string, more ...string) {
	s.set.Remotes = []string{fmt.Sprintf(`ip="%s" name="%s" ssh="true" %s`, host, path, strings.Join(more, " "))}
}

// configure replaces text in the client's configuration.
func (s *sshSite) configure(old, new string) {
	s.t.Helper()
	b, err := os.ReadFile(s.sshd.ClientConfig)
	s.must(err)
	if !strings.Contains(string(b), old) {
		s.t.Fatalf("no %q in %s", old, b)
	}
	s.must(os.WriteFile(s.sshd.ClientConfig, []byte(strings.ReplaceAll(string(b), old, new)), 0o600))
}

// knows adds the host key under another name.
func (s *sshSite) knows(host string) {
	s.t.Helper()
	key, err := os.ReadFile(filepath.Join(s.sshd.Dir, "host_key.pub"))
	s.must(err)
	f, err := os.OpenFile(filepath.Join(s.sshd.Dir, "known_hosts"), os.O_APPEND|os.O_WRONLY, 0o600)
	s.must(err)
	_, err = fmt.Fprintf(f, "[%s]:%d %s", host, s.sshd.Port(), key)
	s.must(err)
	s.must(f.Close())
}

// TestSSH runs the work over ssh, with ssh set up in the ways that people use.
func TestSSH(t *testing.T) {
	tests := []struct {
		name   string
		params string
		lines  []string
		adapt  func(*sshSite)
	}{
		{name: "plain"},
		{name: "host alias", adapt: func(s *sshSite) { s.configure("Host *", "Host backup"); s.remote("backup", s.dst) }},
		{name: "port attribute", adapt: func(s *sshSite) {
			s.configure(fmt.Sprintf("Port %d", s.sshd.Port()), "")
			s.remote("127.0.0.1", s.dst, fmt.Sprintf(`port="%d"`, s.sshd.Port()))
		}},
		{name: "user attribute", adapt: func(s *sshSite) {
			s.configure("User ", "# ")
			s.remote("127.0.0.1", s.dst, `user="root"`)
		}},
		{name: "own shell", adapt: func(s *sshSite) {
			s.path = nil
			s.set.Params = "-artuz -e 'ssh -F " + s.sshd.ClientConfig + "'"
		}},
		{name: "own shell in long form", adapt: func(s *sshSite) {
			s.path = nil
			s.set.Params = `-artuz --rsh="ssh -F ` + s.sshd.ClientConfig + `"`
		}},
		{name: "one session", lines: []string{"MaxSessions 1"}},
		{name: "one connection at a time", lines: []string{"MaxStartups 1:100:1"}},
		{name: "spaces in the path", adapt: func(s *sshSite) {
			s.dst = filepath.Join(s.dst, "a b", "c's $HOME")
			s.must(os.MkdirAll(s.dst, 0o755))
			s.remote("127.0.0.1", s.dst)
		}},
		{name: "localhost", adapt: func(s *sshSite) {
			s.configure("HostName 127.0.0.1", "AddressFamily inet")
			s.knows("localhost")
			s.remote("localhost", s.dst+"/")
		}},
		{name: "shell that greets nobody", lines: []string{"PrintMotd yes", "Compression yes"}, params: "-az"},
	}
	for _, test := range testkit.Few(tests, 2) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSSH(t, test.params, test.lines...)
			if test.adapt != nil {
				test.adapt(s)
			}
			s.write("before", "there", "sub/there")
			s.start()
			s.equal("the start")
			s.work()
			s.idle()
			s.end()
		})
	}
}

// TestSSHKey has the sshd refuse the key at first.
func TestSSHKey(t *testing.T) {
	t.Parallel()
	s := newSSH(t, "")
	keys := filepath.Join(s.sshd.Dir, "authorized_keys")
	s.must(os.Rename(keys, keys+"-away"))
	s.write("before", "there")
	s.launch("-r")
	s.status("authorized_keys", 2)
	if n := strings.Count(s.log(), "remote in trouble"); n != 1 {
		t.Errorf("the log names it %d times", n)
	}
	s.must(os.Rename(keys+"-away", keys))
	s.equal("the key is accepted")
	s.work()
	s.idle()
}

// TestSSHMasterEnds kills the standing connection.
func TestSSHMasterEnds(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	s := newSSH(t, "")
	s.start()
	first := s.master()
	s.write("new", "a")
	s.equal("a change")
	logins := strings.Count(s.sshd.Log(), "Accepted publickey")
	for i := range 5 {
		s.write("new", fmt.Sprint("b", i))
		s.equal("a change over the standing connection")
	}
	if now := strings.Count(s.sshd.Log(), "Accepted publickey"); now > logins+1 {
		t.Errorf("%d logins for 5 changes", now-logins)
	}
	s.must(syscall.Kill(first, syscall.SIGKILL))
	s.write("new", "c")
	s.equal("a change without it")
	testkit.Eventually(t, limit, "another connection stands", func() bool {
		s.write(time.Now().String(), "tick")
		pid := s.findMaster()
		return pid != 0 && pid != first
	})
	s.work()
	s.idle()
	s.end()
}

// TestSSHServerRestarts ends every session and the server, twice.
func TestSSHServerRestarts(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	s := newSSH(t, "")
	s.write("before", "there")
	s.start()
	s.equal("the start")
	for i := range 2 {
		s.sshd.Stop()
		s.write("while down", fmt.Sprint("a", i))
		s.status("sshd", 2)
		s.sshd.Start()
		s.equal("the server is back")
	}
	s.work()
	s.idle()
	s.end()
}

// master waits until there is a standing connection, and returns its process.
func (s *sshSite) master() (pid int) {
	s.t.Helper()
	testkit.Eventually(s.t, limit, "a connection stands", func() bool {
		pid = s.findMaster()
		return pid != 0
	})
	return pid
}

func (s *sshSite) findMaster() int {
	for _, pid := range s.app.Processes() {
		args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && strings.Contains(string(args), "ControlMaster=yes") {
			return pid
		}
	}
	return 0
}

// A remote shell of the user's own waits for ever for a remote that is frozen. When the program is
// killed that shell ends all the same.
func TestOwnShellEndsWithTheProgram(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may give a shell of the user's own a pid namespace")
	}
	t.Parallel()
	s := newSSH(t, "")
	s.path = nil
	s.set.Params = "-artuz -e 'ssh -F " + s.sshd.ClientConfig + "'"
	s.write("before", "f")
	s.start()
	s.equal("the start")
	shells := func() (n int) {
		for _, pid := range s.app.Processes() {
			if args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); strings.HasPrefix(string(args), "ssh\x00") {
				n++
			}
		}
		return n
	}
	testkit.Eventually(t, limit, "a shell waits", func() bool { return shells() > 0 })
	s.sshd.Freeze()
	t.Cleanup(s.sshd.Thaw)
	s.write("meanwhile", "f")
	s.app.SignalProcess(syscall.SIGKILL)
	s.app.Wait(limit)
	testkit.Eventually(t, limit, "nothing is left", func() bool { return len(s.app.Processes()) == 0 })
}
