package targets

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// newTLS is a scene with an rsync daemon behind an stunnel. The stunnel requires a certificate of
// this host, and the daemon a password. program is the rsync on both sides; empty: that of this
// host.
func newTLS(t *testing.T, program string, ca *testkit.Authority) (*scene, *testkit.Stunnel, *testkit.RsyncDaemon) {
	t.Helper()
	s := newScene(t, "")
	d := testkit.Rsyncd(t, testkit.RsyncdConf{
		Program: program, Secrets: map[string]string{"bob": "secret"},
		Modules: []testkit.Module{{Name: "m", Path: s.dst, Options: []string{"auth users = bob"}}},
	})
	s.rsync = testkit.NewRecorder(t, testkit.RecorderConf{Program: program})
	s.set.Rsync = s.rsync.Program
	own := ca.Good("this host")
	tunnel := testkit.NewStunnel(t, testkit.StunnelConf{To: d.Port(), Certificate: ca.Good("127.0.0.1", "files.example"), Clients: ca.File})
	password := filepath.Join(s.scratch, "password")
	s.must(os.WriteFile(password, []byte("secret\n"), 0o600))
	s.set.Remotes = []string{testkit.At(tunnel.Port(), "m") +
		fmt.Sprintf(` user="bob" passwordfile="%s" tls="true" ca="%s" certificate="%s" key="%s"`, password, ca.File, own.File, own.Key)}
	return s, tunnel, d
}

// TestTLS does all the work of a site through a real stunnel, with the oldest and the newest client
// of the tests, and goes on after an outage of the stunnel.
func TestTLS(t *testing.T) {
	for name, real := range map[string]*testkit.DebianRsync{"this host's": nil, "3.2.3": &testkit.Bullseye} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := ""
			if real != nil {
				testkit.Long(t)
				program = real.Install(t)
			}
			s, tunnel, _ := newTLS(t, program, testkit.NewAuthority(t, "CA of the site"))
			s.write("before", "there", "sub/there")
			s.start()
			s.equal("the start")
			s.work()
			s.idle()
			tunnel.Stop()
			s.write("meanwhile", "a", "new/b")
			testkit.Eventually(t, limit, "the outage shows", func() bool { return strings.Contains(s.log(), "remote in trouble") })
			tunnel.Start()
			s.equal("an outage of the tunnel")
			if strings.Contains(s.app.Stderr(), "secret") || strings.Contains(s.log(), "secret") {
				t.Error("the password stands in what is printed")
			}
		})
	}
}

// TestTLSKilled: the program is killed while its runs wait for a tunnel that is frozen. None of the
// processes that it has started stays, not even the connect programs, and the next program brings
// everything over.
func TestTLSKilled(t *testing.T) {
	s, tunnel, _ := newTLS(t, "", testkit.NewAuthority(t, "CA of the site"))
	s.write("before", "a")
	s.start()
	s.equal("the start")
	tunnel.Freeze()
	s.write("while it is frozen", "a", "b/c")
	testkit.Eventually(t, limit, "runs wait", func() bool { return len(s.app.Processes()) > 2 })
	s.app.Kill9()
	if !testkit.Poll(10*time.Second, func() bool { return len(s.app.Processes()) == 0 }) {
		t.Errorf("left behind: %v", s.app.Processes())
	}
	tunnel.Thaw()
	s.launch()
	s.equal("the next start")
}

// TestTLSRefused: --check --connect, --check and the status report what is wrong with a
// certificate, with the remedy. Nothing is ever sent without TLS: the daemon behind the tunnel logs
// no connection.
func TestTLSRefused(t *testing.T) {
	ca, other := testkit.NewAuthority(t, "CA of the site"), testkit.NewAuthority(t, "CA of others")
	for name, c := range map[string]struct {
		certificate    func() testkit.Certificate
		clients        string // the authority whose client certificates the tunnel accepts
		change         []string
		reason, remedy string
	}{
		"expired":           {func() testkit.Certificate { return ca.Issue(-2*time.Hour, -time.Hour, "127.0.0.1") }, "", nil, "the remote's certificate has expired", "renew the certificate of 127.0.0.1, which ended on 20"},
		"another name":      {func() testkit.Certificate { return ca.Good("files.example") }, "", nil, "the remote's certificate is for another name", `set servername= in <remote> to a name of the certificate of 127.0.0.1: "files.example"`},
		"another authority": {func() testkit.Certificate { return other.Good("127.0.0.1") }, "", nil, "the remote's certificate is signed by an authority that is unknown here", `the authority "CN=CA of others"`},
		"ours is refused":   {func() testkit.Certificate { return ca.Good("127.0.0.1") }, other.File, nil, "the remote refuses this host's certificate", "a certificate that 127.0.0.1 trusts"},
		"no file":           {func() testkit.Certificate { return ca.Good("127.0.0.1") }, "", []string{`ca="`, `ca="/nonexistent`}, "a file for TLS cannot be used", "cannot be read: no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, tunnel, d := newTLS(t, "", ca)
			tunnel.Stop()
			conf := testkit.StunnelConf{To: d.Port(), Certificate: c.certificate(), Clients: ca.File}
			if c.clients != "" {
				conf.Clients = c.clients
			}
			tunnel.Use(conf)
			tunnel.Start()
			if c.change != nil {
				s.set.Remotes[0] = strings.Replace(s.set.Remotes[0], c.change[0], c.change[1], 1)
			}
			s.write("before", "a")
			run := s.tried(testkit.Options{})
			if out := run.Stdout(); run.Wait(limit) != 1 || !strings.Contains(out, c.reason) || !strings.Contains(out, c.remedy) {
				t.Errorf("--check --connect: want %q and %q\n%s", c.reason, c.remedy, out)
			}
			s.launch("-r")
			if out := s.status(c.reason, 2); !strings.Contains(out, c.remedy) {
				t.Errorf("the status lacks %q:\n%s", c.remedy, out)
			}
			if log := d.Log(); strings.Contains(log, "rsync to m") || strings.Contains(log, "from bob") {
				t.Errorf("the daemon was reached:\n%s", log)
			}
			if testkit.Exists(s.dst + "/a") {
				t.Error("the file has arrived")
			}
		})
	}
}

// TestTLSWithout: if the other side does not use TLS nothing is sent.
func TestTLSWithout(t *testing.T) {
	s := newScene(t, "")
	d := rsyncd(s, nil)
	s.set.Remotes = []string{testkit.At(d.Port(), "m") + ` tls="true"`}
	s.write("before", "a")
	run := s.tried(testkit.Options{})
	if out := run.Stdout(); run.Wait(limit) != 1 || !strings.Contains(out, "the remote speaks no TLS") || !strings.Contains(out, "without TLS") {
		t.Errorf("%s", out)
	}
	s.launch("-r")
	s.status("the remote speaks no TLS", 2)
	if testkit.Exists(s.dst+"/a") || strings.Contains(d.Log(), "rsync to m") {
		t.Errorf("sent without TLS:\n%s", d.Log())
	}
}
