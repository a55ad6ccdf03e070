package cli

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
)

// manager is the service manager's side of sd_notify(3).
type manager struct {
	t      *testing.T
	socket string
	conn   *net.UnixConn
	reads  sync.WaitGroup

	mu   sync.Mutex
	said []string // the assignments, in their order
}

func newManager(t *testing.T) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") // short, because the path of a socket is limited
	if err != nil {
		t.Fatal(err)
	}
	m := &manager{t: t, socket: filepath.Join(dir, "notify")}
	t.Cleanup(func() { m.hide(); os.RemoveAll(dir) })
	m.appear()
	return m
}

// appear starts to listen, for the first time or again.
func (m *manager) appear() {
	m.t.Helper()
	var err error
	if m.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.socket, Net: "unixgram"}); err != nil {
		m.t.Fatal(err)
	}
	conn := m.conn
	m.reads.Go(func() {
		b := make([]byte, 64<<10)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.said = append(m.said, strings.Split(strings.TrimSpace(string(b[:n])), "\n")...)
			m.mu.Unlock()
		}
	})
}

// hide stops listening, so that nobody can reach the manager.
func (m *manager) hide() {
	m.conn.Close()
	m.reads.Wait()
	os.Remove(m.socket)
}

// all returns each assignment that begins with one of the names; without names it returns all
// assignments.
func (m *manager) all(names ...string) (out []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, line := range m.said {
		if len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(line, name+"=") }) {
			out = append(out, line)
		}
	}
	return out
}

// waits waits until an assignment has come more than a number of times.
func (m *manager) waits(name string, more int) {
	m.t.Helper()
	if !testkit.Poll(limit, func() bool { return len(m.all(name)) > more }) {
		m.t.Fatalf("%s= has come %d times, want more than %d: %q", name, len(m.all(name)), more, m.all())
	}
}

func monotonic() int64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return now.Nano() / 1000
}

// TestServiceManager: the program reports readiness once the watches are set, and status text and
// signs of life while it runs. It reports a reload with its time, also a reload that changes
// nothing, and its stop, in the order that sd_notify(3) requires.
func TestServiceManager(t *testing.T) {
	s := newScene(t)
	s.write(filepath.Join(s.src, "f"), "text")
	m := newManager(t)
	app := s.startWith(testkit.Options{Env: []string{"NOTIFY_SOCKET=" + m.socket, "WATCHDOG_USEC=1000000"}}, "-r")
	m.waits("READY", 0)
	if !strings.Contains(app.Stdout(), "watch path is:") {
		t.Errorf("ready before it watches:\n%s", app.Stdout())
	}
	s.equal(testkit.Compare{})
	m.waits("WATCHDOG", 1)
	testkit.Eventually(t, limit, "the status text says in sync", func() bool {
		texts := m.all("STATUS")
		return len(texts) > 0 && strings.HasPrefix(texts[len(texts)-1], "STATUS=in sync: ")
	})

	for i, config := range []string{s.set.XML(), "<head><broken"} {
		before := monotonic()
		s.must(os.WriteFile(s.file(), []byte(config), 0o600))
		app.Signal(syscall.SIGHUP)
		m.waits("RELOADING", i)
		m.waits("READY", i+1)
		stamps := m.all("MONOTONIC_USEC")
		stamp, err := strconv.ParseInt(strings.TrimPrefix(stamps[len(stamps)-1], "MONOTONIC_USEC="), 10, 64)
		if err != nil || stamp < before || stamp > monotonic() || len(stamps) != i+1 {
			t.Errorf("reload %d: %q, want one between %d and %d", i, stamps, before, monotonic())
		}
	}
	s.write(filepath.Join(s.src, "g"), "text")
	s.equal(testkit.Compare{})

	// When systemd is upgraded it executes itself again, and nobody listens for a moment.
	m.hide()
	hidden := len(m.all("WATCHDOG"))
	s.must(os.WriteFile(s.file(), []byte(s.set.XML()), 0o600))
	s.logs("service manager cannot be reached")
	m.appear()
	m.waits("WATCHDOG", hidden)

	s.stop(app)
	m.waits("STOPPING", 0)
	want := []string{"READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1", "STOPPING=1"}
	if got := m.all("READY", "RELOADING", "STOPPING"); !slices.Equal(got, want) {
		t.Errorf("states\n got %q\nwant %q", got, want)
	}
	all := m.all()
	for i, line := range all {
		if line == "RELOADING=1" && (i+1 == len(all) || !strings.HasPrefix(all[i+1], "MONOTONIC_USEC=")) {
			t.Errorf("RELOADING without its time: %q", all[i:])
		}
	}
	if fmt.Sprint(m.all("WATCHDOG")[0]) != "WATCHDOG=1" {
		t.Errorf("sign of life: %q", m.all("WATCHDOG"))
	}
}
