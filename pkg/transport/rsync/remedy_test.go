package rsync

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/transport"
)

// Each failure has its cause and its remedy, each on one line, with the words of the configuration
// in them.
func TestRemediesNameWhatIsMeant(t *testing.T) {
	daemon := Target{Host: "nas.example", Name: "web/www", User: "bob", PasswordFile: "/etc/bob.pas", Params: params(t, "-artz --mkpath")}
	nobody := Target{Host: "nas.example", Name: "web", Params: params(t, "-a")}
	ssh := Target{Host: "nas.example", Name: "/srv/www", User: "bob", SSH: true, SSHPort: 2222, Params: params(t, "-artz")}
	path := ssh
	path.Params = params(t, "-a --rsync-path=/opt/rsync")
	const lost = "\nrsync: connection unexpectedly closed (0 bytes received so far) [sender]\nrsync error: error in rsync protocol data stream (code 12) at io.c(285) [sender=3.5.0]"
	for _, c := range []struct {
		target         Target
		exit           int
		text           string
		reason, remedy string
	}{
		{daemon, 5, "@ERROR: Unknown module 'web'", "no such module", "rsyncd.conf on nas.example, or add [web] there"},
		{Target{Host: "nas.example", Name: "/m", Params: params(t, "-a")}, 5, "ERROR: The remote path must start with a module name not a /\nrsync error: error starting client-server protocol (code 5) at main.c(1954) [sender=3.5.0]", "name= is a path", "instead of /m a module of the rsyncd.conf on nas.example"},
		{daemon, 5, "@ERROR: auth failed on module web", "refused the user", "put bob into auth users of [web] on nas.example, the line bob:PASSWORD into its secrets file, mode 600, and the password alone into /etc/bob.pas"},
		{nobody, 5, "@ERROR: auth failed on module web", "refused the user", "name a user of auth users of [web] on nas.example in users="},
		{daemon, 5, "@ERROR: access denied to web from here.example (10.0.0.7)", "does not let this host in", "hosts allow of [web] on nas.example, which sees it as here.example (10.0.0.7)"},
		{daemon, 11, `rsync: [Receiver] mkdir "www/a" (in web) failed: No such file or directory (2)`, "directory does not exist", "create the directory www/a in the path of [web] on nas.example"},
		{ssh, 11, `rsync: [Receiver] mkdir "/srv/www" failed: No such file or directory (2)`, "directory does not exist", "create the directory /srv/www on nas.example"},
		{daemon, 10, "rsync: mkdir \"www/a\" (in web) failed: No such file or directory (2)\nrsync error: error in file IO (code 11) at main.c(605) [Receiver=3.0.9]\nrsync: read error: Connection reset by peer (104)", "directory does not exist", "www/a in the path of [web]"},
		{ssh, 11, `rsync: [Receiver] mkdir "/srv/www" failed: Permission denied (13)`, "cannot be made", "create the directory /srv/www on nas.example, and let bob@nas.example write there"},
		{daemon, 3, `rsync: [Receiver] ERROR: cannot stat destination "www/" (in web): Not a directory (20)`, "is a file", "remove the file www/ in the path of [web] on nas.example, or correct name="},
		{ssh, 3, "ERROR: destination must be a directory when copying more than 1 file", "is a file", "remove the file /srv/www on nas.example"},
		{ssh, 127, "bash: line 1: rsync: command not found\nrsync error: remote command not found (code 127) at io.c(387) [sender=3.5.0]", "has no rsync", "install rsync on nas.example, in the PATH of bob@nas.example"},
		{ssh, 12, "bash: rsync: 未找到命令" + lost, "has no rsync", "install rsync on nas.example"},
		{ssh, 12, "sh: 1: rsync: not found" + lost, "has no rsync", "install rsync"},
		{ssh, 12, "ash: rsync: not found\r" + lost, "has no rsync", "install rsync"},
		{ssh, 12, "zsh:1: command not found: rsync" + lost, "has no rsync", "install rsync"},
		{ssh, 12, "fish: Unknown command: rsync" + lost, "has no rsync", "install rsync"},
		{ssh, 12, "rsync: Command not found." + lost, "has no rsync", "install rsync"},
		{path, 12, "ksh: /opt/rsync: not found [No such file or directory]" + lost, "has no rsync", "install /opt/rsync on nas.example, or correct --rsync-path"},
		{path, 12, "bash: line 1: /opt/rsync: Permission denied" + lost, "does not let its rsync be run", "let bob@nas.example execute /opt/rsync"},
		{ssh, 255, "Warning: Identity file /root/key not accessible: No such file or directory.\r\nbob@nas.example: Permission denied (publickey).\r", "key file does not exist", "create /root/key"},
		{ssh, 255, "Warning: Identity file /root/key not accessible: No such file or directory.\r\nssh: connect to host nas.example port 2222: Connection refused\r", "refuses the connection", "start sshd on nas.example, check the port 2222"},
		{ssh, 255, "bob@nas.example: Permission denied (publickey).\r", "refused the key", "authorized_keys of bob@nas.example"},
		{ssh, 14, "rsync: [sender] Failed to exec /opt/ssh: No such file or directory (2)", "shell cannot be started", "install /opt/ssh on this host"},
		{daemon, 1, "rsync: --mkpath: unknown option\nrsync error: syntax or usage error (code 1) at main.c(1886) [client=3.1.2]", "the rsync on this host does not know the option --mkpath", "take --mkpath out of params="},
		{daemon, 10, "rsync: on remote machine: --mkpath: unknown option\nrsync error: requested action not supported (code 4) at clientserver.c(849) [Receiver=3.0.9]\nrsync: [sender] read error: Connection reset by peer (104)", "remote's rsync does not know the option --mkpath", "take --mkpath out of params="},
		{daemon, 1, "rsync: --contimeout=10: unknown option\nrsync error: syntax or usage error (code 1) at main.c(1886) [client=2.6.9]", "the rsync on this host is too old", "install rsync 3.0.9 or newer on this host"},
		{daemon, 5, "rsync: did not see server greeting\nrsync error: error starting client-server protocol (code 5) at main.c(1954) [sender=3.5.0]", "closes the connection without a word", "hosts.deny on nas.example"},
		{daemon, 5, "rsync: server sent \"SSH-2.0-OpenSSH_9\" rather than greeting\nrsync error: error starting client-server protocol (code 5) at main.c(1954) [sender=3.5.0]", "no rsync daemon", "nas.example has something else on the port 873"},
		{daemon, 12, "rsync: connection unexpectedly closed (2171 bytes received so far) [sender]\nrsync error: error in rsync protocol data stream (code 12) at io.c(285) [sender=3.5.0]", "was lost", "whether nas.example was restarted or the link broke"},
		{daemon, 30, "[sender] io timeout after 5 seconds -- exiting\nrsync error: timeout in data send/receive (code 30) at io.c(197) [sender=3.5.0]", "for the time of --timeout", "what keeps nas.example busy"},
		{daemon, 4, "pre-xfer exec returned failure (256)\nrsync error: requested action not supported (code 4) at clientserver.c(1267) [Receiver=3.5.0]", "pre-xfer exec failed", "pre-xfer exec of [web]"},
		{daemon, 1, "rsync: --bwlimit=abc is invalid\nrsync error: syntax or usage error (code 1) at main.c(1886) [client=3.5.0]", "rsync on this host does not accept the parameters", "correct params="},
		{daemon, 4, "iconv_open(\"UTF-8\", \"nope\") failed\nrsync error: requested action not supported (code 4) at rsync.c(134) [sender=3.5.0]", "rsync on this host does not accept the parameters", "correct params="},
		{daemon, 4, "rsync: The server is configured to refuse --compress (-z)", "the daemon refuses the option --compress", "take compress out of refuse options of [web] on nas.example, or out of params="},
		{daemon, 4, "rsync: The server is configured to refuse --partial-dir", "", "take partial-dir out of refuse options of [web] on nas.example"},
	} {
		r := Classify(Run{Batch: transport.Batch{Kind: transport.Times}, Target: c.target}, "/data", Ended{Ended: child.Ended{Exit: c.exit, Stderr: c.text}}, nil)
		if r.Class != transport.Trouble || !strings.Contains(r.Reason, c.reason) || !strings.Contains(r.Remedy, c.remedy) {
			t.Errorf("%d %s\n%v: %q, remedy %q, want %q, %q", c.exit, c.text, r.Class, r.Reason, r.Remedy, c.reason, c.remedy)
		}
		for _, told := range []string{r.Reason, r.Remedy, r.Detail} {
			if strings.ContainsAny(told, "\r\n{}") {
				t.Errorf("%q is more than one line of plain words", told)
			}
			for _, added := range addedNames {
				if strings.Contains(told, added) && added != "--relative" {
					t.Errorf("%q names an option that only this program adds", told)
				}
			}
		}
	}
}

