package statuspage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/safefile"
	"github.com/sersync/sersync/pkg/status"
)

func TestNamesNeedTokenOrSocket(t *testing.T) {
	r := start(t, func(o *Options) { o.Host.TokenFile = tokenFile(t, secret+"\n", 0o600) })
	r.waitTCP(t)
	open := r.get(t, "/api/status")
	if open.code != http.StatusOK || strings.Contains(open.body, "secret") || strings.Contains(open.body, "hidden-config") {
		t.Errorf("without token: %d %s", open.code, open.body)
	}
	if !strings.Contains(open.body, `"pending":5`) || !strings.Contains(open.body, `"names":false`) {
		t.Errorf("without token no counts: %s", open.body)
	}
	for what, a := range map[string]answer{
		"token":  r.get(t, "/api/status", "Authorization", "Bearer "+secret),
		"socket": r.getSocket(t, "/api/status"),
	} {
		var s status.Snapshot
		if err := json.Unmarshal([]byte(a.body), &s); err != nil {
			t.Fatalf("%s: %v in %s", what, err, a.body)
		}
		if got, want := s.Lanes[0].Transfers[0].Path, r.source.snap.Lanes[0].Transfers[0].Path; got != want || !s.Names {
			t.Errorf("%s: path %q, want %q", what, got, want)
		}
	}
	for _, wrong := range []string{"Bearer x", "Bearer ", "Bearer " + secret + "x"} {
		if a := r.get(t, "/api/status", "Authorization", wrong); a.code != http.StatusUnauthorized || strings.Contains(a.body, "pending") {
			t.Errorf("%q: %d %s", wrong, a.code, a.body)
		}
	}
	for _, path := range []string{"/", "/metrics", "/healthz", "/readyz"} {
		if a := r.get(t, path); strings.Contains(a.body, "secret") || strings.Contains(a.body, secret) {
			t.Errorf("%s tells a name or the token", path)
		}
	}
}

func TestTokenFilesThatAreNone(t *testing.T) {
	cases := map[string]string{
		"missing":        "/nonexistent/token",
		"empty":          tokenFile(t, " \n", 0o600),
		"open to others": tokenFile(t, secret, 0o644),
		"a directory":    t.TempDir(),
		"a fifo":         filepath.Join(t.TempDir(), "fifo"),
	}
	if err := unix.Mkfifo(cases["a fifo"], 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		cases["another's"] = tokenFile(t, secret, 0o600)
		if err := os.Chown(cases["another's"], 12345, 0); err != nil {
			t.Fatal(err)
		}
	}
	for name, file := range cases {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(o *Options) { o.Host.TokenFile = file })
			r.waitTCP(t)
			if a := r.get(t, "/api/status", "Authorization", "Bearer "); a.code != http.StatusUnauthorized {
				t.Errorf("an empty token is let in: %d", a.code)
			}
			if a := r.get(t, "/api/status", "Authorization", "Bearer "+secret); a.code != http.StatusUnauthorized {
				t.Errorf("the token of such a file is let in: %d", a.code)
			}
			if r.logs.FilterMessage("status page has no token").Len() != 1 {
				t.Errorf("no warning: %v", r.logs.All())
			}
		})
	}
}

func TestListensOnLoopbackOnly(t *testing.T) {
	r := start(t, func(o *Options) { o.Host.IP = "0.0.0.0" })
	r.waitTCP(t)
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		ip := a.(*net.IPNet).IP
		if ip.IsLoopback() || ip.IsLinkLocalUnicast() {
			continue
		}
		if dials("tcp", net.JoinHostPort(ip.String(), fmt.Sprint(r.port))) {
			t.Errorf("listens on %v", ip)
		}
	}
}

