package targets

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// TestRemedy: for each remote that cannot be served there is a reason and a remedy, in the status
// and once in the log.
func TestRemedy(t *testing.T) {
	tests := []struct {
		name           string
		options        []string
		remote         func(s *scene, port int) string
		reason, remedy string
	}{
		{
			name: "unknown module", remote: func(_ *scene, port int) string { return testkit.At(port, "other") },
			reason: "no such module", remedy: "set name=",
		},
		{name: "access denied", options: []string{"hosts deny = *"}, reason: "does not let this host in", remedy: "hosts allow"},
		{
			name: "wrong secret", options: []string{"auth users = bob"}, remote: func(s *scene, port int) string {
				login := s.bob()
				s.must(os.WriteFile(filepath.Join(s.scratch, "password"), []byte("wrong\n"), 0o600))
				return testkit.At(port, "m") + login
			},
			reason: "refused the user or password", remedy: "secrets file",
		},
		{name: "no secret", options: []string{"auth users = bob"}, reason: "refused the user or password", remedy: "password"},
		{name: "read only", options: []string{"read only = yes"}, reason: "read only", remedy: "read only = no"},
		{name: "path missing", options: []string{"path = /nonexistent/path"}, reason: "does not exist", remedy: "create the path"},
		{
			name: "nothing listens", remote: func(s *scene, _ int) string { return testkit.At(testkit.FreePort(s.t), "m") },
			reason: "refuses the connection", remedy: "check the port",
		},
		{
			name: "unknown host", remote: func(_ *scene, port int) string {
				return fmt.Sprintf(`ip="no-such-host.invalid" name="m" port="%d"`, port)
			},
			reason: "name cannot be resolved", remedy: "DNS",
		},
		{name: "sub-path missing", remote: func(_ *scene, port int) string { return testkit.At(port, "m/not/there") }, reason: "directory does not exist", remedy: "create the directory not/there in the path of [m]"},
		{name: "refuses compression", options: []string{"refuse options = compress"}, reason: "", remedy: "refuse options"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "")
			d := rsyncd(s, nil, test.options...)
			s.set.Remotes = []string{testkit.At(d.Port(), "m")}
			if test.remote != nil {
				s.set.Remotes = []string{test.remote(s, d.Port())}
			}
			s.write("before", "there")
			s.launch("-r")
			out := s.status(test.reason, 2)
			if !strings.Contains(out, test.remedy) {
				t.Errorf("no %q in\n%s", test.remedy, out)
			}
			s.write("later", "there")
			s.status(test.remedy, 2)
			if n := strings.Count(s.log(), "remote in trouble"); n != 1 {
				t.Errorf("the log names it %d times", n)
			}
			if strings.Contains(s.log()+s.app.Stderr()+s.app.Stdout(), "wrong\n") {
				t.Error("a password was logged")
			}
			s.end()
		})
	}
}

// TestRefusesDeletion: the status shows which entries stay on the target, and why.
func TestRefusesDeletion(t *testing.T) {
	t.Parallel()
	s := newScene(t, "")
	d := rsyncd(s, nil, "refuse options = delete")
	s.set.Remotes = []string{testkit.At(d.Port(), "m")}
	s.write("before", "a", "b")
	s.start()
	s.must(os.Remove(filepath.Join(s.src, "a")))
	s.status("refuse", 2)
	s.compare.Extra = testkit.AnyExtra
	s.write("still sent", "b", "c/d")
	s.equal("a refused deletion")
	before := s.rsync.Count()
	if testkit.Settled(0, 0, func() string { return "" }); s.rsync.Count() > before+3 {
		t.Errorf("%d runs\n%s", s.rsync.Count()-before, s.runs(10))
	}
	s.end()
}
