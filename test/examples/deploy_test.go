package examples

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// deployment is an example that is set up on this host. Each absolute path in its files is below a
// directory that stands for the host of that path, and each address is loopback with the port of a
// real server.
type deployment struct {
	t      *testing.T
	name   string
	root   string
	remote map[string]*testkit.RsyncDaemon // by the address in the configuration
	ssh    *testkit.SSHDaemon
	tunnel interface{ Port() int } // the server in front of the daemons; nil: they are reached directly
}

func newDeployment(t *testing.T, name string) *deployment {
	t.Helper()
	root := t.TempDir()
	testkit.OpenToAll(t, root) // a daemon may run as nobody
	return &deployment{t: t, name: name, root: root, remote: map[string]*testkit.RsyncDaemon{}}
}

// example reads one of the example's files.
func (d *deployment) example(name string) string {
	d.t.Helper()
	b, err := os.ReadFile(filepath.Join(testkit.Repository(), "examples", d.name, name))
	d.must(err)
	return string(b)
}

func (d *deployment) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// here and there return the path on this machine for a path of this host, or of the host with an
// address. They make the directory above it.
func (d *deployment) here(path string) string { return d.there("here", path) }

func (d *deployment) there(host, path string) string {
	full := filepath.Join(d.root, host, path)
	d.must(os.MkdirAll(filepath.Dir(full), 0o755))
	return full
}

// rsyncdPath matches the settings of an rsyncd.conf that contain a path.
var rsyncdPath = regexp.MustCompile(`(?m)^(path|secrets file|pid file|lock file|log file) = (/.*)$`)

// serve starts the daemon of a host with the example's configuration.
func (d *deployment) serve(address, conf string) {
	d.t.Helper()
	text := rsyncdPath.ReplaceAllStringFunc(d.example(conf), func(line string) string {
		m := rsyncdPath.FindStringSubmatch(line)
		path := d.there(address, m[2])
		switch m[1] {
		case "path":
			d.must(os.MkdirAll(path, 0o777))
			d.must(os.Chmod(path, 0o777))
		case "secrets file":
			d.must(os.WriteFile(path, []byte(d.example("rsyncd.secrets.sample")), 0o600))
		case "log file":
			return "" // the command line has this setting, from which the test reads it
		}
		return m[1] + " = " + path
	})
	text = regexp.MustCompile(`(?m)^hosts allow = .*$`).ReplaceAllString(text, "hosts allow = 127.0.0.1")
	d.remote[address] = testkit.Rsyncd(d.t, testkit.RsyncdConf{Text: text})
}

var (
	confWatch    = regexp.MustCompile(`watch="([^"]*)"`)
	confPassword = regexp.MustCompile(`(users?)="([^"]*)" passwordfile="([^"]*)"`)
	confFailLog  = regexp.MustCompile(`<failLog path="([^"]*)"`)
	confTLS      = regexp.MustCompile(`\b(ca|certificate|key)="([^"]*)"`)
	confRemote   = regexp.MustCompile(`<remote ip="([^"]*)" name="([^"]*)"`)
)

// config returns an example's configuration with the paths and addresses of this deployment;
// everything else stays as it is.
func (d *deployment) config(file string) string {
	d.t.Helper()
	text := confWatch.ReplaceAllStringFunc(d.example(file), func(s string) string {
		path := d.here(confWatch.FindStringSubmatch(s)[1])
		d.must(os.MkdirAll(path, 0o755))
		return `watch="` + path + `"`
	})
	text = confPassword.ReplaceAllStringFunc(text, func(s string) string {
		m := confPassword.FindStringSubmatch(s)
		path := d.here(m[3])
		d.must(os.WriteFile(path, []byte(d.password(m[2])+"\n"), 0o600))
		return fmt.Sprintf(`%s="%s" passwordfile="%s"`, m[1], m[2], path)
	})
	text = confFailLog.ReplaceAllStringFunc(text, func(s string) string {
		return `<failLog path="` + d.here(confFailLog.FindStringSubmatch(s)[1]) + `"`
	})
	text = confTLS.ReplaceAllStringFunc(text, func(s string) string {
		m := confTLS.FindStringSubmatch(s)
		return m[1] + `="` + d.here(m[2]) + `"`
	})
	return confRemote.ReplaceAllStringFunc(text, func(s string) string {
		m := confRemote.FindStringSubmatch(s)
		if d.ssh != nil {
			return fmt.Sprintf(`<remote ip="%s" name="%s"`, m[1], d.there(m[1], m[2]))
		}
		server := d.remote[m[1]]
		if server == nil {
			d.t.Fatalf("%s: no server for %s", file, m[1])
		}
		port := server.Port()
		if d.tunnel != nil {
			port = d.tunnel.Port()
		}
		return fmt.Sprintf(`<remote ip="127.0.0.1" port="%d" name="%s"`, port, m[2])
	})
}

