package refreshcdn_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/refreshcdn"
)

const succeeded = "HTTP/1.0 200 OK\r\nServer: x\r\nwhatsup: content=\"succeed\"\r\n\r\n"

// listener records the bytes of each connection and answers it.
type listener struct {
	port string
	mu   sync.Mutex
	got  []string
}

func listen(t *testing.T, answer string) *listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{}
	_, l.port, _ = net.SplitHostPort(ln.Addr().String())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { l.serve(conn, answer) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	return l
}

func (l *listener) serve(conn net.Conn, answer string) {
	defer func() { _ = conn.Close() }()
	var data []byte
	buf := make([]byte, 4096)
	for !strings.HasSuffix(string(data), "\r\n\r\n") {
		n, err := conn.Read(buf)
		data = append(data, buf[:n]...)
		if err != nil {
			break
		}
	}
	l.mu.Lock()
	l.got = append(l.got, string(data))
	l.mu.Unlock()
	_, _ = io.WriteString(conn, answer)
}

func (l *listener) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.got, "|")
}

func deliver(t *testing.T, conf confxml.Plugin, dir string, batch ...plugins.Event) (int, error) {
	t.Helper()
	p, err := refreshcdn.New(conf, plugins.Deps{Dir: dir, File: "c.xml"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return p.Deliver(ctx, batch)
}

// These are the bytes of the recorded runs 530, 531, 532 and 537, and of file names that try to
// forge a request.
func TestGolden(t *testing.T) {
	const head = "HEAD /index.jsp?user=uu&pswd=pp&ok=ok&"
	const tail = " HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
	long := strings.Repeat("D", 220) + "/" + strings.Repeat("D", 220) + "/" + strings.Repeat("D", 220) + "/" + strings.Repeat("D", 220) + "/" + strings.Repeat("D", 220)
	regex := []string{"regexurl/regex=true", "regexurl/match=src/site([/a-zA-Z0-9]*)/"}
	tests := []struct {
		name string
		conf []string
		ev   plugins.Event
		want string
	}{
		{"file", nil, plugins.Event{Root: "/r/src/", Path: "a b.txt"}, head + "urls=http://pic.example.com/cms/a b.txt" + tail},
		{"directory", nil, plugins.Event{Root: "/r/src", Path: "d", Dir: true}, head + "dirs=http://pic.example.com/cms/d/" + tail},
		{"deleted", nil, plugins.Event{Root: "/r/src", Path: "a", Op: plugins.Deleted}, head + "urls=http://pic.example.com/cms/a" + tail},
		{"regex file", regex, plugins.Event{Root: "/r/src", Path: "site/pub/x.jpg"}, head + "urls=http://pic.example.com/cms/pubx.jpg" + tail},
		{"regex directory", regex, plugins.Event{Root: "/r/src/", Path: "site/pub", Dir: true}, head + "dirs=http://pic.example.com/cmspub/" + tail},
		{"regex no match", regex, plugins.Event{Root: "/r/src", Path: "nomatch"}, ""},
		{"regex no group", []string{"regexurl/regex=true", "regexurl/match=/r/src"}, plugins.Event{Root: "/r/src", Path: "a"}, head + "urls=http://pic.example.com/cms/a" + tail},
		{"long", nil, plugins.Event{Root: "/r/src", Path: long}, head + "urls=http://pic.example.com/cms/" + long + tail},
		{"chinese", nil, plugins.Event{Root: "/r/src", Path: "\u4e2d\xd6\xd0"}, head + "urls=http://pic.example.com/cms/\u4e2d\xd6\xd0" + tail},
		{"forged", nil, plugins.Event{Root: "/r/src", Path: "a HTTP/1.0\r\nX: y&dirs=http://other/\x00%#+"}, head + "urls=http://pic.example.com/cms/a HTTP/1.0%0D%0AX: y%26dirs=http://other/%00%25%23%2B" + tail},
		{"encoded", []string{"cdninfo/encode=true"}, plugins.Event{Root: "/r/src", Path: "a b/\xff"}, head + "urls=http://pic.example.com/cms/a%20b/%FF" + tail},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := listen(t, succeeded)
			conf := element(append([]string{"cdninfo/port=" + l.port}, tt.conf...)...)
			if n, err := deliver(t, conf, t.TempDir(), tt.ev); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			if got := l.all(); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestBatchOfBoth(t *testing.T) {
	l := listen(t, succeeded)
	conf := element("cdninfo/port="+l.port, "cdninfo/batch=10")
	n, err := deliver(t, conf, t.TempDir(), plugins.Event{Root: "/r", Path: "a"}, plugins.Event{Root: "/r", Path: "d", Dir: true}, plugins.Event{Root: "/r", Path: "b"})
	if n != 3 || err != nil {
		t.Fatal(n, err)
	}
	want := "urls=http://pic.example.com/cms/a%0D%0Ahttp://pic.example.com/cms/b&dirs=http://pic.example.com/cms/d/ HTTP/1.0"
	if got := l.all(); !strings.Contains(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestAnswerLog(t *testing.T) {
	const request = "HEAD /index.jsp?user=uu&pswd=******&ok=ok&urls=http://pic.example.com/cms/a HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
	tests := []struct{ name, answer, want string }{
		{"whatsup", succeeded, "whatsup: content=\"succeed\" " + request + "\n"},
		{"no whatsup", "HTTP/1.0 404 Err\r\n\r\n", "HTTP/1.0 404 Err\r\n\r\n " + request + "\n"},
		{"echo", "HTTP/1.0 200 OK\r\nwhatsup: pswd=pp\r\n\r\n", "whatsup: pswd=****** " + request + "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, dir := listen(t, tt.answer), t.TempDir()
			if n, err := deliver(t, element("cdninfo/port="+l.port), dir, plugins.Event{Root: "/r", Path: "a"}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			file := filepath.Join(dir, "errorlog.txt")
			got, err := os.ReadFile(file)
			if err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v\nwant %q", got, err, tt.want)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
		})
	}
}

// A link at the path of the answer log is not followed, and the purge takes place.
func TestAnswerLogLink(t *testing.T) {
	l, dir := listen(t, succeeded), t.TempDir()
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, "errorlog.txt")); err != nil {
		t.Fatal(err)
	}
	if n, err := deliver(t, element("cdninfo/port="+l.port), dir, plugins.Event{Root: "/r", Path: "a"}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if got, err := os.ReadFile(victim); err != nil || string(got) != "keep" {
		t.Errorf("victim holds %q, %v", got, err)
	}
}

func TestAnswerLogBounded(t *testing.T) {
	l, dir := listen(t, succeeded), t.TempDir()
	p, err := refreshcdn.New(element("cdninfo/port="+l.port), plugins.Deps{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for range 1001 {
		if _, err := p.Deliver(t.Context(), []plugins.Event{{Root: "/r", Path: "a"}}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, "errorlog.txt"))
	if n := strings.Count(string(got), "whatsup"); err != nil || n != 1 {
		t.Errorf("%d entries after 1001 answers, %v; want 1", n, err)
	}
}

func TestTrouble(t *testing.T) {
	tests := []struct {
		name, answer string
		attempt      int
		delivered    bool
	}{
		{"succeeded", succeeded, 0, true},
		{"not found", "HTTP/1.0 404 Not Found\r\n\r\n", 0, true},
		{"server error", "HTTP/1.0 503 Busy\r\n\r\n", 99, false},
		{"too many", "HTTP/1.1 429 Wait\r\n\r\n", 99, false},
		{"silent", "", 0, false},
		{"silent for ever", "", 2, true},
		{"no http", "SSH-2.0-OpenSSH_9\r\n", 99, false},
		{"cut", "HTTP/1.0 200", 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := listen(t, tt.answer)
			n, err := deliver(t, element("cdninfo/port="+l.port), t.TempDir(), plugins.Event{Root: "/r", Path: "a", Attempt: tt.attempt})
			if (n == 1 && err == nil) != tt.delivered || plugins.IsPermanent(err) {
				t.Errorf("%d, %v", n, err)
			}
		})
	}
}

// Unless the authority is in the system's list the handshake fails, and nothing is sent, above all
// not the password.
func TestTLSIsVerified(t *testing.T) {
	srv := httptest.NewUnstartedServer(nil)
	srv.Config.ErrorLog = nil
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	srv.StartTLS()
	defer srv.Close()
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	n, err := deliver(t, element("cdninfo/port="+port, "cdninfo/https=true"), t.TempDir(), plugins.Event{Root: "/r", Path: "a"})
	var unverified *tls.CertificateVerificationError
	if n != 0 || !errors.As(err, &unverified) {
		t.Errorf("%d, %v", n, err)
	}
}

func TestBadConfig(t *testing.T) {
	tests := []struct{ name, attribute, want string }{
		{"no password", "cdninfo/passwd=", "c.xml:12: plugin refreshCDN: cdninfo@passwd: missing or empty"},
		{"bad port", "cdninfo/port=http", `c.xml:12: plugin refreshCDN: cdninfo@port: "http" is not a port`},
		{"url as name", "cdninfo/domainname=http://x/", "is not a host name"},
		{"control", "cdninfo/username=a\nb", "holds a control character"},
		{"expression", "regexurl/match=*x", `c.xml:12: plugin refreshCDN: regexurl@match: "*x" is not a regular expression`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := refreshcdn.New(element("regexurl/regex=true", tt.attribute), plugins.Deps{File: "c.xml"})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	_, err := refreshcdn.New(element("cdninfo/passwd="), plugins.Deps{})
	if lines := plugins.ConsoleLines(err); len(lines) != 1 || !strings.HasPrefix(lines[0], "配置文件错误") {
		t.Errorf("console %q", lines)
	}
}
