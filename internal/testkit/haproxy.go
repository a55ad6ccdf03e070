package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Haproxy is a real haproxy on loopback.
type Haproxy struct{ daemon }

// NewHaproxy starts a haproxy that ends with the test. conf returns its configuration for the port
// on which it has to listen.
func NewHaproxy(t testing.TB, conf func(port int) string) *Haproxy {
	t.Helper()
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	h := &Haproxy{daemon{t: t, name: "haproxy", port: FreePort(t), make: func() *exec.Cmd { return exec.Command("haproxy", "-db", "-f", file) }}}
	must(t, os.WriteFile(file, []byte(conf(h.port)), 0o600))
	h.Start()
	t.Cleanup(h.Stop)
	return h
}
