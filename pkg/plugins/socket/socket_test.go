package socket_test

import (
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/socket"
)

// streams records all bytes of each connection.
func streams(t *testing.T, network, addr string) (string, <-chan string) {
	t.Helper()
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			data, err := io.ReadAll(conn)
			if err != nil {
				data = []byte(err.Error())
			}
			got <- string(data)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
	return ln.Addr().String(), got
}

func receive(t *testing.T, got <-chan string) string {
	t.Helper()
	select {
	case s := <-got:
		return s
	case <-time.After(20 * time.Second):
		t.Fatal("no connection came")
	}
	return ""
}

// These are the bytes of the recorded runs 520 and 526 and of the corpus's x09: one connection for
// each event, with WATCH + "/" + name and no terminator.
func TestGoldenEvent(t *testing.T) {
	addr, got := streams(t, "tcp", "127.0.0.1:0")
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlugin(t, "deshost/ip="+host, "deshost/port="+port)
	long := strings.Repeat("D/", 2000) + "x"
	for _, tt := range []struct {
		ev   plugins.Event
		want string
	}{
		{plugins.Event{Root: "/r/src", Path: "b c.txt", Op: plugins.Changed}, "/r/src/b c.txt"},
		{plugins.Event{Root: "/r/src/", Path: "a.txt", Op: plugins.Deleted}, "/r/src//a.txt"},
		{plugins.Event{Root: "/r/src", Path: "dd", Dir: true}, "/r/src/dd"},
		{plugins.Event{Root: "/r/src", Path: "n\n\xff\\"}, "/r/src/n\n\xff\\"},
		{plugins.Event{Root: "/r", Path: long}, "/r/" + long},
	} {
		if n, err := p.Deliver(t.Context(), []plugins.Event{tt.ev}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if s := receive(t, got); s != tt.want {
			t.Errorf("got %q, want %q", s, tt.want)
		}
	}
}

func TestGoldenKept(t *testing.T) {
	for format, want := range map[string]string{
		"lines": "/r/a\n/r/b\\nc\\\\\n/r/d\n",
		"nul":   "/r/a\x00/r/b\nc\\\x00/r/d\x00",
	} {
		name := t.TempDir() + "/s"
		_, got := streams(t, "unix", name)
		p := newPlugin(t, "deshost/path="+name, "deshost/keepalive=true", "deshost/format="+format)
		for _, batch := range [][]plugins.Event{{{Root: "/r", Path: "a"}, {Root: "/r", Path: "b\nc\\"}}, {{Root: "/r", Path: "d"}}} {
			// On a Unix socket the peer has read everything that is acknowledged.
			if n, err := p.Deliver(t.Context(), batch); n != len(batch) || err != nil {
				t.Fatal(n, err)
			}
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if s := receive(t, got); s != want {
			t.Errorf("%s: got %q, want %q", format, s, want)
		}
	}
}

func TestBadConfig(t *testing.T) {
	tests := []struct {
		name string
		conf []string
		want string
	}{
		{"nothing", nil, "confxml.xml:10: plugin socket: deshost@ip: missing or empty"},
		{"port", []string{"deshost/ip=h", "deshost/port=80x"}, `confxml.xml:12: plugin socket: deshost@port: "80x" is not a port; write a number from 1 to 65535`},
		{"zero", []string{"deshost/ip=h", "deshost/port=0"}, `"0" is not a port`},
		{"host", []string{"deshost/ip=http://h", "deshost/port=1"}, "neither an address nor a host name"},
		{"ack", []string{"deshost/ip=h", "deshost/port=1", "deshost/ack=true"}, `works with keepalive="true" only`},
		{"raw kept", []string{"deshost/ip=h", "deshost/port=1", "deshost/keepalive=true", "deshost/format=raw"}, "write one of: lines, nul"},
		{"long", []string{"deshost/path=/" + strings.Repeat("x", 108)}, "107 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := socket.New(element(tt.conf...), plugins.Deps{File: "confxml.xml"})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// IPv6 literals and host names work; 2.5.4 accepted only IPv4 addresses.
func TestHosts(t *testing.T) {
	for _, host := range []string{"localhost", "::1"} {
		network := "tcp"
		if host == "::1" {
			if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
				continue
			}
			network = "tcp6"
		}
		addr, got := streams(t, network, net.JoinHostPort(host, "0"))
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		p := newPlugin(t, "deshost/ip="+host, "deshost/port="+port)
		if n, err := p.Deliver(t.Context(), []plugins.Event{{Root: "/r", Path: "a"}}); n != 1 || err != nil {
			t.Fatal(host, n, err)
		}
		if s := receive(t, got); s != "/r/a" {
			t.Errorf("%s: got %q", host, s)
		}
	}
}