func TestListenElsewhereNeedsAStrongToken(t *testing.T) {
	for name, file := range map[string]string{"none": "", "short": tokenFile(t, "short", 0o600)} {
		t.Run(name, func(t *testing.T) {
			other := freePort(t)
			r := start(t, func(o *Options) {
				o.Host.Listen, o.Host.TokenFile = fmt.Sprintf("0.0.0.0:%d", other), file
			})
			r.waitTCP(t)
			if dials("tcp", fmt.Sprintf("127.0.0.1:%d", other)) {
				t.Error("listens elsewhere without a strong token")
			}
			if r.logs.FilterMessageSnippet("stays on loopback").Len() != 1 {
				t.Errorf("no warning: %v", r.logs.All())
			}
		})
	}
}

func TestListenElsewhereTellsNothingWithoutToken(t *testing.T) {
	r := start(t, func(o *Options) {
		o.Host.Listen, o.Host.TokenFile = fmt.Sprintf("0.0.0.0:%d", o.Host.Port), tokenFile(t, secret, 0o600)
	})
	r.waitTCP(t)
	for path, want := range map[string]int{"/": 200, "/healthz": 200, "/readyz": 200, "/api/status": 401, "/metrics": 401} {
		if a := r.get(t, path); a.code != want || strings.Contains(a.body, "h::m") {
			t.Errorf("%s: %d, want %d: %.100s", path, a.code, want, a.body)
		}
	}
	if a := r.get(t, "/metrics", "Authorization", "bearer "+secret); a.code != 200 || !strings.Contains(a.body, "sersync_lane_pending_paths") {
		t.Errorf("with token: %d", a.code)
	}
}

func TestTroubleWithThePortIsAWarning(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	file := tokenFile(t, secret, 0o600)
	cases := []struct {
		name   string
		change func(*Options)
		remedy string
	}{
		{"in use", func(o *Options) { o.Host.Port = busy.Addr().(*net.TCPAddr).Port }, "another sersync or program has the port"},
		{"zero", func(o *Options) { o.Host.Port = 0 }, "a number from 1 to 65535"},
		{"negative", func(o *Options) { o.Host.Port = -7 }, "a number from 1 to 65535"},
		{"too large", func(o *Options) { o.Host.Port = 70000 }, "a number from 1 to 65535"},
		{"not resolvable", func(o *Options) { o.Host.Listen, o.Host.TokenFile = "no-such-host.invalid:8008", file }, "has no address"},
		{"foreign address", func(o *Options) { o.Host.Listen, o.Host.TokenFile = "192.0.2.1:8008", file }, "not one of this machine"},
		{"bad address", func(o *Options) { o.Host.Listen, o.Host.TokenFile = "::::", file }, "correct <host listen>"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, c.change)
			waitFor(t, "a warning with the remedy", func() bool {
				for _, e := range r.logs.All() {
					if text, _ := e.ContextMap()["remedy"].(string); strings.Contains(text, c.remedy) {
						return true
					}
				}
				return false
			})
			if a := r.getSocket(t, "/healthz"); a.code != http.StatusOK {
				t.Errorf("the socket answers %d", a.code)
			}
		})
	}
}

func TestPageCanBeTurnedOff(t *testing.T) {
	r := start(t, func(o *Options) { o.Host.Page = false })
	if dials("tcp", fmt.Sprintf("127.0.0.1:%d", r.port)) {
		t.Error("listens although page is false")
	}
}

func TestSocketIsPrivateAndGoesAway(t *testing.T) {
	r := start(t, nil)
	info, err := os.Lstat(r.socket)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("mode = %v", info.Mode())
	}
	r.stop()
	if _, err := os.Lstat(r.socket); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestSocketsOfOthers(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openSocket(t.Context(), file); !errors.Is(err, errNotSocket) {
		t.Errorf("a file: %v", err)
	}
	if b, _ := os.ReadFile(file); string(b) != "precious" {
		t.Error("the file was touched")
	}
	path := filepath.Join(dir, "sock")
	first, err := openSocket(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openSocket(t.Context(), path); !errors.Is(err, errAnswers) {
		t.Errorf("a live socket: %v", err)
	}
	_ = first.Close()
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	_ = stale.Close()
	second, err := openSocket(t.Context(), path)
	if err != nil {
		t.Fatalf("a stale socket: %v", err)
	}
	_ = second.Close()
	if _, err := openSocket(t.Context(), filepath.Join(dir, strings.Repeat("x", 200))); err == nil {
		t.Error("an impossible path gave no error")
	}
}

func TestNoSocketWhereOthersCanReplaceIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if l, err := openSocket(t.Context(), filepath.Join(dir, "sock")); !errors.Is(err, safefile.ErrUntrusted) {
		t.Errorf("%v, %v", l, err)
	}
}

