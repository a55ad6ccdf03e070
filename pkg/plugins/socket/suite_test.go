package socket_test

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/plugintest"
	"github.com/sersync/sersync/pkg/plugins/socket"
)

// element builds a plugin element from "key=value" attributes.
func element(attributes ...string) confxml.Plugin {
	conf := confxml.Plugin{Name: "socket", Line: 10, Watch: "/opt/tongbu", Attributes: map[string]confxml.Attribute{}}
	for _, a := range attributes {
		key, value, _ := strings.Cut(a, "=")
		conf.Attributes[key] = confxml.Attribute{Value: value, Line: 12}
	}
	return conf
}

func newPlugin(t testing.TB, attributes ...string) plugins.Plugin {
	t.Helper()
	p, err := socket.New(element(attributes...), plugins.Deps{File: "confxml.xml", Dir: "/"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// whole is a receiver of the form of 2.5.4: one connection is one path.
func whole(conn net.Conn, received func(string)) {
	data, err := io.ReadAll(conn)
	if err == nil && len(data) > 0 {
		received(string(data))
	}
}

// terminated reads paths that end with delim, and acknowledges each of them.
func terminated(delim byte, decode func(string) string) plugintest.Protocol {
	return func(conn net.Conn, received func(string)) {
		r := bufio.NewReader(conn)
		for {
			path, err := r.ReadString(delim)
			if err != nil {
				return
			}
			received(decode(path[:len(path)-1]))
			if _, err := io.WriteString(conn, "ok\n"); err != nil {
				return
			}
		}
	}
}

func silent(p plugintest.Protocol) plugintest.Protocol {
	return func(conn net.Conn, received func(string)) { p(mute{conn}, received) }
}

type mute struct{ net.Conn }

func (m mute) Write(b []byte) (int, error) { return len(b), nil }

func exact(s string) string { return s }

var short = []string{"deshost/timeout=1s", "deshost/wait=500ms"}

func tcpSubject(p plugintest.Protocol, attributes ...string) plugintest.Subject {
	return plugintest.Subject{New: func(t *testing.T, _ string) (plugins.Plugin, plugintest.Peer) {
		peer := plugintest.NewTCP(t, "", p)
		all := append([]string{"deshost/ip=127.0.0.1", "deshost/port=" + peer.Port()}, short...)
		return newPlugin(t, append(all, attributes...)...), peer
	}}
}

func TestSuiteEvent(t *testing.T) { plugintest.Run(t, tcpSubject(whole)) }

func TestSuiteUnix(t *testing.T) {
	plugintest.Run(t, plugintest.Subject{New: func(t *testing.T, root string) (plugins.Plugin, plugintest.Peer) {
		name := filepath.Join(t.TempDir(), "s")
		peer := plugintest.NewTCP(t, name, whole)
		return newPlugin(t, append([]string{"deshost/path=" + name}, short...)...), peer
	}})
}

func TestSuiteKeptAck(t *testing.T) {
	plugintest.Run(t, tcpSubject(terminated('\n', plugintest.UnescapeLine), "deshost/keepalive=true", "deshost/ack=true"))
}

// Without ack, a receiver that dies loses the bytes that its kernel has acknowledged and that it
// has not read (docs/plugins.md). So the receiver of this test never breaks off.
func TestSuiteKept(t *testing.T) {
	s := tcpSubject(silent(terminated(0, exact)), "deshost/keepalive=true", "deshost/format=nul")
	s.Lacks = []plugintest.Behaviour{plugintest.Fail}
	plugintest.Run(t, s)
}
