package plugintest

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"
)

// slowness is the pause of a slow receiver per connection.
const slowness = 5 * time.Millisecond

// Protocol reads from one connection what a plugin sends, calls received for
// every path once it has it whole, and answers. It returns at the end of the
// connection. The TCP peer closes conn.
type Protocol func(conn net.Conn, received func(path string))

// TCP is a Peer on a socket. It ends with its test.
type TCP struct {
	Log
	network, addr string
	protocol      Protocol

	wg sync.WaitGroup

	mu       sync.Mutex
	mode     Behaviour
	changed  chan struct{} // closed when mode changes
	listener net.Listener  // nil while refusing
	conns    map[net.Conn]bool
	closed   bool
}

// NewTCP listens on a free loopback port, or, when address is not empty, on
// the Unix socket of that name.
func NewTCP(t testing.TB, address string, protocol Protocol) *TCP {
	t.Helper()
	p := &TCP{network: "tcp", addr: "127.0.0.1:0", protocol: protocol, changed: make(chan struct{}), conns: make(map[net.Conn]bool)}
	if address != "" {
		p.network, p.addr = "unix", address
	}
	if err := p.listen(); err != nil {
		t.Fatal(err)
	}
	p.addr = p.listener.Addr().String()
	t.Cleanup(p.close)
	return p
}

// Addr is host:port, or the Unix socket's name.
func (p *TCP) Addr() string { return p.addr }

// Port is the TCP port.
func (p *TCP) Port() string {
	_, port, err := net.SplitHostPort(p.addr)
	if err != nil {
		return ""
	}
	return port
}

// Behave changes what the receiver does with connections from now on; those
// that hang are served as the new behaviour says.
func (p *TCP) Behave(b Behaviour) {
	p.mu.Lock()
	p.mode = b
	close(p.changed)
	p.changed = make(chan struct{})
	listener := p.listener
	if b == Refuse {
		p.listener = nil
	}
	p.mu.Unlock()
	switch {
	case b == Refuse && listener != nil:
		_ = listener.Close()
	case b != Refuse && listener == nil:
		if err := p.listen(); err != nil {
			panic("plugintest: the port is gone: " + err.Error())
		}
	}
	if b != Serve {
		// Kept connections end, so that the next one meets the new behaviour.
		p.closeConns()
	}
}

func (p *TCP) listen() error {
	l, err := net.Listen(p.network, p.addr)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.listener = l
	p.mu.Unlock()
	p.wg.Go(func() { p.accept(l) })
	return nil
}

func (p *TCP) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			_ = conn.Close()
			return
		}
		p.conns[conn] = true
		p.wg.Go(func() { p.handle(conn) })
		p.mu.Unlock()
	}
}

func (p *TCP) handle(conn net.Conn) {
	defer func() {
		p.mu.Lock()
		delete(p.conns, conn)
		p.mu.Unlock()
		_ = conn.Close()
	}()
	mode, changed := p.state()
	for mode == Hang {
		<-changed
		mode, changed = p.state()
	}
	switch mode {
	case Refuse, Fail:
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	case Slow:
		<-time.After(slowness)
		p.protocol(conn, p.Received)
	case HalfClose:
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		p.protocol(mute{conn}, p.Received)
	case Garbage, Flood:
		p.babble(conn, mode == Flood)
	default:
		p.protocol(conn, p.Received)
	}
}

// babble serves a connection while nonsense goes the other way.
func (p *TCP) babble(conn net.Conn, endless bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		nonsense := bytes.Repeat([]byte("\x00\xff\r\n\r\nHTTP/9.9 abc\n"), 4096)
		for ok := true; ok; ok = endless {
			if _, err := conn.Write(nonsense); err != nil {
				return
			}
		}
	}()
	p.protocol(mute{conn}, p.Received)
	_ = conn.Close()
	<-done
}

func (p *TCP) state() (Behaviour, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mode, p.changed
}

func (p *TCP) closeConns() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

func (p *TCP) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Behave(Refuse)
	p.wg.Wait()
}

// mute is a connection whose answers nobody hears.
type mute struct{ net.Conn }

func (m mute) Write(b []byte) (int, error) { return len(b), nil }
