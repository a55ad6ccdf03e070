package daemon

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// deaf is the socket of a service manager that reads nothing.
func deaf(t *testing.T) *net.UnixConn {
	t.Helper()
	dir, err := os.MkdirTemp("", "n") // short, because the path of a socket is limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// TestAManagerThatDoesNotRead: a service manager that does not read blocks nobody. Once it reads,
// it gets at least the newest messages, in their order.
func TestAManagerThatDoesNotRead(t *testing.T) {
	conn := deaf(t)
	m := newManager(conn.LocalAddr().String())
	// The kernel accepts some messages (net.unix.max_dgram_qlen) before it makes the sender wait.
	var err error
	for i := 0; err == nil && i < 10_000; i++ {
		m.say("FILL=1")
		err = m.deliver(time.Millisecond)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a socket that is full: %v", err)
	}
	var want []string
	for i := range 3 * maxUnsaid {
		state := fmt.Sprint("STATE=", i)
		m.say(state)
		want = append(want, state)
	}
	if err := m.deliver(time.Millisecond, "STOPPING=1"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("still full: %v", err)
	}
	want = append(want[len(want)-maxUnsaid:], "STOPPING=1")
	done := make(chan error)
	go func() { done <- m.deliver(time.Minute, "STOPPING=1") }()
	var got []string
	for len(got) == 0 || got[len(got)-1] != "STOPPING=1" {
		b := make([]byte, 100)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if s := string(b[:n]); s != "FILL=1" {
			got = append(got, s)
		}
	}
	if err := <-done; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, want %q, %v", got, want, err)
	}
}

func TestNoManager(t *testing.T) {
	m := newManager("")
	m.say("READY=1")
	if err := m.deliver(time.Minute, "STOPPING=1"); err != nil || len(m.unsaid) != 0 {
		t.Errorf("%v, %q", err, m.unsaid)
	}
}
