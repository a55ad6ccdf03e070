package targets

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// secret is bob's password at daemons with "auth users".
const secret = "a pass word"

// bob returns the attributes of a <remote> element for the login of bob.
func (s *scene) bob() string {
	file := filepath.Join(s.scratch, "password")
	s.must(os.WriteFile(file, []byte(secret+"\n"), 0o600))
	return fmt.Sprintf(` user="bob" passwordfile="%s"`, file)
}

func rsyncd(s *scene, global []string, options ...string) *testkit.RsyncDaemon {
	s.t.Helper()
	d := testkit.Rsyncd(s.t, testkit.RsyncdConf{
		Global: global, Secrets: map[string]string{"bob": secret}, Motd: "Welcome.\n>f+++ not a file\n",
		Modules: []testkit.Module{{Name: "m", Path: s.dst, Options: options}},
	})
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Logf("the daemon's log:\n%s", tail(d.Log()))
		}
	})
	return d
}

// TestDaemon runs the work with daemons under settings that people use.
func TestDaemon(t *testing.T) {
	tests := []struct {
		name    string
		global  []string
		options []string
		without []string
		login   bool
		adapt   func(*scene)
	}{
		{name: "without chroot", options: []string{"use chroot = no", "ignore errors = yes", "list = no", "timeout = 600"}},
		{name: "with chroot", global: []string{"use chroot = yes"}, options: []string{"munge symlinks = no"}},
		{name: "secrets", options: []string{"auth users = bob", "strict modes = yes", "hosts allow = 127.0.0.0/8 ::1"}, login: true},
		{
			name: "uid nobody", global: []string{"uid = nobody", "gid = nogroup", "use chroot = no"},
			adapt: func(s *scene) { s.compare.Owners = false; s.must(os.Chown(s.dst, 65534, 65534)) },
		},
		{name: "uid root", global: []string{"uid = root", "gid = root", "use chroot = no"}},
		{name: "max connections 1", options: []string{"max connections = 1"}},
		{name: "timeout 5", options: []string{"timeout = 5"}},
		{name: "refuses delete-missing-args", options: []string{"refuse options = delete-missing-args"}},
		{name: "refuses compression", options: []string{"dont compress = *"}},
		{name: "transfer logging", options: []string{"transfer logging = yes", "log format = %o %f", "max verbosity = 0"}},
		{name: "write only", options: []string{"write only = yes"}, without: []string{"older"}},
		{name: "incoming chmod", options: []string{"incoming chmod = Dug=rwx,Fug=rw"}, adapt: func(s *scene) { s.compare.Modes = false }},
		{name: "open_noatime and charset", options: []string{"open noatime = yes", "reverse lookup = no"}},
	}
	for _, test := range testkit.Few(tests, 3) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "")
			s.without = map[string]bool{}
			for _, w := range test.without {
				s.without[w] = true
			}
			options := append([]string{"lock file = " + filepath.Join(s.scratch, "lock")}, test.options...)
			d := rsyncd(s, test.global, options...)
			remote := testkit.At(d.Port(), "m")
			if test.login {
				remote += s.bob()
			}
			s.set.Remotes = []string{remote}
			if test.adapt != nil {
				test.adapt(s)
			}
			s.write("before", "there", "sub/there")
			s.start()
			s.equal("the start")
			s.work()
			s.idle()
			s.write("after the silence", "sub/late")
			s.equal("the silence")
			s.idle()
			s.end()
		})
	}
}

// TestDaemonForgetsItsSessions waits until the daemon's own timeout is over. The session of the
// standby has ended without a sign when the next change comes.
func TestDaemonForgetsItsSessions(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	s := newScene(t, "")
	d := rsyncd(s, nil, "timeout = 2")
	s.set.Remotes = []string{testkit.At(d.Port(), "m")}
	s.start()
	for i := range 3 {
		s.write("new", fmt.Sprint("a", i))
		s.equal("a change")
		if !testkit.Settled(2500*time.Millisecond, limit, func() string { return fmt.Sprint(i) }) {
			t.Fatal("no silence")
		}
	}
	s.must(os.Remove(filepath.Join(s.src, "a0")))
	s.equal("a deletion")
	s.idle()
}

// TestSubPath syncs localpaths to paths below one module, one inside of another and side by side,
// each with its own login, port and parameters.
func TestSubPath(t *testing.T) {
	t.Parallel()
	s := newScene(t, "-az")
	second := newScene(t, "-az")
	d := rsyncd(s, nil, "auth users = bob")
	other := rsyncd(second, nil)
	module := s.dst
	s.dst = filepath.Join(module, "www", "a b")
	s.must(os.MkdirAll(s.dst, 0o755))
	s.must(os.MkdirAll(filepath.Join(module, "www", "other"), 0o755))
	s.must(os.WriteFile(filepath.Join(module, "www", "other", "keep"), nil, 0o644))
	s.set.Remotes = []string{
		testkit.At(d.Port(), "m/www/a b/") + s.bob(),
		testkit.At(other.Port(), "m") + ` params="-rltDz" timeout="30"`,
	}
	s.write("before", "there")
	s.start()
	s.work()
	compare := testkit.CompareFor("-rltD")
	testkit.WaitEqual(t, s.src, second.dst, compare, limit)
	s.idle()
	if _, err := os.Stat(filepath.Join(module, "www", "other", "keep")); err != nil {
		t.Errorf("beside the sub-path: %v", err)
	}
}
