package statuspage

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// connPatience is how long a connection may keep the page from others by reading
// the answer slowly, and requestPatience by sending no request, or sending it
// slowly: a request follows its connection at once.
const (
	connPatience    = time.Second
	requestPatience = connPatience / 8
)

// limiter bounds the open connections of a listener. When there are too many, a new one replaces a
// connection of the peer that has the most: the one that has waited longest for a next request, or
// else one that has been slower than requestPatience or connPatience. So nobody can keep the page
// from others by holding connections.
type limiter struct {
	net.Listener
	max     int
	changed chan struct{} // capacity 1: a connection was closed or became idle
	done    chan struct{} // closed by Close
	once    sync.Once

	mu     sync.Mutex
	conns  map[*limited]bool
	closed bool // no connection is accepted any more
}

// connState is what a connection is doing.
type connState int

const (
	connReading connState = iota // no request has been read yet
	connServing                  // a request is being answered
	connIdle                     // between two requests
)

func newLimiter(l net.Listener, n int) *limiter {
	return &limiter{Listener: l, max: n, changed: make(chan struct{}, 1), done: make(chan struct{}), conns: map[*limited]bool{}}
}

// Accept implements net.Listener.
func (l *limiter) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if !l.makeRoom() {
		_ = c.Close() // nothing was read from it
		return nil, net.ErrClosed
	}
	next := &limited{Conn: c, limiter: l, peer: peerOf(c.RemoteAddr()), since: time.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = c.Close() // nothing was read from it
		return nil, net.ErrClosed
	}
	l.conns[next] = true
	return next, nil
}

// makeRoom returns once there is room for one more connection; false when the
// listener is closed first.
func (l *limiter) makeRoom() bool {
	for {
		victim, wait := l.victim(time.Now())
		if victim != nil {
			_ = victim.Close() // its peer has had its time
			continue
		}
		if wait == 0 {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-l.changed:
		case <-l.done:
			timer.Stop()
			return false
		}
		timer.Stop()
	}
}

// victim is the connection to close for a new one. Without one, wait is how long
// it takes until there is one; 0: there is room.
func (l *limiter) victim(now time.Time) (victim *limited, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) < l.max {
		return nil, 0
	}
	peers := map[netip.Prefix]int{}
	for c := range l.conns {
		peers[c.peer]++
	}
	wait = connPatience
	for c := range l.conns {
		if left := c.patience() - now.Sub(c.since); left > 0 {
			wait = min(wait, left)
			continue
		}
		if victim == nil || c.before(victim, peers) {
			victim = c
		}
	}
	return victim, wait
}

// patience is how long a connection may stay in its state when others wait.
func (c *limited) patience() time.Duration {
	switch c.state {
	case connReading:
		return requestPatience
	case connServing:
		return connPatience
	case connIdle:
	}
	return 0
}

// before tells which of two connections has to give way first.
func (c *limited) before(o *limited, peers map[netip.Prefix]int) bool {
	if a, b := peers[c.peer], peers[o.peer]; a != b {
		return a > b
	}
	if idle := c.state == connIdle; idle != (o.state == connIdle) {
		return idle
	}
	return c.since.Before(o.since)
}

// closeUnserved accepts no more connections, and closes every one on which no request is being
// answered, so that none of them delays a stop.
func (l *limiter) closeUnserved() {
	_ = l.Close() // Shutdown closes it again, and tells
	l.mu.Lock()
	var list []*limited
	for c := range l.conns {
		if c.state != connServing {
			list = append(list, c)
		}
	}
	l.mu.Unlock()
	for _, c := range list {
		_ = c.Close() // nothing is lost
	}
}

// Close implements net.Listener.
func (l *limiter) Close() error {
	l.once.Do(func() { close(l.done) })
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	return l.Listener.Close()
}

// limited is a connection that counts.
type limited struct {
	net.Conn
	limiter *limiter
	peer    netip.Prefix
	// Guarded by the limiter's mu.
	state connState
	since time.Time // start of state
}

func (c *limited) become(state connState) {
	l := c.limiter
	l.mu.Lock()
	c.state, c.since = state, time.Now()
	l.mu.Unlock()
	if state == connIdle {
		l.tell()
	}
}

func (l *limiter) tell() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// Close implements net.Conn.
func (c *limited) Close() error {
	err := c.Conn.Close()
	c.limiter.mu.Lock()
	delete(c.limiter.conns, c)
	c.limiter.mu.Unlock()
	c.limiter.tell()
	return err
}

// watch has the server tell what its connections are doing.
func (l *limiter) watch(srv *http.Server) {
	type key struct{}
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, key{}, c)
	}
	srv.ConnState = func(conn net.Conn, s http.ConnState) {
		c, ok := conn.(*limited)
		switch {
		case !ok:
		case s == http.StateActive:
			c.become(connReading)
		case s == http.StateIdle:
			c.become(connIdle)
		}
	}
	next := srv.Handler
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(key{}).(*limited); ok {
			c.become(connServing)
		}
		next.ServeHTTP(w, r)
	})
}

// peerOf is whom a connection is counted for: an IPv4 address, or the network of
// an IPv6 address, of which one host has many.
func peerOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{} // a Unix socket is open to one user only
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	if ip.IsLoopback() {
		bits = 8 // one host, whatever address it chooses
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
