package testkit

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The ports that a test gets lie below the range from which the kernel gives
// ports to clients: while a daemon of a test is down, no connection may land on
// its port by chance.
const (
	firstPort = 12000
	ports     = 18000
)

// nextPort counts from a random start, so that no two servers of a process get the same port.
var nextPort = func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(rand.Int64N(ports))
	return &n
}()

// FreePort returns a loopback port on which nothing listens. No other call returns the same port,
// in this process or another one, as long as this process lives.
func FreePort(t testing.TB) int {
	t.Helper()
	for range ports {
		port := firstPort + int(nextPort.Add(1)%ports)
		if reserve(t, port) && isFree(port) {
			return port
		}
	}
	t.Fatal("no free loopback port")
	return 0
}

// isFree tells whether nothing listens on a port. Meanwhile no other goroutine may start a process:
// that process would inherit the listener, and until it has executed its program the port would
// accept connections although the server of the test cannot bind it.
func isFree(port int) bool {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	return err == nil && l.Close() == nil
}

// reserve takes a port for this process. Its lock is an abstract Unix socket, which is gone with
// the process, however that ends, and leaves no file.
func reserve(t testing.TB, port int) bool {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	if unix.Bind(fd, &unix.SockaddrUnix{Name: fmt.Sprintf("@sersync-testkit-port-%d", port)}) != nil {
		must(t, unix.Close(fd))
		return false
	}
	return true
}
