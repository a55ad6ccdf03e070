package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/laneconf"
	"github.com/sersync/sersync/pkg/transport/rsync"
	"github.com/sersync/sersync/pkg/tunnel"
)

// askTime bounds the questions of --check to all remotes together.
const askTime = 3 * time.Second

// answers is what the remotes of a configuration have said, by their destinations.
// A remote that does not answer is no error of the file.
type answers map[string]answer

// answer is what one remote has said.
type answer struct {
	release string // which rsync it has, or why that is not known
	// trouble is why nothing can be synced to the remote before one of the two
	// configurations is corrected, with the remedy; empty: nothing of the kind is known.
	trouble, remedy string
}

// askRemotes connects to every remote, reads which rsync it has, and asks for the
// module.
func askRemotes(ctx context.Context, conf confxml.Config) answers {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var mu sync.Mutex
	var asking sync.WaitGroup
	out := answers{}
	for _, local := range conf.LocalPaths {
		for _, remote := range local.Remotes {
			lane, err := laneconf.Of(conf, local, local.Watch, remote)
			t := lane.Target
			if err != nil || t.Params.RemoteShell {
				continue
			}
			asking.Go(func() {
				said := ask(ctx, conf.Rsync.Program, t)
				mu.Lock()
				defer mu.Unlock()
				out[remoteKey(t)] = said
			})
		}
	}
	asking.Wait()
	return out
}

func remoteKey(t rsync.Target) string {
	host, port := t.Address()
	return fmt.Sprint(t.Dest(), " ", net.JoinHostPort(host, port))
}

func ask(ctx context.Context, program string, t rsync.Target) answer {
	if t.SSH {
		return answer{release: askSSH(ctx, t)}
	}
	greeting, refusal, err := openModule(ctx, t)
	var a answer
	var dns *net.DNSError
	var unsecured *tunnel.Error
	switch g := rsync.ParseGreeting(greeting); {
	case errors.As(err, &unsecured):
		a.release = "not asked"
		a.trouble, a.remedy = t.Explain(unsecured.Error())
	case errors.As(err, &dns) && dns.IsNotFound:
		a.release = "does not answer now: " + plain(err)
		a.trouble, a.remedy = unresolved(ctx, program, t)
	case greeting == "" && err != nil:
		a.release = "does not answer now: " + plain(err)
	case g.Protocol == 0:
		a.release = "something answers that is no rsync daemon"
	default:
		a.release = strings.Join(append([]string{g.Release()}, g.Expect()...), "; ")
		a.trouble, a.remedy = t.Explain(refusal)
	}
	return a
}

// unresolved lets rsync look for a name that this program has not found: the
// system's own resolver knows more sources and forms of addresses.
func unresolved(ctx context.Context, program string, t rsync.Target) (trouble, remedy string) {
	if t.TLS != nil {
		return t.Explain("Could not resolve hostname")
	}
	host, port := t.Address()
	said, err := exec.CommandContext(ctx, program, "--contimeout=2", "--port="+port, host+"::").CombinedOutput() //nolint:gosec // named by the configuration, which is trusted
	if err == nil || !strings.Contains(string(said), "getaddrinfo") {
		return "", ""
	}
	return t.Explain(string(said))
}

// openModule asks an rsync daemon for the target's module, and stops where the daemon asks for a
// password. It returns the greeting and, if the daemon refuses, its message.
func openModule(ctx context.Context, t rsync.Target) (greeting, refusal string, err error) {
	conn, err := t.Dial(ctx, net.JoinHostPort(t.Address()))
	if err != nil {
		return "", "", fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", "", fmt.Errorf("set the deadline: %w", err)
	}
	in := bufio.NewReader(io.LimitReader(conn, maxOpening))
	if greeting, err = in.ReadString('\n'); err != nil || rsync.ParseGreeting(greeting).Protocol == 0 {
		return greeting, "", err
	}
	module, _, _ := strings.Cut(t.Name, "/")
	// Every daemon accepts protocol 30, whose greeting names no digests.
	if _, err = fmt.Fprintf(conn, "@RSYNCD: 30.0\n%s\n", module); err != nil {
		return greeting, "", fmt.Errorf("ask for the module: %w", err)
	}
	for {
		line, err := in.ReadString('\n')
		switch {
		case strings.HasPrefix(line, "@ERROR"):
			return greeting, strings.TrimRight(line, "\r\n"), nil
		case err != nil, strings.HasPrefix(line, "@RSYNCD: "):
			return greeting, "", err
		}
	}
}

// maxOpening bounds a greeting and a message of the day.
const maxOpening = 64 << 10

// askSSH asks the rsync there itself, as the user who checks. A key that may run
// nothing else does not let it answer.
func askSSH(ctx context.Context, t rsync.Target) string {
	args := []string{"-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=2"}
	out, err := exec.CommandContext(ctx, "ssh", append(append(args, t.SSHTo()...), t.Params.Program()+" --version")...).CombinedOutput() //nolint:gosec // named by the configuration, which is trusted
	v, unknown := rsync.ParseVersion(string(out))
	if unknown == nil {
		without, _ := v.Capabilities()
		return strings.Join(append([]string{"rsync " + v.String()}, without.Without()...), "; ")
	}
	if err != nil && ctx.Err() != nil {
		return "does not answer now"
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return "its rsync does not tell its version: " + strings.TrimRight(first, "\r")
}

// plain is the cause of a network error, without the operation and the address.
func plain(err error) string {
	var errno syscall.Errno
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &dns):
		return dns.Err
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it takes too long"
	default:
		return err.Error()
	}
}
