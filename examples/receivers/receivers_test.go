// Package receivers_test runs the receivers of this folder with the plugins, under the
// configuration files of this folder.
package receivers_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// output collects the lines that a program prints.
type output struct {
	mu    sync.Mutex
	lines []string
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")...)
	return len(b), nil
}

func (o *output) has(line string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Contains(o.lines, line)
}

func wait(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("no %s", what)
		}
	}
}

// build makes one of the Go receivers.
func build(t *testing.T, name string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./"+name).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return program
}

// freePort is a port on which nothing listens at the moment.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// start runs a receiver until the test ends and waits until it listens.
func start(t *testing.T, port string, argv ...string) *output {
	t.Helper()
	out := &output{}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			_, _ = out.Write(append(lines.Bytes(), '\n'))
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		_ = cmd.Wait() // the program was killed
	})
	wait(t, argv[0]+" listening", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	return out
}

// plugin makes the plugin that a file configures, with other addresses.
func plugin(t *testing.T, file, name string, deps plugins.Deps, replace ...string) plugins.Plugin {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(string(data), replace[i]) {
			t.Fatalf("%s holds no %q", file, replace[i])
		}
	}
	config, err := confxml.Parse(file, []byte(strings.NewReplacer(replace...).Replace(string(data))))
	if err != nil {
		t.Fatal(err)
	}
	deps.File = file
	conf, err := registry.Find(name, 0, config.Plugins, deps)
	if err != nil {
		t.Fatal(err)
	}
	p, err := registry.New(conf, deps)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// feed delivers paths below /opt/tongbu and waits until the plugin has delivered all of them.
func feed(t *testing.T, p plugins.Plugin, paths ...string) {
	t.Helper()
	r := plugins.NewRunner(p, plugins.RunnerConfig{}, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	for i, path := range paths {
		r.Add(plugins.Event{Root: "/opt/tongbu", Path: path, Op: plugins.Changed, Seq: uint64(i + 1)})
	}
	drained, stop := context.WithTimeout(ctx, patience)
	defer stop()
	if err := r.Drain(drained); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func hostile() []string {
	return []string{"a.txt", "b c", "new\nline", `back\slash\n`, "q\"uote", "\xff\xfe", "100%&x=1", "中文"}
}

func TestSocketGo(t *testing.T) {
	program := build(t, "socket")
	for _, tt := range []struct {
		file string
		args []string
	}{{"confxml.xml", nil}, {"extended.xml", []string{"-lines"}}} {
		t.Run(tt.file, func(t *testing.T) {
			port := freePort(t)
			out := start(t, port, append([]string{program, "-listen", "127.0.0.1:" + port}, tt.args...)...)
			replace := []string{`port="8009"`, `port="` + port + `"`}
			feed(t, plugin(t, tt.file, "socket", plugins.Deps{}, replace...), hostile()...)
			for _, path := range hostile() {
				want := fmt.Sprintf("%q", "/opt/tongbu/"+path)
				wait(t, want, func() bool { return out.has(want) })
			}
		})
	}
}

func TestHTTPGo(t *testing.T) {
	program := build(t, "http")
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ file, address, prefix, token string }{
		{"confxml.xml", `port="8080"`, "mask 8 ", ""},
		{"extended.xml", "127.0.0.1:8080", "change ", "s3cret"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			port := freePort(t)
			out := start(t, port, program, "-listen", "127.0.0.1:"+port, "-token", tt.token)
			replace := []string{tt.address, strings.Replace(tt.address, "8080", port, 1)}
			if tt.token != "" {
				replace = append(replace, "/etc/sersync/notify.token", token)
			}
			feed(t, plugin(t, tt.file, "http", plugins.Deps{}, replace...), hostile()...)
			for _, path := range hostile() {
				want := tt.prefix + fmt.Sprintf("%q", "/opt/tongbu/"+path)
				wait(t, want, func() bool { return out.has(want) })
			}
		})
	}
}

func TestPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed; the Go receivers are tested above")
	}
	for _, tt := range []struct{ name, port string }{{"socket", `port="8009"`}, {"http", `port="8080"`}} {
		t.Run(tt.name, func(t *testing.T) {
			port := freePort(t)
			out := start(t, port, python, "receive_"+tt.name+".py", port)
			feed(t, plugin(t, "confxml.xml", tt.name, plugins.Deps{}, tt.port, `port="`+port+`"`), "a.txt", "b c", "new\nline", "\xff")
			for _, want := range []string{"/a.txt", "/b c", `/new\nline`, `/\xff`} {
				want = "b'/opt/tongbu" + want + "'"
				wait(t, want, func() bool { return out.has(want) })
			}
		})
	}
}

func TestCommandScript(t *testing.T) {
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	out := &output{}
	feed(t, plugin(t, "confxml.xml", "command", plugins.Deps{Dir: dir, Stdout: out, Stderr: os.Stderr}), "a.txt", "b c", "new\nline")
	for _, want := range []string{"change /opt/tongbu/a.txt", "change /opt/tongbu/b c", `change /opt/tongbu/new\nline`} {
		if !out.has(want) {
			t.Errorf("no line %q in %q", want, out.lines)
		}
	}
}

// cache is a web server in the place of a CDN or a cache server.
func cache(t *testing.T) (string, *output) {
	t.Helper()
	got := &output{}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			body = []byte(err.Error())
		}
		_, _ = fmt.Fprintf(got, "%s %s %s %s\n", r.Method, r.RequestURI, r.Header.Get("Authorization"), body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, got
}

func TestPurgeCloudflare(t *testing.T) {
	addr, got := cache(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("t0ken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := plugin(t, "purge/cloudflare.xml", "http", plugins.Deps{}, "https://api.cloudflare.com", addr, "/etc/sersync/cdn.token", token)
	feed(t, p, "a b.txt", "d/中&.jpg")
	line := `{"files":["https://www.example.com/a%20b.txt","https://www.example.com/d/%E4%B8%AD&.jpg"]}`
	// In JSON the character & is written \u0026.
	want := "POST /client/v4/zones/ZONE/purge_cache Bearer t0ken " + strings.ReplaceAll(line, "&", `\u0026`)
	single := func(path string) string {
		return "POST /client/v4/zones/ZONE/purge_cache Bearer t0ken " + strings.ReplaceAll(`{"files":["https://www.example.com/`+path+`"]}`, "&", `\u0026`)
	}
	if !got.has(want) && (!got.has(single("a%20b.txt")) || !got.has(single("d/%E4%B8%AD&.jpg"))) {
		t.Errorf("got %q\nwant %q", got.lines, want)
	}
}

func TestPurgeNginx(t *testing.T) {
	addr, got := cache(t)
	host, port, err := net.SplitHostPort(strings.TrimPrefix(addr, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	p := plugin(t, "purge/nginx.xml", "http", plugins.Deps{}, "192.168.8.50", host, `port="80"`, `port="`+port+`"`)
	feed(t, p, "a b.txt", "d/x.jpg")
	for _, want := range []string{"PURGE /a%20b.txt  ", "PURGE /d/x.jpg  "} {
		if !got.has(want) {
			t.Errorf("no %q in %q", want, got.lines)
		}
	}
}
