// Package examples runs each deployment of the examples folder end to end, with real rsync daemons
// and a real sshd. It uses the example's own files, in which it replaces only paths, addresses and
// ports.
package examples

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// arrival bounds how long a change may take on a busy machine.
const arrival = 30 * time.Second

// equal is what -artuz, as the examples use it, carries to a daemon that runs as root.
var equal = testkit.Compare{Times: true, Owners: true}

// exercise changes every tree in the ways of daily work, and after each change waits for each of
// the targets.
func (d *deployment) exercise(all []transfer, c testkit.Compare) {
	d.t.Helper()
	d.wait(all, c)
	for _, ops := range [][]testkit.Op{
		{{"write", "index.html", "second\n"}, {"mkdirp", "new/deep/er"}, {"write", "new/deep/er/a b'c\"$d", "x"}},
		{{"mv", "img/2024", "img/2025"}, {"rm", "old.html"}, {"symlink", "index.html", "link"}},
		{{"sh", "printf v3 > index.tmp && mv index.tmp index.html"}, {"rmrf", "new"}, {"writemany", "f%d", "50"}},
		{{"rmrf", "img"}, {"mkdir", "img"}, {"write", "img/only", "1"}},
	} {
		seen := map[string]bool{}
		for _, x := range all {
			if !seen[x.src] {
				d.do(x, ops...)
			}
			seen[x.src] = true
		}
		d.wait(all, c)
	}
}

func (d *deployment) wait(all []transfer, c testkit.Compare) {
	d.t.Helper()
	for _, x := range all {
		testkit.WaitEqual(d.t, x.src, x.dst, c, arrival)
	}
}

// end stops the program and checks its exit status and its fail script.
func (d *deployment) end(s *testkit.Sersync, failLog string) {
	d.t.Helper()
	var failing []byte
	if !testkit.Poll(arrival, func() bool {
		failing, _ = os.ReadFile(d.here(failLog)) // no fail script means the same as an empty one
		return !strings.Contains(string(failing), "#errno")
	}) {
		d.t.Errorf("fail script after all has arrived:\n%s", failing)
	}
	if code := s.Stop(); code != 0 {
		d.t.Errorf("exit status %d after SIGTERM\n%s", code, s.Stderr())
	}
}

// asked fails unless this user has written to the module, and nobody was refused.
func (d *deployment) asked(address, module, user string) {
	d.t.Helper()
	log := d.remote[address].Log()
	if !strings.Contains(log, "rsync to "+module+"/ from "+user+"@") {
		d.t.Errorf("%s: %s has not written to %s:\n%s", address, user, module, log)
	}
	// A client that is ended before it has answered is logged as one with a bad answer.
	refused := strings.ReplaceAll(log, "invalid challenge response", "")
	if strings.Contains(refused, "password mismatch") || strings.Contains(refused, "auth failed on module "+module+" from localhost (127.0.0.1) for") || strings.Contains(refused, "denied") {
		d.t.Errorf("%s refused a login:\n%s", address, log)
	}
}

const tmpFailLog = "/tmp/rsync_fail_log.sh"

func TestContentServers(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "a-content-servers")
	nodes := map[string]string{"1": "192.168.1.11", "2": "192.168.1.12", "3": "192.168.1.13"}
	var all []transfer
	for n, address := range nodes {
		d.serve(address, "rsyncd-web"+n+".conf")
		all = append(all, transfer{d.here("/data/www"), d.there(address, "/var/www/html")})
	}
	d.fill(all[:1])
	d.do(transfer{src: all[0].dst}, testkit.Op{"write", "stale", "only here\n"}) // -r removes this file
	s := d.start("confxml.xml", "-r")
	d.exercise(all, equal)
	for n, address := range nodes {
		d.asked(address, "web"+n, "push"+n)
	}

	// While one node is down the others get everything, and afterwards the node catches up.
	d.remote[nodes["2"]].Stop()
	d.do(all[0], testkit.Op{"write", "while-down", "x\n"}, testkit.Op{"rm", "f1"})
	for _, x := range all {
		if x.dst != d.there(nodes["2"], "/var/www/html") {
			testkit.WaitEqual(t, x.src, x.dst, equal, arrival)
		}
	}
	d.remote[nodes["2"]].Start()
	d.wait(all, equal)
	d.end(s, tmpFailLog)
}

func TestNFSBackup(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	d := newDeployment(t, "b-nfs-backup")
	d.serve("192.168.1.41", "rsyncd.conf")
	all := []transfer{{d.here("/data"), d.there("192.168.1.41", "/backup/data")}}
	d.fill(all)
	s := d.start("confxml.xml", "-r")
	d.exercise(all, equal)
	d.asked("192.168.1.41", "backup", "rsync_backup")
	d.end(s, tmpFailLog)
}

