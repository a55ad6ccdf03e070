package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// SSHDaemon is a real sshd with keys of its own.
type SSHDaemon struct {
	daemon
	// Dir holds the keys and configurations.
	Dir string
	// Bin is a directory with an ssh that reaches this server without asking anything. Put it in
	// front of PATH.
	Bin string
	// ClientConfig is the configuration of the client, for ssh -F.
	ClientConfig string
}

// Sshd starts an sshd that accepts a new key of the running user; it ends with the test. Sessions
// inherit nothing from the test. The further lines of sshd_config(5) come first, because sshd takes
// the first value of a keyword.
func Sshd(t testing.TB, lines ...string) *SSHDaemon {
	t.Helper()
	return SshdOn(t, nil, lines...)
}

// SshdOn starts the sshd on an island; nil: on this host.
func SshdOn(t testing.TB, on *Island, lines ...string) *SSHDaemon {
	t.Helper()
	s := &SSHDaemon{Dir: t.TempDir()}
	s.Bin = filepath.Join(s.Dir, "bin")
	s.ClientConfig = filepath.Join(s.Dir, "ssh_config")
	s.daemon = daemon{t: t, name: "sshd", port: FreePort(t), on: on, make: s.command}
	if os.Getuid() == 0 {
		// Debian's sshd does not start without this directory.
		must(t, os.MkdirAll("/run/sshd", 0o755))
	}
	s.keys()
	s.config(strings.Join(lines, "\n"))
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

func (s *SSHDaemon) command() *exec.Cmd {
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		sshd = "/usr/sbin/sshd" // it is not in the PATH of ordinary users
	}
	cmd := exec.Command(sshd, "-D", "-f", filepath.Join(s.Dir, "sshd_config"), "-E", filepath.Join(s.Dir, "log"))
	return cmd
}

func (s *SSHDaemon) keys() {
	for _, name := range []string{"host_key", "client_key"} {
		out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(s.Dir, name)).CombinedOutput()
		if err != nil {
			s.t.Fatalf("ssh-keygen: %v\n%s", err, out)
		}
	}
	public := s.readFile("client_key.pub")
	s.file("authorized_keys", public, 0o600)
	s.file("known_hosts", fmt.Sprintf("[%s]:%d %s", s.on.Address(), s.port, s.readFile("host_key.pub")), 0o600)
}

// config writes the configurations of both sides. Sessions have the scratch directory as their
// home, because the start-up files of the user who runs the test may do anything, such as wait for
// a lock.
func (s *SSHDaemon) config(lines string) {
	s.file("sshd_config", fmt.Sprintf(`%[3]s
Port %[1]d
ListenAddress %[4]s
HostKey %[2]s/host_key
AuthorizedKeysFile %[2]s/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AcceptEnv nothing
SetEnv HOME=%[2]s
`, s.port, s.Dir, lines, s.on.Address()), 0o600)
	me, err := user.Current()
	must(s.t, err)
	s.file("ssh_config", fmt.Sprintf(`Host *
  HostName %[4]s
  Port %[1]d
  User %[2]s
  IdentityFile %[3]s/client_key
  IdentitiesOnly yes
  UserKnownHostsFile %[3]s/known_hosts
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
  BatchMode yes
`, s.port, me.Username, s.Dir, s.on.Address()), 0o600)
	ssh, err := exec.LookPath("ssh")
	must(s.t, err)
	must(s.t, os.Mkdir(s.Bin, 0o755))
	s.file("bin/ssh", fmt.Sprintf("#!/bin/sh\nexec %s -F '%s' \"$@\"\n", ssh, s.ClientConfig), 0o755)
}

// Log returns what the server has logged so far.
func (s *SSHDaemon) Log() string { return s.readFile("log") }

func (s *SSHDaemon) file(name, text string, mode os.FileMode) {
	must(s.t, os.WriteFile(filepath.Join(s.Dir, name), []byte(text), mode))
}

func (s *SSHDaemon) readFile(name string) string {
	b, err := os.ReadFile(filepath.Join(s.Dir, name))
	must(s.t, err)
	return string(b)
}
