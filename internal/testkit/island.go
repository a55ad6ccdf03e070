package testkit

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// Island is a host of its own as far as the network is concerned: a network namespace that one link
// connects with this host. The methods without a result change the link.
type Island struct {
	t       testing.TB
	name    string // the name of the namespace, and of this end of the link
	address string
	near    string // this host's address on the link
}

// farEnd is the name of the link's other end, inside of the namespace.
const farEnd = "far"

// nowhere is a link-layer address that no interface has.
const nowhere = "02:00:00:00:00:01"

// nextIsland counts from a random start, as nextPort does.
var nextIsland = func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(rand.Int64N(subnets))
	return &n
}()

// subnets is the number of subnets of four addresses in 198.18.0.0/15, the network that RFC 2544
// reserves for tests between hosts.
const subnets = 1 << 15

// NewIsland makes an island, and removes it when the test ends. It needs root with the right to
// make network namespaces.
func NewIsland(t testing.TB) *Island {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: a network namespace")
	}
	n := nextIsland.Add(1) % subnets
	address := func(host int64) string {
		at := 4*n + host
		return fmt.Sprintf("198.%d.%d.%d", 18+at>>16, at>>8&255, at&255)
	}
	i := &Island{t: t, name: fmt.Sprintf("sersync%d", n), near: address(1), address: address(2)}
	i.ip("netns", "add", i.name)
	t.Cleanup(i.remove)
	i.ip("link", "add", i.name, "type", "veth", "peer", "name", farEnd, "netns", i.name)
	i.ip("address", "add", i.near+"/30", "dev", i.name)
	i.ip("-n", i.name, "address", "add", i.address+"/30", "dev", farEnd)
	i.ip("-n", i.name, "link", "set", "lo", "up")
	i.ip("-n", i.name, "link", "set", "dev", farEnd, "up")
	i.ip("link", "set", "dev", i.name, "up")
	return i
}

func (i *Island) ip(args ...string) {
	i.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		i.t.Fatalf("ip %q: %v\n%s", args, err, out)
	}
}

// remove removes the link, and the namespace with it. By then all servers have ended.
func (i *Island) remove() {
	_ = exec.Command("ip", "link", "delete", i.name).Run() // there is no link if it was never made
	_ = exec.Command("ip", "netns", "delete", i.name).Run()
}

// Address is the address of the island; without an island it is that of loopback.
func (i *Island) Address() string {
	if i == nil {
		return "127.0.0.1"
	}
	return i.address
}

// Near is the address of this host on the link.
func (i *Island) Near() string { return i.near }

// Program returns a program that runs binary on the island. Its process becomes that of binary, so
// that a signal to the process reaches the binary.
func (i *Island) Program(t testing.TB, binary string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), filepath.Base(binary))
	WriteProgram(t, file, fmt.Sprintf("#!/bin/sh\nexec ip netns exec %s '%s' \"$@\"\n", i.name, binary))
	return file
}

// inside changes a command so that it runs on the island.
func (i *Island) inside(cmd *exec.Cmd) *exec.Cmd {
	if i == nil {
		return cmd
	}
	on := exec.Command("ip", append([]string{"netns", "exec", i.name}, cmd.Args...)...)
	on.Stdout, on.Stderr, on.Dir, on.Env = cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.Env
	return on
}

// Lose makes every packet vanish in both directions, without a sign to either side: each side sends
// to a link-layer address that nobody has. Find ends that.
func (i *Island) Lose() {
	i.t.Helper()
	i.ip("neighbour", "replace", i.address, "lladdr", nowhere, "dev", i.name, "nud", "permanent")
	i.ip("-n", i.name, "neighbour", "replace", i.near, "lladdr", nowhere, "dev", farEnd, "nud", "permanent")
}

// Find ends Lose.
func (i *Island) Find() {
	i.t.Helper()
	i.ip("neighbour", "delete", i.address, "dev", i.name)
	i.ip("-n", i.name, "neighbour", "delete", i.near, "dev", farEnd)
}

// Unplug takes the link down at the far end, so this host sees that the carrier is gone. Plug ends
// that.
func (i *Island) Unplug() {
	i.t.Helper()
	i.ip("-n", i.name, "link", "set", "dev", farEnd, "down")
}

// Plug ends Unplug.
func (i *Island) Plug() {
	i.t.Helper()
	i.ip("-n", i.name, "link", "set", "dev", farEnd, "up")
}
