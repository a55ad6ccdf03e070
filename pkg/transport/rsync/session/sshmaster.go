package session

import (
	"context"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

// master is the session's one ssh connection, over which its rsyncs run as sessions (ssh_config(5),
// ControlMaster): a handshake costs some 300 ms, a session on a standing connection 2 ms. It is a
// child like any other and ends with this process. When there is no master, each ssh makes its own
// connection.
type master struct {
	process *rsync.Process
	ended   chan struct{} // closed when the child has ended
	next    time.Time     // no earlier start
	turn    bool          // next is the master's turn to connect
	// comes is the time until which its socket may be expected to appear, in ns since 1970; 0: it
	// is not expected. Runs read it.
	comes atomic.Int64
}

const (
	// masterRetry is the wait before a broken connection is made again; meanwhile each run makes
	// its own.
	masterRetry = 5 * time.Second
	// masterPatience is how long a run waits for the master's connection before it makes one of its
	// own, and masterLook how often it looks.
	masterPatience = 5 * time.Second
	masterLook     = 20 * time.Millisecond
)

// masterThere tells whether there is a master's connection for runs to use.
func (s *Session) masterThere() bool {
	if s.opt.ControlPath == "" {
		return false
	}
	_, err := os.Lstat(s.opt.ControlPath)
	return err == nil
}

// masterComes tells whether there will be one shortly.
func (s *Session) masterComes(now time.Time) bool { return now.UnixNano() < s.master.comes.Load() }

// masterStands waits for a connection that is being made: a run would not get a connection of its
// own any sooner.
func (s *Session) masterStands(ctx context.Context) bool {
	tick := time.NewTicker(masterLook)
	defer tick.Stop()
	for !s.masterThere() {
		if !s.masterComes(time.Now()) {
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

// KeepConnection implements transport.Transport.
func (s *Session) KeepConnection(ctx context.Context, now time.Time) {
	if s.opt.ControlPath == "" || !s.opt.Target.SSH || s.opt.Target.Params.RemoteShell {
		return
	}
	if s.master.process != nil {
		select {
		case <-s.master.ended:
			s.master.process, s.master.next = nil, now.Add(masterRetry)
			s.master.comes.Store(0)
		default:
			return
		}
	}
	if now.Before(s.master.next) {
		return
	}
	if !s.master.turn {
		if at := s.connects.turn(now); at.After(now) {
			s.master.next, s.master.turn = at, true
			s.master.comes.Store(at.Add(masterPatience).UnixNano())
			return
		}
	}
	s.master.turn = false
	_ = os.Remove(s.opt.ControlPath) // left by a master that was killed
	p, err := rsync.Start(ctx, s.opt.Plain, child.Command{Program: "ssh", Args: s.masterArgs(), Dir: "/", Env: noPassword()})
	if err != nil {
		s.master.next = now.Add(masterRetry)
		s.master.comes.Store(0)
		return
	}
	s.master.comes.Store(now.Add(masterPatience).UnixNano())
	ended := make(chan struct{})
	s.master.process, s.master.ended = p, ended
	s.side.Go(func() {
		p.Wait()
		s.master.comes.Store(0)
		close(ended)
	})
}

// noPassword keeps RSYNC_PASSWORD, which is for rsync alone, from ssh and from the programs that
// ssh's configuration names.
func noPassword() []string { return []string{"RSYNC_PASSWORD="} }

func (s *Session) masterArgs() []string {
	args := []string{
		"-N", "-o", "ControlMaster=yes", "-o", "ControlPath=" + s.opt.ControlPath, "-o", "ControlPersist=no",
		"-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4",
	}
	return append(args, s.opt.Target.SSHTo()...)
}

// sshAddress is where the remote's sshd listens. Only ssh knows: ssh_config(5) may name another
// host or port for what stands in the configuration. It is false where ssh uses a proxy, or is too
// old to be asked (before 6.8).
func (s *Session) sshAddress(ctx context.Context) (string, bool) {
	var host, port string
	direct := true
	p, err := rsync.Start(ctx, s.opt.Plain, child.Command{
		Program: "ssh", Args: append([]string{"-G"}, s.opt.Target.SSHTo()...), Dir: "/", Env: noPassword(),
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

// dropMaster ends a connection over which nothing moved: after a link was cut it may hang for
// minutes although the remote answers again, and everything that uses it hangs, too.
func (s *Session) dropMaster() {
	if s.master.process != nil {
		s.master.process.Kill()
	}
}
