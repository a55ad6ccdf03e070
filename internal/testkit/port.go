package testkit

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
)

// The ports that a test gets lie below the range from which the kernel gives
// ports to clients: while a daemon of a test is down, no connection may land on
// its port by chance.
const (
	firstPort = 12000
	ports     = 18000
)

// nextPort counts on from a random start, so that no two servers of a process
// get the same port, nor, as a rule, those of two processes.
var nextPort = func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(rand.Int64N(ports))
	return &n
}()

// FreePort returns a loopback port on which nothing listens.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 200 {
		port := firstPort + int(nextPort.Add(1)%ports)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		l.Close()
		return port
	}
	t.Fatal("no free loopback port")
	return 0
}
