package statuspage

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
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

func TestSlowReadersHoldUpNobodyElse(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.waitTCP(t)
	r.source.mu.Lock()
	r.source.snap.Version = strings.Repeat("x", 8<<20) // more than the socket buffers take
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

func TestLimiter(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLimiter(inner, 1)
	accepted := make(chan net.Conn)
	failed := make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				failed <- err
				return
			}
			accepted <- c
		}
	}()
	var d net.Dialer
	for range 2 {
		c, err := d.DialContext(context.Background(), "tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first := <-accepted
	select {
	case <-accepted:
		t.Fatal("accepted beyond the limit")
	case <-time.After(50 * time.Millisecond):
	}
	_ = first.Close()
	_ = first.Close()
	_ = (<-accepted).Close()
	_ = l.Close()
	if err := <-failed; err == nil {
		t.Error("Accept after Close gave no error")
	}
}
