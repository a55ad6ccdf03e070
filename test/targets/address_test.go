package targets

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// listen6 listens on the IPv6 loopback address, and passes connections on to the same port of
// 127.0.0.1, on which the servers of the tests listen.
func listen6(t *testing.T, port int) {
	t.Helper()
	if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
		t.Skip("this kernel has no IPv6")
	}
	l, err := net.Listen("tcp6", fmt.Sprintf("[::1]:%d", port))
	if err != nil {
		t.Skipf("no IPv6 loopback: %v", err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { l.Close(); all.Wait() })
	all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { pass(in, port) })
		}
	})
}

// pass copies both ways until either side ends.
func pass(in net.Conn, port int) {
	defer in.Close()
	out, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return
	}
	defer out.Close()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(in, out) // either side may close the connection
		_ = in.(*net.TCPConn).CloseWrite()
	})
	_, _ = io.Copy(out, in)
	_ = out.(*net.TCPConn).CloseWrite()
	back.Wait()
}

// TestAddress reaches daemons and sshds by names and by IPv6 literals.
func TestAddress(t *testing.T) {
	for _, host := range testkit.Few([]string{"localhost", "[::1]", "::1"}, 1) {
		t.Run("daemon "+host, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "")
			d := rsyncd(s, nil, "hosts allow = localhost 127.0.0.1 ::1")
			if host != "localhost" {
				listen6(t, d.Port())
			}
			s.set.Remotes = []string{fmt.Sprintf(`ip="%s" name="m" port="%d"`, host, d.Port())}
			s.reach()
		})
		t.Run("ssh "+host, func(t *testing.T) {
			t.Parallel()
			s := newSSH(t, "")
			s.configure("HostName 127.0.0.1", "AddressFamily any")
			s.knows("localhost")
			s.knows("::1")
			if host != "localhost" {
				listen6(t, s.sshd.Port())
			}
			s.remote(host, s.dst)
			s.reach()
		})
	}
	t.Run("two remotes by the same address", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, "")
		d := rsyncd(s, nil)
		s.set.Remotes = []string{testkit.At(d.Port(), "m"), fmt.Sprintf(`ip="localhost" name="m/" port="%d"`, d.Port())}
		s.reach()
	})
}

// reach runs the work with the remotes of the scene.
func (s *scene) reach() {
	s.t.Helper()
	s.write("before", "there", "sub/there")
	s.start()
	s.equal("the start")
	s.work()
	s.idle()
	s.end()
}
