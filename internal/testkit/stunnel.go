package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// StunnelConf is the configuration of an stunnel.
type StunnelConf struct {
	// To is the loopback port of the server behind the stunnel.
	To          int
	Certificate Certificate
	// Clients is the certificate file of the authority that must have signed the certificates of
	// clients; empty: clients need none.
	Clients string
	// Text replaces everything above with the services of a configuration.
	Text string
}

// Stunnel is a real stunnel in front of a server on loopback.
type Stunnel struct {
	daemon
	conf string
}

// NewStunnel starts an stunnel that ends with the test.
func NewStunnel(t testing.TB, conf StunnelConf) *Stunnel {
	t.Helper()
	s := &Stunnel{conf: filepath.Join(t.TempDir(), "stunnel.conf")}
	s.daemon = daemon{t: t, name: "stunnel", port: FreePort(t), make: func() *exec.Cmd { return exec.Command("stunnel", s.conf) }}
	s.Use(conf)
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Use writes another configuration, which the next start reads.
func (s *Stunnel) Use(conf StunnelConf) {
	s.t.Helper()
	text := fmt.Sprintf("[rsync]\naccept = 127.0.0.1:%d\nconnect = 127.0.0.1:%d\ncert = %s\nkey = %s\n", s.port, conf.To, conf.Certificate.File, conf.Certificate.Key)
	if conf.Clients != "" {
		text += "verifyChain = yes\nCAfile = " + conf.Clients + "\n"
	}
	if conf.Text != "" {
		text = conf.Text
	}
	must(s.t, os.WriteFile(s.conf, []byte("foreground = quiet\npid =\nsyslog = no\n"+text), 0o600))
}
