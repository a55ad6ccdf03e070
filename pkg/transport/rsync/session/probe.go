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

// probeTime bounds one probe: with the longest wait of a lane's backoff it
// stays within the ten seconds in which a remote that answers again must be
// served.
const probeTime = 2 * time.Second

// releaseTime bounds the question which rsync the remote has.
const releaseTime = 30 * time.Second

// Probe implements transport.Transport.
func (s *Session) Probe(ctx context.Context) error {
	_, err := s.greet(ctx)
	return err
}

// greet connects and returns the greeting: a frozen daemon's kernel still
// accepts connections. Without an address, or with a name that cannot be resolved
// in this process, nothing is known, and only a run can tell.
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
	return greeting, nil // whatever answers: rsync will say what is wrong with it
}

// serveEvery is how often a silent run has the remote asked a real question, beside
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

// alive returns what tells whether the remote of a silent run is still at work. It
// greets; and as a daemon may greet and then hang, it is asked now and then what it
// has of the target's directory, which takes no walk, however long the run's own takes.
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

// address is where the remote greets; false when a connection of ours would not
// take the way that the runs take.
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

// sshRelease asks the rsync that runs would start there.
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
