// Package socket is the plugin that sends each path over a stream socket.
//
// As in 2.5.4, one TCP connection is made per event; it carries the bytes of
// WATCH + "/" + path, no terminator, and then ends. What 2.5.4 sent and forgot
// counts here only when the receiver has closed its side too, or, when it
// leaves the connection open, its kernel has acknowledged every byte; a
// refused or reset connection is tried again.
//
// Optional attributes of <deshost> change the form: path (a Unix socket),
// format (lines or nul: each path with a terminator), keepalive (many paths
// over one kept connection), ack (the receiver answers each path with the line
// "ok"), timeout, wait, concurrency.
package socket

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/plugins"
)

// Name is the plugin's name in the configuration.
const Name = "socket"

const (
	defaultTimeout     = 10 * time.Second
	defaultWait        = 2 * time.Second
	defaultConcurrency = 8
	maxConcurrency     = 256
	keptBatch          = 256 // paths per write on a kept connection
)

// config is what the attributes say.
type config struct {
	network, addr string
	format        string // raw, lines, nul
	keepalive     bool
	ack           bool
	timeout       time.Duration // connect, write and acknowledgement, each
	wait          time.Duration // for the receiver to close its side
	concurrency   int
}

// New returns the plugin that conf describes, one connection per event or one
// kept connection. It does not connect.
func New(conf confxml.Plugin, deps plugins.Deps) (plugins.Plugin, error) {
	s := plugins.NewSettings(conf, deps)
	c := read(s)
	if err := s.Err(); err != nil {
		return nil, err
	}
	if c.keepalive {
		return &kept{config: c}, nil
	}
	return &single{config: c}, nil
}

func read(s *plugins.Settings) config {
	c := config{
		keepalive:   s.Bool("deshost/keepalive", false),
		ack:         s.Bool("deshost/ack", false),
		timeout:     s.Duration("deshost/timeout", defaultTimeout),
		wait:        s.Duration("deshost/wait", defaultWait),
		concurrency: s.Int("deshost/concurrency", defaultConcurrency, 1, maxConcurrency),
	}
	if c.keepalive {
		c.format = s.Choice("deshost/format", "lines", "nul")
	} else {
		c.format = s.Choice("deshost/format", "raw", "lines", "nul")
	}
	if c.ack && !c.keepalive {
		s.Fail("deshost/ack", `works with keepalive="true" only; add it, or remove ack`)
	}
	if s.Has("deshost/path") {
		// A file that holds the default <deshost ip port> too stays valid.
		s.Text("deshost/ip", "")
		s.Text("deshost/port", "")
		c.network, c.addr = "unix", s.FilePath("deshost/path")
		if len(c.addr) > 107 {
			s.Fail("deshost/path", "is longer than the 107 bytes that a Unix socket's name may have (unix(7)); use a shorter path")
		}
		return c
	}
	host := s.Required("deshost/ip", "192.168.138.20")
	if strings.ContainsAny(host, " \t\r\n/[]") {
		s.Fail("deshost/ip", fmt.Sprintf("%q is neither an address nor a host name", host))
	}
	c.network, c.addr = "tcp", net.JoinHostPort(host, s.Port("deshost/port", "8009"))
	return c
}

func (c config) dial(ctx context.Context) (net.Conn, error) {
	// A connection lives for one path or sends constantly: keep-alive probes
	// would only cost system calls.
	d := net.Dialer{Timeout: c.timeout, KeepAlive: -1}
	return d.DialContext(ctx, c.network, c.addr)
}

// frame appends one path in the configured form.
func (c config) frame(buf []byte, ev plugins.Event) []byte {
	switch c.format {
	case "lines":
		buf = append(buf, plugins.EscapeLine(ev.FullPath())...)
		return append(buf, '\n')
	case "nul":
		buf = append(buf, ev.FullPath()...)
		return append(buf, 0)
	default:
		return append(buf, ev.FullPath()...)
	}
}