// doer remembers which actions it was asked for.
type doer struct {
	mu    sync.Mutex
	asked []string
	err   error
}

func (d *doer) Do(_ context.Context, v status.Verb, lane string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, string(v)+" "+lane)
	return d.err
}

// A client that has paused a lane and asks for the status at once sees that the lane is paused.
func TestAnActionIsSeenAtOnce(t *testing.T) {
	r := start(t, func(o *Options) { o.Actions = &doer{} })
	for range 5 { // at least one of them comes while the snapshot from before would still be used
		r.getSocket(t, "/api/status")
		before := r.source.times()
		req := request(t, http.MethodPost, "http://localhost/api/pause", "{}", "Content-Type", "application/json")
		if a := do(t, r.socket, req); a.code != http.StatusAccepted {
			t.Fatal(a.code, a.body)
		}
		r.getSocket(t, "/api/status")
		if r.source.times() == before {
			t.Error("the status is from before the action")
		}
	}
}

func TestActionsOverTheSocketOnly(t *testing.T) {
	d := &doer{}
	r := start(t, func(o *Options) { o.Actions = d })
	r.waitTCP(t)
	const kind = "application/json"
	for _, v := range status.Verbs() {
		body := fmt.Sprintf(`{"lane":%q}`, "/data#h::m")
		if a := do(t, "", request(t, http.MethodPost, r.url("/api/"+string(v)), body, "Content-Type", kind)); a.code != http.StatusMethodNotAllowed {
			t.Errorf("%s over TCP: %d", v, a.code)
		}
		if a := do(t, r.socket, request(t, http.MethodPost, "http://localhost/api/"+string(v), body, "Content-Type", kind)); a.code != http.StatusAccepted {
			t.Errorf("%s over the socket: %d %s", v, a.code, a.body)
		}
	}
	if got := strings.Join(d.asked, ","); got != "resync /data#h::m,verify /data#h::m,accept-empty /data#h::m,pause /data#h::m,resume /data#h::m,reload /data#h::m" {
		t.Errorf("asked %s", got)
	}
	url := "http://localhost/api/pause"
	for name, c := range map[string]struct {
		req  *http.Request
		err  error
		code int
	}{
		"a form":       {request(t, "POST", url, "lane=x", "Content-Type", "application/x-www-form-urlencoded"), nil, 415},
		"no json":      {request(t, "POST", url, "{", "Content-Type", kind), nil, 400},
		"unknown key":  {request(t, "POST", url, `{"lanes":""}`, "Content-Type", kind), nil, 400},
		"huge":         {request(t, "POST", url, `{"lane":"`+strings.Repeat("x", 1<<20)+`"}`, "Content-Type", kind), nil, 400},
		"foreign site": {request(t, "POST", url, "{}", "Content-Type", kind, "Sec-Fetch-Site", "cross-site"), nil, 403},
		"rebound name": {request(t, "POST", url, "{}", "Content-Type", kind, "Host", "evil.example"), nil, 421},
		"no such lane": {request(t, "POST", url, `{"lane":"x"}`, "Content-Type", kind), status.ErrUnknownLane, 404},
		"refused":      {request(t, "POST", url, `{}`, "Content-Type", kind), errors.New("root is gone"), 409},
		"a get":        {request(t, "GET", url, ""), nil, 405},
		"a put":        {request(t, "PUT", url, "{}", "Content-Type", kind), nil, 405},
	} {
		d.err = c.err
		if a := do(t, r.socket, c.req); a.code != c.code {
			t.Errorf("%s: %d, want %d: %s", name, a.code, c.code, a.body)
		}
	}
}
