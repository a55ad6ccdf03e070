package rsync

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/sersync/sersync/pkg/tunnel"
)

// Target is one remote as rsync is to reach it. It is immutable.
type Target struct {
	Host, Name   string // as in the configuration: module, or path with SSH
	User         string
	PasswordFile string // daemon targets only
	Port         int    // daemon targets: rsync's port; 0: its default
	SSHPort      int    // SSH targets: the ssh port; 0: ssh's default
	Timeout      int    // seconds for --timeout; 0: not given
	SSH          bool
	// TLS is how the connection to a daemon is secured; nil: it is not.
	TLS    *tunnel.Way
	Params Params
	// Versions is where the remote keeps what is replaced or deleted there.
	Versions Versions
}

// Dest is the target as rsync writes it: [USER@]HOST::MODULE, or HOST:PATH
// over ssh. A host with a colon, an IPv6 address, gets its brackets.
func (t Target) Dest() string {
	host := t.Host
	// In a host without brackets a colon would begin a path for a remote shell.
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		host = "[" + host + "]"
	}
	if t.User != "" {
		host = t.User + "@" + host
	}
	if t.SSH {
		return host + ":" + t.Name
	}
	return host + "::" + t.Name
}

// Into is Dest as the last argument of a run that sends. A path gets a slash at
// its end: rsync would give a single file the name of a target directory that
// does not exist yet.
func (t Target) Into() string {
	dest := t.Dest()
	if t.Name != "" && !strings.HasSuffix(dest, "/") && (t.SSH || strings.Contains(t.Name, "/")) {
		dest += "/"
	}
	return dest
}

// Address is the host and port a probe connects to.
func (t Target) Address() (host, port string) {
	host = strings.Trim(t.Host, "[]")
	switch {
	case t.SSH && t.SSHPort != 0:
		return host, strconv.Itoa(t.SSHPort)
	case t.SSH:
		return host, "22"
	case t.Port != 0:
		return host, strconv.Itoa(t.Port)
	case t.Params.Port != 0:
		return host, strconv.Itoa(t.Params.Port)
	default:
		return host, "873"
	}
}

// Dial connects to an address of the target as rsync does, with TLS where it is asked for. An error
// of TLS is a *tunnel.Error, whose text Explain knows.
func (t Target) Dial(ctx context.Context, address string) (net.Conn, error) {
	if t.TLS != nil {
		return t.TLS.Dial(ctx, address)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

// Environment are the variables that an rsync needs in its environment to reach the target.
func (t Target) Environment() []string {
	if t.TLS == nil {
		return nil
	}
	program, err := os.Executable()
	if err != nil {
		program = "/nonexistent/sersync" // rsync ends with an error, and not without TLS
	}
	return t.TLS.Environment(program, net.JoinHostPort(t.Address()))
}

// SSHTo is port, user and host for an ssh to the target.
func (t Target) SSHTo() (args []string) {
	host := strings.Trim(t.Host, "[]")
	if t.User != "" {
		host = t.User + "@" + host
	}
	if t.SSHPort != 0 {
		args = append(args, "-p", strconv.Itoa(t.SSHPort))
	}
	return append(args, "--", host)
}
