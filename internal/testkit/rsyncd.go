package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Module is one module of an rsync daemon.
type Module struct {
	Name string
	// Path is the module's directory; Rsyncd makes it if it does not exist.
	Path string
	// Options are further lines of rsyncd.conf(5), such as "list = no",
	// "auth users = bob", "hosts deny = *". Each module has "read only = no"
	// unless a line here says otherwise.
	Options []string
}

// RsyncdConf is the configuration of an rsync daemon.
type RsyncdConf struct {
	Modules []Module
	// Global are lines before the modules. Unless a line here says otherwise, "use chroot = no" and
	// the uid and gid of the running user are added.
	Global []string
	// Secrets are the users and their passwords, for "auth users".
	Secrets map[string]string
	// Motd is the greeting that each client gets; empty: there is none.
	Motd string
	// Text replaces all of the above with a whole configuration. @DIR@ in it
	// stands for the daemon's directory, with the secrets in @DIR@/secrets. It
	// must not set a log file.
	Text string
	// On is the host on which the daemon runs; nil: this host.
	On *Island
	// Address is where the daemon listens; empty: the address of loopback, or of the island.
	Address string
	// Program is the rsync that serves; empty: that of this host.
	Program string
}

// RsyncDaemon is a real rsync daemon.
type RsyncDaemon struct {
	daemon
	// Dir holds the daemon's configuration, secrets and log.
	Dir     string
	program string
}

// Rsyncd starts an rsync daemon; it ends with the test.
func Rsyncd(t testing.TB, conf RsyncdConf) *RsyncDaemon {
	t.Helper()
	r := &RsyncDaemon{Dir: t.TempDir(), program: conf.Program}
	if r.program == "" {
		r.program = "rsync"
	}
	secrets := ""
	for user, password := range conf.Secrets {
		secrets += user + ":" + password + "\n"
	}
	r.write(t, "secrets", secrets)
	r.write(t, "motd", conf.Motd)
	r.write(t, "rsyncd.conf", r.text(t, conf))
	r.daemon = daemon{t: t, name: "rsync daemon", port: FreePort(t), on: conf.On, address: conf.Address, make: r.command}
	r.Start()
	t.Cleanup(r.Stop)
	return r
}

func (r *RsyncDaemon) write(t testing.TB, name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(r.Dir, name), []byte(text), 0o600))
}

func (r *RsyncDaemon) command() *exec.Cmd {
	return exec.Command(r.program, "--daemon", "--no-detach", "--address="+r.at(),
		fmt.Sprintf("--port=%d", r.port), "--config="+filepath.Join(r.Dir, "rsyncd.conf"))
}

// FreezeSessions stops the sessions that are open now, until Stop is called; new sessions are
// served. That is what a firewall does to connections that it has forgotten.
func (r *RsyncDaemon) FreezeSessions() {
	r.t.Helper()
	for _, pid := range descendants(r.cmd.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGSTOP) // the session may have ended
	}
}

func (r *RsyncDaemon) logFile() string { return filepath.Join(r.Dir, "log") }

// Log returns what the daemon has logged so far.
func (r *RsyncDaemon) Log() string {
	b, err := os.ReadFile(r.logFile())
	if err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	return string(b)
}

func (r *RsyncDaemon) text(t testing.TB, conf RsyncdConf) string {
	t.Helper()
	if conf.Text != "" {
		return "log file = " + r.logFile() + "\n" + strings.ReplaceAll(conf.Text, "@DIR@", r.Dir)
	}
	var b strings.Builder
	defaults := []string{
		"use chroot = no", fmt.Sprintf("uid = %d", os.Getuid()), fmt.Sprintf("gid = %d", os.Getgid()),
		"max connections = 0", "log file = " + r.logFile(),
	}
	if conf.Motd != "" {
		defaults = append(defaults, "motd file = "+filepath.Join(r.Dir, "motd"))
	}
	writeLines(&b, defaults, conf.Global)
	for _, m := range conf.Modules {
		must(t, os.MkdirAll(m.Path, 0o755))
		fmt.Fprintf(&b, "[%s]\npath = %s\n", m.Name, m.Path)
		lines := []string{"read only = no"}
		if hasKey(m.Options, "auth users") {
			lines = append(lines, "secrets file = "+filepath.Join(r.Dir, "secrets"))
		}
		writeLines(&b, lines, m.Options)
	}
	return b.String()
}

// writeLines writes the defaults that none of the lines replaces, and then the lines.
func writeLines(b *strings.Builder, defaults, lines []string) {
	for _, d := range defaults {
		key, _, _ := strings.Cut(d, "=")
		if !hasKey(lines, strings.TrimSpace(key)) {
			fmt.Fprintln(b, d)
		}
	}
	for _, l := range lines {
		fmt.Fprintln(b, l)
	}
}

func hasKey(lines []string, key string) bool {
	for _, l := range lines {
		k, _, _ := strings.Cut(l, "=")
		if strings.TrimSpace(k) == key {
			return true
		}
	}
	return false
}
