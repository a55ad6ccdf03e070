package statuspage

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestHugeHeadersAreRefused(t *testing.T) {
	r := start(t, nil)
	r.waitTCP(t)
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	go func() {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 1<<20)+"\r\n\r\n")
	}()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.Contains(line, " 431 ") {
		t.Errorf("answer %q, %v", line, err)
	}
}

func TestTenThousandRequestsAtOnce(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.waitTCP(t)
	const clients, each = 200, 50
	tr := &http.Transport{MaxIdleConnsPerHost: clients}
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr, Timeout: 30 * time.Second}
	var good atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	for range clients {
		wg.Go(func() {
			for range each {
				resp, err := client.Get(r.url("/api/status"))
				for try := 0; err != nil && try < 20; try++ {
					// On a busy machine the server may have closed this connection in favour of
					// another.
					resp, err = client.Get(r.url("/api/status"))
				}
				if err != nil {
					continue
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					good.Add(1)
				}
				if resp.StatusCode == http.StatusOK && good.Load()%each == 0 {
					client.CloseIdleConnections()
				}
			}
		})
	}
	wg.Wait()
	if n := good.Load(); n != clients*each {
		t.Errorf("%d of %d answered", n, clients*each)
	}
	if n, most := r.source.times(), int(time.Since(begin)/CacheTime)+1; n > most {
		t.Errorf("the source was asked %d times, want at most %d", n, most)
	}
}

// Slow clients hold every connection that they can get. The socket still answers, and so does the
// page once the time for a request's header is over.
func TestSlowClientsAreCutOff(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.waitTCP(t)
	var slow []net.Conn
	for range maxConnections + 20 {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\n")
		slow = append(slow, c)
	}
	if a := r.getSocket(t, "/api/status"); a.code != http.StatusOK {
		t.Errorf("socket: %d", a.code)
	}
	_ = slow[0].SetReadDeadline(time.Now().Add(4 * headerTimeout))
	if _, err := io.ReadAll(slow[0]); err != nil {
		t.Errorf("a slow client is not cut off: %v", err)
	}
}

// A client that never reads its answer holds its own connection, and delays nobody else.
func TestSlowReadersHoldUpNobodyElse(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.waitTCP(t)
	r.source.mu.Lock()
	r.source.snap.Version = strings.Repeat("x", 8<<20) // longer than the buffers of the sockets
	r.source.mu.Unlock()
	for range maxConnections {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, "GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	waitFor(t, "a question to the source", func() bool { return r.source.times() > 0 })
	r.source.mu.Lock()
	r.source.snap.Version = "small"
	r.source.mu.Unlock()
	waitFor(t, "a fresh answer", func() bool { return strings.Contains(r.getSocket(t, "/api/status").body, "small") })
	begin := time.Now()
	r.stop()
	if took := time.Since(begin); took > drainTimeout+10*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

// TestIdleConnectionsKeepNobodyAway: a client holds more connections than the server has, and is
// silent, in the middle of a request or after one. It keeps neither the page nor the probes from
// others.
func TestIdleConnectionsKeepNobodyAway(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{
		"silent": "", "half a request": "GET / HTTP/1.1\r\n", "after a request": "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, nil)
			r.waitTCP(t)
			for range 2 * maxConnections {
				c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_, _ = io.WriteString(c, says)
			}
			for _, path := range []string{"/", "/healthz", "/readyz"} {
				if a := r.get(t, path); a.code != http.StatusOK && a.code != http.StatusServiceUnavailable {
					t.Errorf("%s: %d", path, a.code)
				}
			}
		})
	}
}

// TestConnectionsThatWaitHoldUpNoStop: when the server is stopped, more connections are waiting
// than it accepts.
func TestConnectionsThatWaitHoldUpNoStop(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.waitTCP(t)
	for range 2 * maxConnections {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	begin := time.Now()
	r.stop()
	if took := time.Since(begin); took > drainTimeout*3/4 {
		t.Errorf("stopping took %v", took)
	}
}

// TestWhoGivesWay: for a new connection the peer that has the most connections gives one up: the
// one that has been idle longest or, if none is idle, one whose client has kept the server waiting
// for too long. A connection that has just begun stays.
func TestWhoGivesWay(t *testing.T) {
	now := time.Now()
	few, many := netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("10.0.0.2/32")
	conn := func(peer netip.Prefix, state connState, age time.Duration) *limited {
		return &limited{peer: peer, state: state, since: now.Add(-age)}
	}
	late := 2 * connPatience
	for name, tt := range map[string]struct {
		conns []*limited
		want  int // -1: no connection gives way yet
	}{
		"oldest idle":            {[]*limited{conn(many, connIdle, 1), conn(many, connIdle, 3), conn(many, connIdle, 2)}, 1},
		"idle before busy":       {[]*limited{conn(many, connReading, late), conn(many, connIdle, 1), conn(many, connServing, late)}, 1},
		"the peer with most":     {[]*limited{conn(few, connIdle, late), conn(many, connIdle, 1), conn(many, connServing, 1)}, 1},
		"who keeps it waiting":   {[]*limited{conn(many, connReading, 1), conn(many, connReading, late), conn(many, connServing, 1)}, 1},
		"a slow reader":          {[]*limited{conn(many, connReading, 1), conn(many, connServing, 1), conn(many, connServing, late)}, 2},
		"nobody before his time": {[]*limited{conn(many, connReading, 1), conn(many, connServing, 1), conn(many, connServing, 2)}, -1},
	} {
		l := newLimiter(nil, len(tt.conns))
		for _, c := range tt.conns {
			l.conns[c] = true
		}
		victim, wait := l.victim(now)
		if got := slices.Index(tt.conns, victim); got != tt.want || got < 0 && (wait <= 0 || wait > connPatience) {
			t.Errorf("%s: connection %d gives way, want %d; wait %v", name, got, tt.want, wait)
		}
		l.max++
		if victim, wait := l.victim(now); victim != nil || wait != 0 {
			t.Errorf("%s: with room %v, %v", name, victim, wait)
		}
	}
}

func TestPeers(t *testing.T) {
	same := func(a, b string) bool {
		at := func(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }
		return peerOf(at(a)) == peerOf(at(b))
	}
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"127.0.0.1:1", "127.9.9.9:2", true}, {"10.0.0.1:1", "10.0.0.1:2", true}, {"10.0.0.1:1", "10.0.0.2:1", false},
		{"[2001:db8::1]:1", "[2001:db8::2]:1", true}, {"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false}, {"[::ffff:10.0.0.1]:1", "10.0.0.1:1", true},
	} {
		if same(tt.a, tt.b) != tt.same {
			t.Errorf("%s and %s", tt.a, tt.b)
		}
	}
}
