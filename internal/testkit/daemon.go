package testkit

import (
	"cmp"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// daemon is a server process in a process group of its own, which listens on one port.
type daemon struct {
	t    testing.TB
	name string
	port int
	on   *Island // nil: this host
	// address is where the server listens; empty: at the address of on.
	address string
	make    func() *exec.Cmd // makes the command of each start
	cmd     *exec.Cmd        // nil while stopped
	done    chan struct{}
	// killed counts the processes of sessions that Stop has killed.
	killed int
}

// Start runs the server and waits until it accepts connections.
func (d *daemon) Start() {
	d.t.Helper()
	if d.cmd != nil {
		return
	}
	// A port that was free a moment ago may still be held by a process that another test has
	// forked, until that process executes its program. So the start is tried again.
	for range 10 {
		if d.launch() {
			return
		}
	}
	d.t.Fatalf("%s does not start: %v", d.name, d.cmd.ProcessState)
}

// launch runs the server once and reports whether it accepts connections; false means that it has
// ended.
func (d *daemon) launch() bool {
	d.t.Helper()
	d.cmd = d.on.inside(d.make())
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if d.cmd.Stderr == nil {
		d.cmd.Stderr = os.Stderr
	}
	must(d.t, d.cmd.Start())
	d.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		cmd.Wait() // the status of a killed server says nothing
		close(done)
	}(d.cmd, d.done)
	up := false
	Eventually(d.t, 20*time.Second, d.name+" accepts connections, or ends", func() bool {
		up = d.accepts() && !d.ended()
		return up || d.ended()
	})
	return up
}

func (d *daemon) ended() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

// at is the address where the server listens.
func (d *daemon) at() string { return cmp.Or(d.address, d.on.Address()) }

func (d *daemon) accepts() bool {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(d.at(), strconv.Itoa(d.port)), time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// Stop ends the server and every session at once, as a crash or a reboot does.
func (d *daemon) Stop() {
	d.t.Helper()
	if d.cmd == nil {
		return
	}
	d.signal(syscall.SIGKILL)
	<-d.done
	d.cmd = nil
}

// Killed returns how many processes of sessions Stop has killed so far.
func (d *daemon) Killed() int { return d.killed }

// Freeze stops the server and its sessions without closing anything: to its peers the machine has
// stopped answering. Thaw ends that.
func (d *daemon) Freeze() { d.t.Helper(); d.signal(syscall.SIGSTOP) }

// Thaw ends a Freeze.
func (d *daemon) Thaw() { d.t.Helper(); d.signal(syscall.SIGCONT) }

// signal reaches the process group and, for servers that give each session a group of its own, the
// descendants.
func (d *daemon) signal(sig syscall.Signal) {
	below := hold(d.cmd.Process.Pid)[1:]
	if sig == syscall.SIGKILL {
		d.killed += len(below)
	}
	if err := syscall.Kill(-d.cmd.Process.Pid, sig); err != nil {
		d.t.Logf("signal %v to %s: %v", sig, d.name, err)
	}
	for _, pid := range below {
		syscall.Kill(pid, sig) // the process may have ended with the group
	}
}

// Port returns the port of the server, also while it is stopped.
func (d *daemon) Port() int { return d.port }
