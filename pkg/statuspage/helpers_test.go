package statuspage

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/status"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "0123456789abcdef-token"

// fake is a source whose snapshot the test sets.
type fake struct {
	mu    sync.Mutex
	snap  status.Snapshot
	asked int
}

func (f *fake) Snapshot() status.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	f.snap.Now = time.Now()
	return f.snap
}

func (f *fake) times() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

func newFake() *fake {
	now := time.Now()
	return &fake{snap: status.Snapshot{
		Version: "3.0.0", PID: 1, Ready: true, ConfigFile: "/etc/hidden-config.xml",
		Roots: []status.Root{{Path: "/data", State: status.RootWatched, Directories: 9}},
		Lanes: []status.Lane{{
			ID: "/data#h::m", Root: "/data", Remote: "h::m", State: status.LaneSyncing, Pending: 5,
			Transfers: []status.Transfer{{Time: now, Path: "dir/secret\n\x1b[31m\xff<b>.txt", Operation: status.Sent}},
			Failures:  []status.Failure{{Time: now, Path: "dir/other-secret", Reason: "permission denied", Exit: 23}},
			Edges:     status.EdgesOf([]status.Edge{{Name: "e1", State: status.EdgeTroubled, Reason: "no space", Remedy: "make room", Heard: now, Version: "3.0.0"}}, 0, status.EdgesShown),
		}},
		Plugins: []status.Plugin{{Name: "http", Pending: 1, LastError: "post dir/secret: refused"}},
	}}
}

// running is a server that has been started.
type running struct {
	port   int
	socket string
	logs   *observer.ObservedLogs
	source *fake
	stop   func()
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func tokenFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
	return name
}

// start runs a server on a free port and a socket in a short directory.
func start(t *testing.T, change func(*Options)) *running {
	t.Helper()
	dir, err := os.MkdirTemp("", "ssp")
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zapcore.DebugLevel)
	r := &running{logs: logs, source: newFake(), port: freePort(t)}
	opts := Options{Host: confxml.Host{Page: true, Port: r.port}, Socket: filepath.Join(dir, "s", "status.sock"), Log: zap.New(core)}
	if change != nil {
		change(&opts)
	}
	r.socket, r.port = opts.Socket, opts.Host.Port
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- New(opts, r.source).Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() { r.stop(); _ = os.RemoveAll(dir) })
	if r.socket != "" {
		waitFor(t, "the socket", func() bool { return dials("unix", r.socket) })
	}
	return r
}

func dials(network, addr string) bool {
	c, err := net.DialTimeout(network, addr, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

func waitFor(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (r *running) url(path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", r.port, path) }

func (r *running) waitTCP(t *testing.T) {
	t.Helper()
	waitFor(t, "the page", func() bool { return dials("tcp", fmt.Sprintf("127.0.0.1:%d", r.port)) })
}

// answer is a response whose body has been read.
type answer struct {
	code   int
	body   string
	header http.Header
}

func do(t *testing.T, socket string, req *http.Request) answer {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	if socket != "" {
		tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}
	}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr, Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, string(b), resp.Header}
}

func request(t *testing.T, method, url, body string, headers ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

func (r *running) get(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	return do(t, "", request(t, http.MethodGet, r.url(path), "", headers...))
}

func (r *running) getSocket(t *testing.T, path string) answer {
	t.Helper()
	return do(t, r.socket, request(t, http.MethodGet, "http://localhost"+path, ""))
}