// secure puts the example's stunnel, or its haproxy, in front of the daemon of a host, and puts the
// keys where the example's files name them.
func (d *deployment) secure(address, conf string) {
	d.t.Helper()
	ca := testkit.NewAuthority(d.t, "our-authority")
	read := func(file string) []byte {
		text, err := os.ReadFile(file)
		d.must(err)
		return text
	}
	place := func(text []byte, to string, mode os.FileMode) string {
		d.must(os.WriteFile(to, text, mode))
		return to
	}
	theirs, ours := ca.Good("backup.example.com"), ca.Good("web.example.com")
	place(read(ca.File), d.here("/etc/sersync/ca.pem"), 0o644)
	place(read(ours.File), d.here("/etc/sersync/web.pem"), 0o644)
	place(read(ours.Key), d.here("/etc/sersync/web.key"), 0o600)
	there := func(text []byte, file string, mode os.FileMode) string {
		return place(text, d.there(address, file), mode)
	}
	behind := d.remote[address].Port()
	if conf == "haproxy.cfg" {
		both := append(read(theirs.File), read(theirs.Key)...)
		text := strings.NewReplacer(
			":873", fmt.Sprint(":", behind),
			"/etc/haproxy/backup.pem", there(both, "/etc/haproxy/backup.pem", 0o600),
			"/etc/haproxy/ca.pem", there(read(ca.File), "/etc/haproxy/ca.pem", 0o644),
		).Replace(d.example(conf))
		d.tunnel = testkit.NewHaproxy(d.t, func(port int) string {
			return strings.Replace(text, "bind :874", fmt.Sprint("bind 127.0.0.1:", port), 1)
		})
		return
	}
	tunnel := testkit.NewStunnel(d.t, testkit.StunnelConf{To: behind, Certificate: theirs})
	tunnel.Stop()
	tunnel.Use(testkit.StunnelConf{Text: strings.NewReplacer(
		"accept = 874", fmt.Sprint("accept = 127.0.0.1:", tunnel.Port()), ":873", fmt.Sprint(":", behind),
		"/etc/stunnel/backup.pem", there(read(theirs.File), "/etc/stunnel/backup.pem", 0o644),
		"/etc/stunnel/backup.key", there(read(theirs.Key), "/etc/stunnel/backup.key", 0o600),
		"/etc/stunnel/ca.pem", there(read(ca.File), "/etc/stunnel/ca.pem", 0o644),
	).Replace(d.example(conf))})
	tunnel.Start()
	d.tunnel = tunnel
}

// password finds a user's password in the sample of the other side's secrets.
func (d *deployment) password(user string) string {
	if _, err := os.Stat(filepath.Join(testkit.Repository(), "examples", d.name, "rsyncd.secrets.sample")); err != nil {
		return "unused"
	}
	for line := range strings.Lines(d.example("rsyncd.secrets.sample")) {
		if name, password, _ := strings.Cut(strings.TrimSpace(line), ":"); name == user {
			return password
		}
	}
	return "unused" // <auth start="false"> names a user whom nobody asks for
}

// start runs the program with one of the example's configurations.
func (d *deployment) start(file string, flags ...string) *testkit.Sersync {
	d.t.Helper()
	config := d.config(file)
	path := d.here("/etc/sersync/" + file)
	o := testkit.Options{Config: config, File: path, Dir: d.here("/"), Args: append(flags, "-o", path)}
	if d.ssh != nil {
		o.Path = []string{d.ssh.Bin}
	}
	return testkit.Start(d.t, o)
}

// transfer is one tree and the directory that must be equal to it.
type transfer struct{ src, dst string }

// fill puts content into each source before the start.
func (d *deployment) fill(all []transfer) {
	d.t.Helper()
	for _, x := range all {
		d.must(os.MkdirAll(x.src, 0o755))
		d.do(x, testkit.Op{"mkdirp", "img/2024"}, testkit.Op{"writemany", "img/2024/%03d.jpg", "20"},
			testkit.Op{"write", "index.html", "<h1>" + x.src + "</h1>\n"}, testkit.Op{"write", "old.html", "old\n"})
	}
}

func (d *deployment) do(x transfer, ops ...testkit.Op) {
	d.t.Helper()
	tree := testkit.Tree{Src: x.src}
	if err := tree.DoAll(ops...); err != nil {
		d.t.Fatal(err)
	}
}
