package executor

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sersync/sersync/pkg/rsync"
)

// master is the lane's one ssh connection, over which its rsyncs run as
// sessions (ssh_config(5), ControlMaster): a handshake costs some 300 ms, a
// session on a standing connection 2 ms. It is a child like any other and ends
// with this process. When it is not there, ssh connects for itself.
type master struct {
	process *rsync.Process
	ended   chan struct{} // closed when the child has ended
	next    time.Time     // no earlier start
	turn    bool          // next is its turn to connect
	// comes is until when its socket is to be expected, in ns since 1970; 0:
	// it is not. Read by runs.
	comes atomic.Int64
}

const (
	// masterRetry is the wait before a connection that broke is made again; runs
	// meanwhile connect for themselves.
	masterRetry = 5 * time.Second
	// masterPatience is how long what would need a connection of its own waits
	// for this one, and masterLook how often it looks.
	masterPatience = 5 * time.Second
	masterLook     = 20 * time.Millisecond
)

// masterThere tells whether runs find a connection.
func (l *Lane) masterThere() bool {
	if l.opt.ControlPath == "" {
		return false
	}
	_, err := os.Lstat(l.opt.ControlPath)
	return err == nil
}

// masterComes tells whether they will shortly.
func (l *Lane) masterComes(now time.Time) bool { return now.UnixNano() < l.master.comes.Load() }

// masterStands waits for a connection that is being made: a run that makes one
// for itself meanwhile would have it no sooner.
func (l *Lane) masterStands(ctx context.Context) bool {
	tick := time.NewTicker(masterLook)
	defer tick.Stop()
	for !l.masterThere() {
		if !l.masterComes(time.Now()) {
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// keepMaster starts the connection when it does not stand.
func (l *Lane) keepMaster(ctx context.Context, now time.Time) {
	if l.opt.ControlPath == "" || !l.opt.Target.SSH || l.opt.Target.Params.RemoteShell {
		return
	}
	if l.master.process != nil {
		select {
		case <-l.master.ended:
			l.master.process, l.master.next = nil, now.Add(masterRetry)
			l.master.comes.Store(0)
		default:
			return
		}
	}
	if now.Before(l.master.next) {
		return
	}
	if !l.master.turn {
		if at := l.connects.turn(now); at.After(now) {
			l.master.next, l.master.turn = at, true
			l.master.comes.Store(at.Add(masterPatience).UnixNano())
			return
		}
	}
	l.master.turn = false
	_ = os.Remove(l.opt.ControlPath) // left by a master that was killed
	p, err := l.opt.Plain.Start(ctx, rsync.Command{Program: "ssh", Args: l.masterArgs(), Dir: "/", Env: noPassword()})
	if err != nil {
		l.master.next = now.Add(masterRetry)
		l.master.comes.Store(0)
		return
	}
	l.master.comes.Store(now.Add(masterPatience).UnixNano())
	ended := make(chan struct{})
	l.master.process, l.master.ended = p, ended
	l.side.Go(func() {
		p.Wait()
		l.master.comes.Store(0)
		close(ended)
	})
}

// noPassword keeps from ssh, and from what its configuration has it run, what is
// for rsync alone.
func noPassword() []string { return []string{"RSYNC_PASSWORD="} }

func (l *Lane) masterArgs() []string {
	args := []string{
		"-N", "-o", "ControlMaster=yes", "-o", "ControlPath=" + l.opt.ControlPath, "-o", "ControlPersist=no",
		"-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4",
	}
	return append(args, l.sshTo()...)
}

// sshTo is port, user and host for an ssh of ours.
func (l *Lane) sshTo() (args []string) {
	t := l.opt.Target
	host := strings.Trim(t.Host, "[]")
	if t.User != "" {
		host = t.User + "@" + host
	}
	if t.SSHPort != 0 {
		args = append(args, "-p", strconv.Itoa(t.SSHPort))
	}
	return append(args, "--", host)
}

// sshAddress is where the remote's sshd listens. Only ssh knows: ssh_config(5)
// may name another host or port for what stands in the configuration. False
// where it goes through a proxy, or is too old to be asked (before 6.8).
func (l *Lane) sshAddress(ctx context.Context) (string, bool) {
	var host, port string
	direct := true
	p, err := l.opt.Plain.Start(ctx, rsync.Command{
		Program: "ssh", Args: append([]string{"-G"}, l.sshTo()...), Dir: "/", Env: noPassword(),
		Line: func(line []byte) {
			switch key, value, _ := strings.Cut(string(line), " "); key {
			case "hostname":
				host = value
			case "port":
				port = value
			case "proxycommand", "proxyjump":
				direct = direct && value == "none"
			}
		},
	})
	if err != nil {
		return "", false
	}
	p.Feed(nil)
	if e := p.Wait(); e.Exit != 0 || host == "" || port == "" {
		return "", false
	}
	return net.JoinHostPort(host, port), direct
}

// dropMaster ends the connection over which nothing moved: where a link was cut
// it may hang for minutes after the remote answers again, and everything that
// goes over it, too.
func (l *Lane) dropMaster() {
	if l.master.process != nil {
		l.master.process.Kill()
	}
}

// closeMaster ends the connection.
func (l *Lane) closeMaster() {
	l.dropMaster()
	l.side.Wait()
}
