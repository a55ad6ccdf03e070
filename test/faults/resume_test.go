package faults

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// TestResume: the transfer of a large file is ended in its middle. The part that has arrived is not
// sent again, and does not stay on the target.
func TestResume(t *testing.T) {
	for name, end := range map[string]func(*scene){
		"rsync killed":     func(s *scene) { s.killRuns() },
		"program killed":   func(s *scene) { s.crash(); s.start() },
		"connections lost": func(s *scene) { s.meter.hangUp() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newMetered(t)
			s.write("f")
			s.mirror()
			s.equal()
			const size = 24 << 20
			s.must(os.WriteFile(s.src+"/large", random(size), 0o644))
			testkit.Eventually(t, limit, "two thirds have arrived", func() bool { return s.arriving() > size*2/3 })
			end(s)
			s.write("f")
			s.equal()
			sent := s.meter.bytes.Load()
			t.Logf("%.2f times the file's size were sent", float64(sent)/size)
			if sent > size*5/4 {
				t.Errorf("%d bytes were sent for a file of %d: the part was not used", sent, size)
			}
		})
	}
}

// TestResumeGone: the large file is deleted while its transfer is interrupted. Its part on the
// target is deleted as well.
func TestResumeGone(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	s := newMetered(t)
	s.write("d/f")
	s.mirror()
	s.equal()
	s.meter.most.Store(12 << 20)
	s.must(os.WriteFile(s.src+"/d/large", random(24<<20), 0o644))
	testkit.Eventually(t, limit, "half has arrived", func() bool { return s.meter.bytes.Load() > 12<<20 })
	s.do(testkit.Op{"rm", "d/large"})
	s.app.SignalProcess(syscall.SIGSTOP) // the program is stopped so that the test sees the part before the program removes it
	s.killRuns()
	s.meter.most.Store(0)
	s.meter.hangUp()
	testkit.Eventually(t, limit, "a part is left for the next run", func() bool { return s.has("d/" + partDir) })
	s.app.SignalProcess(syscall.SIGCONT)
	t.Logf("gone %.1f s later", s.equal().Seconds())
}

// killRuns kills the rsync processes of the program.
func (s *scene) killRuns() {
	s.t.Helper()
	for _, pid := range s.app.Processes() {
		args, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		if strings.Contains(string(args), "/rsync\x00") {
			_ = syscall.Kill(pid, syscall.SIGKILL) // the process may have ended
		}
	}
}

// newMetered is a scene with a slow link whose bytes are counted.
func newMetered(t *testing.T) *scene {
	t.Helper()
	return newScene(t, func(s *scene) {
		s.set.Params = "-artu --bwlimit=6000"
		s.meter = newMeter(t, s.rsyncd.Port())
		s.set.Remotes[0] = testkit.At(s.meter.port, "m")
	})
}

// meter passes connections on to a port and counts the bytes that are sent there.
type meter struct {
	port  int
	bytes atomic.Int64
	// most is how many bytes all connections together may send; then they are held up until they
	// are closed. 0: there is no such bound.
	most   atomic.Int64
	mu     sync.Mutex // guards open and cut
	cut    chan struct{}
	open   map[net.Conn]bool
	copies sync.WaitGroup
}

func newMeter(t *testing.T, to int) *meter {
	t.Helper()
	m := &meter{port: testkit.FreePort(t), open: map[net.Conn]bool{}, cut: make(chan struct{})}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", m.port))
	if err != nil {
		t.Fatal(err)
	}
	m.copies.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", to))
			if err != nil {
				_ = near.Close()
				continue
			}
			m.pass(near, far)
		}
	})
	t.Cleanup(func() { _ = l.Close(); m.hangUp(); m.copies.Wait() })
	return m
}

// pass copies both ways until either side ends.
func (m *meter) pass(near, far net.Conn) {
	m.mu.Lock()
	m.open[near], m.open[far] = true, true
	cut := m.cut
	m.mu.Unlock()
	done := func(c net.Conn) {
		_ = c.Close()
		m.mu.Lock()
		delete(m.open, c)
		m.mu.Unlock()
	}
	m.copies.Go(func() {
		_, _ = io.Copy(io.MultiWriter(far, counter{m, cut}), near)
		done(far)
	})
	m.copies.Go(func() { _, _ = io.Copy(near, far); done(near) })
}

// hangUp closes the connections that are open now.
func (m *meter) hangUp() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for c := range m.open {
		_ = c.Close()
	}
	close(m.cut)
	m.cut = make(chan struct{})
}

// counter counts the bytes of a connection; when cut is closed the connection ends.
type counter struct {
	*meter
	cut chan struct{}
}

func (c counter) Write(b []byte) (int, error) {
	bytes := c.bytes.Add(int64(len(b)))
	if most := c.most.Load(); most > 0 && bytes > most {
		<-c.cut
	}
	return len(b), nil
}

// arriving is how many bytes of the file "large" the target has in files that its receivers have
// not put into place yet.
func (s *scene) arriving() (bytes int64) {
	for _, pattern := range []string{"/.large.*", "/" + partDir + "/large"} {
		files, err := filepath.Glob(s.dst + pattern)
		s.must(err)
		for _, f := range files {
			if info, err := os.Lstat(f); err == nil {
				bytes += info.Size()
			}
		}
	}
	return bytes
}

// partDir is the directory in which receivers keep the part of a large file.
const partDir = ".sersync-partial"
