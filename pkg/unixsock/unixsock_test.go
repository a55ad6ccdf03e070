package unixsock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// directory makes a directory whose path is at least this long.
func directory(t *testing.T, length int) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "u")
	if err != nil {
		t.Fatal(err)
	}
	top := dir
	t.Cleanup(func() { os.RemoveAll(top) })
	for len(dir) < length {
		dir = filepath.Join(dir, strings.Repeat("d", min(100, length-len(dir))))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestEveryLength: both sides reach each other whatever the path's length. When the listener ends,
// its socket and its descriptors are gone.
func TestEveryLength(t *testing.T) {
	for _, length := range []int{20, 100, 105, 106, 107, 108, 109, 200, 1000, 3000} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			before := descriptors(t)
			path := directory(t, length-2) + "/s"
			l, err := Listen(t.Context(), net.ListenConfig{}, path)
			if err != nil {
				t.Fatal(err)
			}
			answered := make(chan error, 1)
			go func() {
				conn, err := l.Accept()
				if err == nil {
					_, err = io.WriteString(conn, path)
					err = errors.Join(err, conn.Close())
				}
				answered <- err
			}()
			conn, err := Dial(t.Context(), net.Dialer{}, path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(conn)
			if err := errors.Join(err, conn.Close(), <-answered); err != nil || string(got) != path {
				t.Errorf("got %q, %v", got, err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the socket is left: %v", err)
			}
			if after := descriptors(t); after != before {
				t.Errorf("%d descriptors, %d before", after, before)
			}
		})
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestDialErrors: for a long path the errors are the same as for a short one.
func TestDialErrors(t *testing.T) {
	for _, length := range []int{60, 300} {
		path := directory(t, length) + "/s"
		if _, err := Dial(t.Context(), net.Dialer{}, path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%d bytes, nothing there: %v", length, err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Dial(t.Context(), net.Dialer{}, path); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%d bytes, a file there: %v", length, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		l, err := Listen(t.Context(), net.ListenConfig{}, path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Listen(t.Context(), net.ListenConfig{}, path); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("%d bytes, taken: %v", length, err)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if _, err := Dial(ended, net.Dialer{}, path); !errors.Is(err, context.Canceled) {
			t.Errorf("%d bytes, too late: %v", length, err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	long := directory(t, 60) + "/" + strings.Repeat("s", 200)
	if _, err := Listen(t.Context(), net.ListenConfig{}, long); err == nil || !strings.Contains(err.Error(), "the file name is longer than") {
		t.Errorf("a name that does not fit: %v", err)
	}
}

// TestAFileSystemThatHangs: a socket that cannot be removed delays nobody.
func TestAFileSystemThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := make(chan struct{})
		closed := false
		begin := time.Now()
		err := within(removeTime, func() error { <-answers; return nil }, func() error { closed = true; return nil })
		if err == nil || time.Since(begin) != removeTime {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		close(answers)
		synctest.Wait()
		if !closed {
			t.Error("the descriptor of the directory is left open")
		}
	})
}
