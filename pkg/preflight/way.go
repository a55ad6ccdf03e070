package preflight

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/transport/rsync"
	"github.com/sersync/sersync/pkg/tunnel"
)

// way tries each part of the way to the remote, up to the rsync there; false: the trial cannot go
// on.
func (t *trial) way(ctx context.Context) bool {
	switch {
	case t.given.Params.RemoteShell:
		t.lane.say(TopicPort, Remark, ownWay.of("-e"))
		return true
	case t.given.SSH:
		return t.ssh(ctx)
	case t.site.Proxied && t.given.TLS == nil:
		t.lane.say(TopicPort, Remark, ownWay.of("RSYNC_PROXY, RSYNC_CONNECT_PROG"))
		return true
	default:
		return t.name(ctx) && t.greeting(ctx)
	}
}

// name resolves the name.
func (t *trial) name(ctx context.Context) bool {
	host, _ := t.given.Address()
	if _, err := netip.ParseAddr(host); err == nil {
		t.lane.say(TopicName, Good, nameIsAddress.of(host))
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, nameTime)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		_, remedy := t.given.Explain("Could not resolve hostname")
		t.fail(TopicName, nameFails.of(host, plain(err)), literal(remedy), nil)
		return false
	}
	t.lane.say(TopicName, Good, nameIs.of(host, strings.Join(addresses, ", ")))
	return true
}

// greeting connects, and reads what the daemon says first.
func (t *trial) greeting(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	address := net.JoinHostPort(t.given.Address())
	conn, err := t.given.Dial(ctx, address)
	if t.unsecured(err) {
		return false
	}
	if err != nil {
		reason, remedy := t.given.Explain(asClients(err))
		if reason == "" {
			reason = plain(err)
		}
		t.fail(TopicPort, portFails.of(address, literal(reason)), literal(remedy), nil)
		return false
	}
	defer conn.Close()
	t.open(address, conn)
	if local, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		t.seenAs = local.AddrPort().Addr().Unmap().String()
	}
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	line, err := bufio.NewReaderSize(conn, 256).ReadString('\n')
	g := rsync.ParseGreeting(line)
	switch {
	case t.unsecured(err):
		return false
	case err != nil && line == "":
		t.fail(TopicRelease, releaseSilent.of(address, plain(err)), lookAtDaemon.of(host(t.given)), nil)
		return false
	case g.Protocol == 0:
		t.fail(TopicRelease, releaseOther.of(address, strings.TrimSpace(line)), correctPort, nil)
		return false
	}
	t.lane.Release = g.Release()
	t.lane.say(TopicRelease, Good, releaseIs.of(foreign(g.Release())))
	return true
}

// open says that the port is open, and until when the certificate there is valid.
func (t *trial) open(address string, conn net.Conn) {
	secured, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		t.lane.say(TopicPort, Good, portOpen.of(address))
		return
	}
	state := secured.ConnectionState()
	until := state.PeerCertificates[0].NotAfter.Local().Format(time.DateOnly)
	t.lane.say(TopicPort, Good, portSecured.of(address, tls.VersionName(state.Version), until))
}

// unsecured says what is wrong with TLS, if that is what err is about.
func (t *trial) unsecured(err error) bool {
	var unsecured *tunnel.Error
	if !errors.As(err, &unsecured) {
		return false
	}
	reason, remedy := t.given.Explain(unsecured.Error())
	t.fail(TopicPort, literal(reason), literal(remedy), nil)
	t.lane.Steps[len(t.lane.Steps)-1].Detail = unsecured.Error()
	return true
}

// ssh asks the rsync there which it is. A key that may run nothing but a program of its own does not let it answer, and
// then the runs show whether there is one.
func (t *trial) ssh(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	args := append(strings.Fields(shell)[1:], "-oLogLevel=ERROR")
	args = append(append(args, t.given.SSHTo()...), t.given.Params.Program()+" --version")
	cmd := exec.CommandContext(ctx, "ssh", args...) //nolint:gosec // named by the configuration, which is trusted
	cmd.Env = append(append([]string{}, t.site.Env...), "RSYNC_PASSWORD=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without a terminal it cannot ask
	cmd.WaitDelay = runTime
	out, err := cmd.CombinedOutput()
	host, _ := t.given.Address()
	if v, unknown := rsync.ParseVersion(string(out)); unknown == nil {
		t.loggedIn()
		t.lane.Release = "rsync " + v.String()
		t.lane.say(TopicRelease, Good, releaseIs.of(t.lane.Release))
		return true
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		t.fail(TopicPort, tookTooLong.of(runTime.String()), lookAtDaemon.of(host), nil)
		return false
	case err != nil && !errors.As(err, &exit):
		t.fail(TopicPort, literal(err.Error()), installSSH, nil)
		return false
	case exit != nil && exit.ExitCode() != sshFailed:
		e := rsync.Ended{Ended: child.Ended{Exit: exit.ExitCode(), Stderr: string(out)}}
		if r := rsync.Classify(rsync.Run{Target: t.given}, "/", e, nil); causes[r.Reason].topic == TopicRelease {
			t.loggedIn()
			return t.judged(r, TopicRelease)
		}
	case exit != nil:
		return t.judged(rsync.Classify(rsync.Run{Target: t.given}, "/", rsync.Ended{Ended: child.Ended{Exit: sshFailed, Stderr: string(out)}}, nil), TopicPort)
	}
	t.loggedIn()
	t.lane.say(TopicRelease, Remark, releaseUnknown)
	return true
}

// sshFailed is ssh's own exit status: the program there was not run.
const sshFailed = 255

// loggedIn adds the steps that are in order once ssh has run a command there.
func (t *trial) loggedIn() {
	host, port := t.given.Address()
	login := host
	if t.given.User != "" {
		login = t.given.User + "@" + host
	}
	if t.given.SSHPort != 0 {
		host = net.JoinHostPort(host, port)
	}
	t.lane.say(TopicHostKey, Good, hostKeyKnown.of(host))
	t.lane.say(TopicKey, Good, keyTaken.of(login))
}

// asClients puts a network error into the words of rsync and ssh.
func asClients(err error) string {
	var errno syscall.Errno
	var timeout net.Error
	switch {
	case errors.As(err, &errno):
		text := errno.Error()
		return strings.ToUpper(text[:1]) + text[1:]
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "Connection timed out"
	default:
		return ""
	}
}

// plain is the cause of a network error.
func plain(err error) string {
	var errno syscall.Errno
	var dns *net.DNSError
	switch {
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &dns):
		return dns.Err
	case asClients(err) != "":
		return "it takes too long"
	default:
		return strconv.QuoteToGraphic(err.Error())
	}
}
