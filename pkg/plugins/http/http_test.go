package http_test

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	stdhttp "net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/http"
)

// recorder is a web server that keeps the requests it gets.
type recorder struct {
	mu       sync.Mutex
	requests []request
	answer   stdhttp.HandlerFunc
}

type request struct{ method, uri, contentType, auth, body string }

func (r *recorder) ServeHTTP(w stdhttp.ResponseWriter, req *stdhttp.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		body = []byte(err.Error())
	}
	r.mu.Lock()
	r.requests = append(r.requests, request{
		req.Method, req.RequestURI, req.Header.Get("Content-Type"), req.Header.Get("Authorization"), string(body),
	})
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(w, req)
	}
}

func (r *recorder) all() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]request(nil), r.requests...)
}

func record(t *testing.T, answer stdhttp.HandlerFunc) (*recorder, string) {
	t.Helper()
	rec := &recorder{answer: answer}
	srv := httptest.NewServer(rec)
	t.Cleanup(srv.Close)
	return rec, srv.URL
}

func deliver(t *testing.T, p plugins.Plugin, batch ...plugins.Event) (int, error) {
	t.Helper()
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return p.Deliver(ctx, batch)
}

func TestGoldenForm(t *testing.T) {
	tests := []struct {
		name string
		ev   plugins.Event
		want string
	}{
		{"file", plugins.Event{Root: "/opt/tongbu", Path: "a.txt", Op: plugins.Changed, Kind: fsevent.CloseWrite}, "watchroot=%2Fopt%2Ftongbu&isdir=0&inotifyPath=%2Fopt%2Ftongbu%2Fa.txt&mask=8"},
		{"slash kept out", plugins.Event{Root: "/opt/tongbu/", Path: "d", Op: plugins.Changed, Dir: true, Kind: fsevent.Create}, "watchroot=%2Fopt%2Ftongbu&isdir=1&inotifyPath=%2Fopt%2Ftongbu%2Fd&mask=1073742080"},
		{"hostile", plugins.Event{Root: "/w", Path: "a&mask=1\n%\xff +", Op: plugins.Deleted}, "watchroot=%2Fw&isdir=0&inotifyPath=%2Fw%2Fa%26mask%3D1%0A%25%FF+%2B&mask=512"},
		{"mask made up", plugins.Event{Root: "/w", Path: "d", Op: plugins.Deleted, Dir: true}, "watchroot=%2Fw&isdir=1&inotifyPath=%2Fw%2Fd&mask=1073742336"},
		{"relative", plugins.Event{Root: "src", Path: "a", Op: plugins.Changed}, "watchroot=%2Fstart%2Fsrc&isdir=0&inotifyPath=%2Fstart%2Fsrc%2Fa&mask=8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec, addr := record(t, nil)
			if n, err := deliver(t, newPlugin(t, "url="+addr+"/n?x=1"), tt.ev); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			want := request{"POST", "/n?x=1", "application/x-www-form-urlencoded", "", tt.want}
			if got := rec.all(); len(got) != 1 || got[0] != want {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestGoldenJSON(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "a")
	if err := os.WriteFile(file, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	when := time.Date(2024, 5, 6, 7, 8, 9, 10, time.UTC)
	if err := os.Chtimes(file, when, when); err != nil {
		t.Fatal(err)
	}
	rec, addr := record(t, nil)
	_, err := deliver(t, newPlugin(t, "url="+addr, "format=json"),
		plugins.Event{Root: root, Path: "a", Op: plugins.Changed, Seq: 7},
		plugins.Event{Root: root, Path: "b\xff", Op: plugins.Deleted, Dir: true, Seq: 8})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"events":[{"seq":7,"operation":"change","path":"R/a","localpath":"R","dir":false,"size":5,"mtime":"2024-05-06T07:08:09.00000001Z"},` +
		`{"seq":8,"operation":"delete","path":"R/b\ufffd","path_base64":"B64","localpath":"R","dir":true}]}`
	got := rec.all()
	if len(got) != 1 {
		t.Fatalf("%d requests for one batch", len(got))
	}
	body := strings.ReplaceAll(got[0].body, root, "R")
	if i := strings.Index(body, `path_base64":"`); i > 0 {
		i += len(`path_base64":"`)
		body = body[:i] + "B64" + body[i+strings.IndexByte(body[i:], '"'):]
	}
	if body != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		code      int
		attempt   int
		delivered bool
		permanent bool
	}{
		{200, 0, true, false}, {204, 0, true, false},
		{301, 0, false, false}, {302, 99, false, true},
		{400, 0, false, false}, {400, 9, false, true}, {404, 9, false, true},
		{401, 99, false, false}, {403, 99, false, false}, {408, 99, false, false}, {429, 99, false, false},
		{500, 99, false, false}, {503, 99, false, false},
	}
	for _, tt := range tests {
		_, addr := record(t, func(w stdhttp.ResponseWriter, _ *stdhttp.Request) { w.WriteHeader(tt.code) })
		n, err := deliver(t, newPlugin(t, "url="+addr), plugins.Event{Root: "/w", Path: "a", Attempt: tt.attempt})
		if (n == 1 && err == nil) != tt.delivered || plugins.IsPermanent(err) != tt.permanent {
			t.Errorf("status %d, attempt %d: delivered %d, err %v", tt.code, tt.attempt, n, err)
		}
	}
}

// When the receiver rejects one event of a batch, the other events are delivered.
func TestRejectedBatch(t *testing.T) {
	rec, addr := record(t, nil)
	rec.answer = func(w stdhttp.ResponseWriter, _ *stdhttp.Request) {
		all := rec.all()
		if strings.Contains(all[len(all)-1].body, "poison") {
			w.WriteHeader(422)
		}
	}
	p := newPlugin(t, "url="+addr, "format=json", "tries=1")
	n, err := deliver(t, p, plugins.Event{Root: "/w", Path: "a"}, plugins.Event{Root: "/w", Path: "poison"}, plugins.Event{Root: "/w", Path: "b"})
	if n != 1 || !plugins.IsPermanent(err) {
		t.Fatalf("delivered %d, err %v; want 1 and a permanent error about the second", n, err)
	}
}

func TestRedirects(t *testing.T) {
	other, otherAddr := record(t, nil)
	_, addr := record(t, func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		switch r.URL.Path {
		case "/away":
			stdhttp.Redirect(w, r, strings.Replace(otherAddr, "127.0.0.1", "localhost", 1), stdhttp.StatusTemporaryRedirect)
		case "/here":
			stdhttp.Redirect(w, r, "/there", stdhttp.StatusPermanentRedirect)
		case "/loop":
			stdhttp.Redirect(w, r, "/loop", stdhttp.StatusPermanentRedirect)
		}
	})
	ev := plugins.Event{Root: "/w", Path: "a"}
	if n, err := deliver(t, newPlugin(t, "url="+addr+"/here"), ev); n != 1 || err != nil {
		t.Errorf("same host: %d, %v", n, err)
	}
	for _, path := range []string{"/away", "/loop"} {
		if n, err := deliver(t, newPlugin(t, "url="+addr+path), ev); n != 0 || err == nil {
			t.Errorf("%s: %d, %v", path, n, err)
		}
	}
	if got := other.all(); len(got) != 0 {
		t.Errorf("another host was told: %+v", got)
	}
}

// The address of a webhook contains its secret, so no error may show the address.
func TestNoErrorTellsTheSecretOfTheAddress(t *testing.T) {
	_, addr := record(t, func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		stdhttp.Redirect(w, r, "https://127.0.0.1:1/hook?"+r.URL.RawQuery, stdhttp.StatusFound)
	})
	for _, host := range []string{"127.0.0.1:1", strings.TrimPrefix(addr, "http://")} {
		n, err := deliver(t, newPlugin(t, "url=http://u:hidden1@"+host+"/hook?access_token=hidden2"), plugins.Event{Root: "/w", Path: "a"})
		if n != 0 || err == nil || strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "/hook") || !strings.Contains(err.Error(), "127.0.0.1:1") {
			t.Errorf("%d, %v", n, err)
		}
	}
}

func TestToken(t *testing.T) {
	rec, addr := record(t, nil)
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	write("first\n", 0o600)
	p := newPlugin(t, "url="+addr, "tokenfile="+file)
	ev := plugins.Event{Root: "/w", Path: "a"}
	for _, text := range []string{"first", "a second one"} {
		write(text+"\n", 0o600)
		if _, err := deliver(t, p, ev); err != nil {
			t.Fatal(err)
		}
	}
	write("third\n", 0o644)
	if _, err := deliver(t, p, ev); err == nil || !strings.Contains(err.Error(), "chmod 600") || strings.Contains(err.Error(), "third") {
		t.Errorf("a token that others can read: %v", err)
	}
	got := rec.all()
	if len(got) != 2 || got[0].auth != "Bearer first" || got[1].auth != "Bearer a second one" {
		t.Errorf("got %+v", got)
	}
}

func TestTLS(t *testing.T) {
	rec := &recorder{}
	srv := httptest.NewTLSServer(rec)
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pemOf(srv), 0o600); err != nil {
		t.Fatal(err)
	}
	ev := plugins.Event{Root: "/w", Path: "a"}
	if n, err := deliver(t, newPlugin(t, "url="+srv.URL, "cafile="+ca), ev); n != 1 || err != nil {
		t.Errorf("own authority: %d, %v", n, err)
	}
	if n, err := deliver(t, newPlugin(t, "url="+srv.URL), ev); n != 0 || err == nil {
		t.Errorf("unknown authority: %d, %v", n, err)
	}
}

func TestPurgeOfUncached(t *testing.T) {
	_, addr := record(t, func(w stdhttp.ResponseWriter, _ *stdhttp.Request) { w.WriteHeader(stdhttp.StatusNotFound) })
	p := newPlugin(t, "format=purge", "base="+addr)
	if n, err := deliver(t, p, plugins.Event{Root: "/w", Path: "a"}); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestBadConfig(t *testing.T) {
	tests := []struct {
		name string
		conf []string
		want string
	}{
		{"no url", nil, `confxml.xml:10: plugin http: deshost@url: missing or empty; write for example url="http://192.168.138.20/notify"`},
		{"bad url", []string{"url=ftp://x/"}, `confxml.xml:12: plugin http: deshost@url: is not a url; write for example "http://192.168.138.20/notify"`},
		{"no host", []string{"url=http:///x"}, "deshost@url: is not a url"},
		{"bad port", []string{"url=http://h/", "port=70000"}, `confxml.xml:12: plugin http: deshost@port: "70000" is not a port; write a number from 1 to 65535`},
		{"bad format", []string{"url=http://h/", "format=xml"}, "write one of: form, json, urls, purge"},
		{"no token", []string{"url=http://h/", "tokenfile=/nonexistent"}, "deshost@tokenfile: token file: stat /nonexistent"},
		{"batch of form", []string{"url=http://h/", "batch=5"}, `format "form" carries one path per request`},
		{"bad timeout", []string{"url=http://h/", "timeout=-1"}, "is not a time"},
		{"no base", []string{"url=http://h/", "format=urls"}, "deshost@base: missing or empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := http.New(element(tt.conf...), plugins.Deps{File: "confxml.xml"})
			var ce *plugins.ConfigError
			if err == nil || !errors.As(err, &ce) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v\nwant %s", err, tt.want)
			}
		})
	}
}

func pemOf(srv *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
}
