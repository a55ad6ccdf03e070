package session

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

// probeTime bounds one probe: together with the longest wait of a lane's backoff it stays below ten
// seconds, within which a remote that answers again must be served.
const probeTime = 2 * time.Second

// releaseTime bounds the question which rsync the remote has.
const releaseTime = 30 * time.Second

// Probe implements transport.Transport.
func (s *Session) Probe(ctx context.Context) error {
	_, err := s.greet(ctx)
	return err
}

// greet connects and returns the greeting; a connection alone proves nothing, for the kernel of a
// frozen daemon still accepts it. Without an address, or with a name that this process cannot
// resolve, it returns nothing, and only a run can tell.
func (s *Session) greet(ctx context.Context) (greeting string, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	address, ok := s.address(ctx)
	if !ok {
		return "", nil
	}
	conn, err := s.opt.Target.Dial(ctx, address)
	var unresolved *net.DNSError
	if errors.As(err, &unresolved) && unresolved.IsNotFound {
		return "", nil // rsync asks the system's resolver, which knows more sources and forms of addresses
	}
	if err != nil {
		return "", err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	greeting, err = bufio.NewReaderSize(conn, 256).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%s accepts and says nothing: %w", address, err)
	}
	return greeting, nil // whatever answered: if it is no rsync daemon, rsync will report that
}

// serveEvery is how often, during a silent run, the remote is asked a real question, beside reading
// its greeting.
const serveEvery = time.Minute

// serving says when such a question is due.
type serving struct{ next time.Time }

// due tells whether a question is due. A remote that gave no answer is asked again at
// once, and one that was not asked yet for this run after serveEvery.
func (v *serving) due(now time.Time) bool {
	if v.next.IsZero() {
		v.next = now.Add(serveEvery)
	}
	return !now.Before(v.next)
}

func (v *serving) answered(now time.Time) { v.next = now.Add(serveEvery) }

// alive returns a function that tells whether the remote of a silent run still works. It reads the
// greeting; and because a daemon may greet and then hang, it also asks now and then what the remote
// has at the target's directory, which needs no walk of the tree.
func alive(ctx context.Context, s *Session, caps transport.Capabilities) func() bool {
	var questions serving
	return func() bool {
		if !s.Answers(ctx) {
			return false
		}
		if !questions.due(time.Now()) {
			return true
		}
		t, err := s.Do(ctx, transport.Call{Batch: transport.Batch{Kind: transport.Times, Caps: caps}, Names: []string{""}})
		if err == nil && t.Result.Inactive {
			return false
		}
		questions.answered(time.Now())
		return true
	}
}

// Answers tells whether the remote greets. One that refuses a connection is alive,
// and may still be at work for an earlier one.
func (s *Session) Answers(ctx context.Context) bool {
	_, err := s.greet(ctx)
	var network net.Error
	return !errors.As(err, &network) || !network.Timeout()
}

// address is where the remote greets; false when a connection of this program would not go the same
// way as those of the runs.
func (s *Session) address(ctx context.Context) (string, bool) {
	switch {
	case s.opt.Target.Params.RemoteShell, s.opt.Proxied && s.opt.Target.TLS == nil:
		return "", false
	case s.opt.Target.SSH:
		return s.sshAddress(ctx)
	default:
		host, port := s.opt.Target.Address()
		return net.JoinHostPort(host, port), true
	}
}

// Release implements transport.Transport: a daemon's greeting tells it roughly, and over
// ssh rsync itself. Neither does behind a proxy, or with a key that may run nothing else.
func (s *Session) Release(ctx context.Context) transport.Release {
	name := s.release(ctx)
	s.known.Store(name)
	return transport.Release{Name: name, ComparesSameSecond: !rsync.KeepsSameSecond(name)}
}

func (s *Session) release(ctx context.Context) string {
	if s.connects.runs.Wait(ctx) != nil {
		return ""
	}
	if !s.opt.Target.SSH {
		greeting, err := s.greet(ctx)
		if err != nil {
			return ""
		}
		return rsync.ParseGreeting(greeting).Release()
	}
	if s.opt.Target.Params.RemoteShell {
		return ""
	}
	return s.sshRelease(ctx)
}

// sshRelease asks, over ssh, the rsync that runs would start on the remote for its release.
func (s *Session) sshRelease(ctx context.Context) (release string) {
	ctx, cancel := context.WithTimeout(ctx, releaseTime)
	defer cancel()
	args := []string{"-o", "BatchMode=yes", "-o", "ConnectTimeout=10"}
	if s.masterStands(ctx) {
		args = append(args, "-o", "ControlMaster=no", "-o", "ControlPath="+s.opt.ControlPath)
	}
	t := s.opt.Target
	p, err := rsync.Start(ctx, s.opt.Plain, child.Command{
		Program: "ssh", Args: append(append(args, t.SSHTo()...), t.Params.Program()+" --version"), Dir: "/",
		Env: noPassword(), Stdin: []byte{}, Line: func(line []byte) {
			if v, err := rsync.ParseVersion(string(line)); err == nil && release == "" {
				release = "rsync " + v.String()
			}
		},
	})
	if err != nil {
		return ""
	}
	p.Wait()
	return release
}