// The same with failures of real programs.
func TestProvokedRemedies(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(src+"/f", []byte("1"), 0o644))
	must(t, os.WriteFile(dst+"/file", []byte("1"), 0o644))
	d := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: dst}}})
	shell := func(name string) string {
		file := filepath.Join(t.TempDir(), "shell")
		must(t, os.WriteFile(file, []byte(fmt.Sprintf("#!/bin/sh\nshift\nexec %s -c \"$*\"\n", name)), 0o755))
		return file
	}
	for name, c := range map[string]struct {
		target         Target
		params         string
		shell          string
		reason, remedy string
	}{
		"no parent":        {Target{Name: "m/a/b"}, "-a", "", "does not exist", "create the directory a/b in the path of [m] on 127.0.0.1"},
		"no parent, ssh":   {Target{Name: dst + "/a/b", SSH: true}, "-a", shell("sh"), "does not exist", "create the directory " + dst + "/a/b on 127.0.0.1"},
		"a file":           {Target{Name: "m/file"}, "-a", "", "is a file", "remove the file file/ in the path of [m]"},
		"a file, ssh":      {Target{Name: dst + "/file", SSH: true}, "-a", shell("sh"), "is a file", "remove the file " + dst + "/file/ on 127.0.0.1"},
		"no rsync in sh":   {Target{Name: dst, SSH: true}, "-a --rsync-path=/no/rsync", shell("sh"), "has no rsync", "install /no/rsync on 127.0.0.1"},
		"no rsync in bash": {Target{Name: dst, SSH: true}, "-a --rsync-path=norsync", shell("bash --norc"), "has no rsync", "install norsync on 127.0.0.1"},
		"not executable":   {Target{Name: dst, SSH: true}, "-a --rsync-path=/etc/passwd", shell("bash --norc"), "does not let its rsync be run", "execute /etc/passwd"},
		"no shell":         {Target{Name: dst, SSH: true}, "-a", "/no/ssh", "remote shell cannot be started", "install /no/ssh"},
		"a slip":           {Target{Name: "m"}, "-a --mkpaht", "", "does not know the option --mkpaht", "take --mkpaht out"},
	} {
		c.target.Host, c.target.Params = "127.0.0.1", params(t, c.params)
		if !c.target.SSH {
			c.target.Port = d.Port()
		}
		for _, kind := range []transport.Kind{transport.Send, transport.Full, transport.Delete} {
			got := run(t, src, Run{Batch: transport.Batch{Kind: kind}, Target: c.target, RemoteShell: c.shell}, []string{map[transport.Kind]string{transport.Send: "f", transport.Delete: "gone"}[kind]})
			if !strings.Contains(got.result.Reason, c.reason) || !strings.Contains(got.result.Remedy, c.remedy) || got.result.Class != transport.Trouble {
				t.Errorf("%s, %v: %v %q, %q, want %q, %q\nexit %d: %s", name, kind, got.result.Class, got.result.Reason, got.result.Remedy, c.reason, c.remedy, got.Exit, got.Stderr)
			}
		}
	}
}