func TestThreeLocalpaths(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	d := newDeployment(t, "c-three-localpaths")
	d.serve("192.168.1.41", "rsyncd.conf")
	all := d.three()
	d.fill(all)
	s := d.start("confxml.xml", "-r")
	d.exercise(all, equal)
	d.asked("192.168.1.41", "bbs", "rsync_backup")
	d.end(s, tmpFailLog)
}

// three are the trees of the examples c and f.
func (d *deployment) three() []transfer {
	var all []transfer
	for _, name := range []string{"www", "bbs", "blog"} {
		all = append(all, transfer{d.here("/data/" + name), d.there("192.168.1.41", "/backup/"+name)})
	}
	return all
}

func TestLoadBalancedPair(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	d := newDeployment(t, "d-load-balanced-pair")
	var all []transfer
	nodes := map[string]string{"1": "192.168.1.21", "2": "192.168.1.22"}
	for n, address := range nodes {
		d.serve(address, "rsyncd-node"+n+".conf")
		all = append(all, transfer{d.here("/data/www"), d.there(address, "/data/www")})
	}
	d.fill(all[:1])
	s := d.start("confxml.xml", "-r")
	withModes := equal
	withModes.Modes = true
	d.exercise(all, withModes)
	d.do(all[0], testkit.Op{"chmod", "index.html", "600"}, testkit.Op{"touch", "f3", "2000000000"},
		testkit.Op{"chmod", "img", "750"}, testkit.Op{"chown", "f4", "1", "1"})
	d.wait(all, withModes)
	for n, address := range nodes {
		d.asked(address, "www", "node"+n)
	}
	d.end(s, tmpFailLog)
}

func TestBackupOverSSH(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "e-backup-over-ssh")
	d.ssh = testkit.Sshd(t, strings.Split(d.example("sshd_config.sample"), "\n")...)
	all := []transfer{{d.here("/var/www"), d.there("backup.example.com", "/backup/www")}}
	d.must(os.MkdirAll(all[0].dst, 0o755))
	d.fill(all)
	s := d.start("confxml.xml", "-r")
	d.exercise(all, equal)
	if !strings.Contains(d.ssh.Log(), "Accepted publickey") {
		t.Errorf("sshd has seen no login:\n%s", d.ssh.Log())
	}
	d.end(s, tmpFailLog)
}

func TestBackupOverTLS(t *testing.T) {
	const backup = "203.0.113.41"
	for _, conf := range []string{"stunnel.conf", "haproxy.cfg"} {
		t.Run(conf, func(t *testing.T) {
			t.Parallel()
			d := newDeployment(t, "g-backup-over-tls")
			d.serve(backup, "rsyncd.conf")
			d.secure(backup, conf)
			all := []transfer{{d.here("/var/www"), d.there(backup, "/backup/www")}}
			d.fill(all)
			s := d.start("confxml.xml", "-r")
			d.exercise(all, equal)
			d.asked(backup, "www", "web")
			d.end(s, tmpFailLog)
		})
	}
}

func TestThreeProcesses(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	d := newDeployment(t, "f-three-processes")
	d.serve("192.168.1.41", "rsyncd.conf")
	all := d.three()
	d.fill(all)
	// A file that exists only on the target stays, because nobody has requested a mirror run.
	d.do(transfer{src: all[0].dst}, testkit.Op{"write", "only-there", "x\n"})
	var processes []*testkit.Sersync
	for _, name := range []string{"www", "bbs", "blog"} {
		processes = append(processes, d.start("confxml-"+name+".xml"))
	}
	c := equal
	c.Extra = func(path string) bool { return path == "only-there" }
	d.exercise(all, c)
	if _, err := os.Stat(all[0].dst + "/only-there"); err != nil {
		t.Error("without -r, what only the target had was deleted")
	}
	for i, name := range []string{"www", "bbs", "blog"} {
		d.end(processes[i], "/var/log/sersync/rsync_fail_log_"+name+".sh")
	}
}

// TestSecondProcessIsRefused starts the same configuration twice.
func TestSecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "f-three-processes")
	d.serve("192.168.1.41", "rsyncd.conf")
	first := d.start("confxml-www.xml")
	second := testkit.Start(t, testkit.Options{Args: []string{"-o", first.File}, Dir: first.Dir, NoWait: true})
	if code := second.Wait(30 * time.Second); code == 0 {
		t.Error("the second process ended with 0")
	}
	if !strings.Contains(second.Stderr(), strconv.Itoa(first.PID())) {
		t.Errorf("it does not name process %d: %s", first.PID(), second.Stderr())
	}
	if !first.Alive() {
		t.Error("the first process has ended")
	}
}
