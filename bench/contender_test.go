package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// contender is one way to keep a directory mirrored, with a tree and a daemon
// of its own.
type contender struct {
	series
	b      *testing.B
	src    string
	dst    string
	daemon *testkit.RsyncDaemon
	pid    int // 0: a process is started for each run (bare rsync)
	server int // the daemon's process
}

const module = "m"

// place makes the directories and the daemon of a contender.
func place(b *testing.B, name string) *contender {
	b.Helper()
	c := &contender{series: series{name: name}, b: b, src: filepath.Join(b.TempDir(), "src"), dst: filepath.Join(b.TempDir(), "dst")}
	if err := os.MkdirAll(c.src, 0o755); err != nil {
		b.Fatal(err)
	}
	c.daemon = testkit.Rsyncd(b, testkit.RsyncdConf{Modules: []testkit.Module{{Name: module, Path: c.dst}}})
	c.server = process(b, "--config="+filepath.Join(c.daemon.Dir, "rsyncd.conf"))
	return c
}

// bare is the reference: an rsync that is started when the work is done.
func bare(b *testing.B) *contender { b.Helper(); return place(b, "bare rsync") }

// url is the module in the form that rsync accepts.
func (c *contender) url() string {
	return fmt.Sprintf("rsync://127.0.0.1:%d/%s/", c.daemon.Port(), module)
}

// rsync runs the bare rsync with the shipped parameters.
func (c *contender) rsync(args ...string) ended {
	c.b.Helper()
	all := append([]string{"-artuz", "--sockopts=TCP_NODELAY", "-R"}, args...)
	return command(c.b, c.src, "rsync", append(all, c.url())...)
}

// product starts the program on a tree that its remote has already.
func product(b *testing.B) *contender { b.Helper(); return productWith(b, "sersync", nil) }

func productWith(b *testing.B, name string, change func(*testkit.Options)) *contender {
	b.Helper()
	c := place(b, name)
	c.pid = start(b, c.src, []string{testkit.At(c.daemon.Port(), module)}, change).PID()
	c.canary()
	return c
}

// byFanotify is the name of the contender that is the program with the change of byMark.
const byFanotify = "sersync, fanotify"

// byMark has the tree watched with fanotify, by one mark.
func byMark(o *testkit.Options) {
	o.Config = strings.Replace(o.Config, "<localpath ", `<localpath backend="fanotify" `, 1)
}

// start runs the shipped configuration with these remotes.
func start(b *testing.B, src string, remotes []string, change func(*testkit.Options)) *testkit.Sersync {
	b.Helper()
	o := testkit.Options{Config: shipped(b, src, remotes), Binary: binary(b)}
	if change != nil {
		change(&o)
	}
	s := testkit.Start(b, o)
	b.Cleanup(func() {
		if b.Failed() {
			b.Logf("standard error of the program:\n%s", s.Stderr())
		}
	})
	return s
}

// shipped is the default configuration, in which the directories and targets are replaced as an
// installer does it.
func shipped(b *testing.B, src string, remotes []string) string {
	b.Helper()
	text, err := os.ReadFile("../examples/confxml.xml")
	if err != nil {
		b.Fatal(err)
	}
	out := string(text)
	for _, r := range [][2]string{
		{`<localpath watch="/opt/tongbu">`, `<localpath watch="` + src + `">`},
		{`<remote ip="127.0.0.1" name="tongbu1"/>`, "<remote " + strings.Join(remotes, "/>\n<remote ") + "/>"},
		{`<failLog path="/tmp/rsync_fail_log.sh"`, `<failLog path="` + b.TempDir() + `/fail.sh"`},
	} {
		if !strings.Contains(out, r[0]) {
			b.Fatalf("the shipped configuration has no %s", r[0])
		}
		out = strings.Replace(out, r[0], r[1], 1)
	}
	return out
}

// lsyncd is that of Debian with its fastest settings: no delay, and TCP_NODELAY.
func lsyncd(b *testing.B) *contender {
	b.Helper()
	c := place(b, "lsyncd")
	conf := filepath.Join(b.TempDir(), "lsyncd.conf.lua")
	text := fmt.Sprintf(`settings { nodaemon = true, inotifyMode = "CloseWrite", insist = true }
sync { default.rsync, source = %q, target = %q, delay = 0,
  rsync = { archive = true, compress = true, _extra = { "--sockopts=TCP_NODELAY" } } }
`, c.src+"/", c.url())
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	c.pid = spawn(b, "lsyncd", conf)
	c.canary()
	return c
}

// script is the script of most tutorials: a full rsync for each event.
func script(b *testing.B) *contender {
	b.Helper()
	c := place(b, "inotifywait script")
	c.pid = spawn(b, "bash", "testdata/inotify.sh", c.src, c.url())
	c.canary()
	return c
}

// canary waits until a first change arrives, which shows that the contender has started.
func (c *contender) canary() {
	c.b.Helper()
	n := 0
	const every = 200 // how many looks there are before the file is written again; testkit.Poll looks every 10 ms
	ok := testkit.Poll(time.Minute, func() bool {
		if n%every == 0 {
			write(c.b, filepath.Join(c.src, "canary"), []byte(fmt.Sprint(n)))
		}
		n++
		text, err := os.ReadFile(filepath.Join(c.dst, "canary"))
		return err == nil && string(text) == fmt.Sprint((n-1)/every*every)
	})
	if !ok {
		c.b.Fatalf("%s does not start to sync", c.name)
	}
	c.settle()
}

// settle waits until the daemon has had nothing to do for a while. Then the work so far is
// complete, and the next work finds an idle system.
func (c *contender) settle() {
	testkit.Settled(time.Second, time.Minute, c.daemon.Log)
}

// runsSeen counts the rsync runs that the daemon has seen to their end. A standby
// counts once it has been used.
func (c *contender) runsSeen() int {
	n := 0
	for line := range strings.Lines(c.daemon.Log()) {
		if _, rest, ok := strings.Cut(line, "] "); ok && strings.HasPrefix(rest, "sent ") && strings.Contains(rest, " bytes  received ") {
			n++
		}
	}
	return n
}

// meter measures what a contender uses from the call on.
type meter struct {
	c          *contender
	cpu, other float64
	runs       int
	peak       *sampler
}

func (c *contender) meter() meter {
	m := meter{c: c, other: tree(c.server).cpu, runs: c.runsSeen()}
	if c.pid != 0 {
		m.cpu = tree(c.pid).cpu
		m.peak = sample(c.pid)
	}
	return m
}

// end adds a time, together with what was used meanwhile. For a bare rsync, e says what it used.
func (m meter) end(took time.Duration, e ended) {
	cpu := e.cpu
	if m.peak != nil {
		cpu = tree(m.c.pid).cpu - m.cpu
		e.peakMB = m.peak.end().rss
	}
	m.c.peak = max(m.c.peak, e.peakMB)
	m.c.add(took, cpu, tree(m.c.server).cpu-m.other, m.c.runsSeen()-m.runs)
}

func write(b *testing.B, path string, data []byte) {
	b.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		b.Fatal(err)
	}
}
