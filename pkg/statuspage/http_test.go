package statuspage

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/status"
)

func TestHostHeader(t *testing.T) {
	r := start(t, func(o *Options) { o.Host.IP = "Files.Example.com" })
	r.waitTCP(t)
	for host, want := range map[string]int{
		"127.0.0.1:8008": 200, "127.0.0.1": 200, "localhost:1": 200, "LOCALHOST.": 200, "[::1]:8008": 200, "::1": 200,
		"files.example.com:8008": 200, "10.1.2.3": 200,
		"evil.example": 421, "evil.example:8008": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421, "xlocalhost": 421,
	} {
		if a := r.get(t, "/api/status", "Host", host); a.code != want {
			t.Errorf("%s: %d, want %d", host, a.code, want)
		}
	}
}

func TestReadOnlyAndSafeHeaders(t *testing.T) {
	r := start(t, nil)
	r.waitTCP(t)
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"} {
		a := do(t, "", request(t, method, r.url("/api/status"), ""))
		if a.code != http.StatusMethodNotAllowed || a.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, a.code)
		}
	}
	if a := do(t, "", request(t, "HEAD", r.url("/api/status"), "")); a.code != 200 || a.body != "" {
		t.Errorf("HEAD: %d %q", a.code, a.body)
	}
	for _, path := range []string{"/", "/api/status", "/metrics", "/nothing", "/app.js"} {
		a := r.get(t, path)
		csp := a.header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: Content-Security-Policy %q", path, csp)
		}
		if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: headers %v", path, a.header)
		}
	}
	if a := r.get(t, "/api/status", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"); a.code != http.StatusForbidden {
		t.Errorf("a request of another site: %d", a.code)
	}
	if a := r.get(t, "/", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"); a.code != http.StatusOK {
		t.Errorf("a link on another site: %d", a.code)
	}
}

func TestPageNeedsNothingFromOutside(t *testing.T) {
	files := assets()
	links := regexp.MustCompile(`(?i)(?:src|href)="([^"]*)"`)
	for _, m := range links.FindAllStringSubmatch(string(files["/"].body), -1) {
		if m[1] == "#lanes" || m[1] == "api/status" || m[1] == "metrics" {
			continue
		}
		if _, ok := files["/"+m[1]]; !ok {
			t.Errorf("index.html wants %s", m[1])
		}
	}
	for url, f := range files {
		if f.kind == "" {
			t.Errorf("%s has no type", url)
		}
		text := strings.ReplaceAll(string(f.body), "http://www.w3.org/2000/svg", "")
		for _, bad := range []string{"http://", "https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "<style", " style=", " onclick="} {
			if strings.Contains(text, bad) {
				t.Errorf("%s contains %s", url, bad)
			}
		}
	}
	r := start(t, nil)
	r.waitTCP(t)
	a := r.get(t, "/app.js")
	if again := r.get(t, "/app.js", "If-None-Match", a.header.Get("Etag")); a.code != 200 || again.code != http.StatusNotModified {
		t.Errorf("app.js: %d, then %d", a.code, again.code)
	}
}

// Each sentence for which the page has a translation is one that the program can say.
func TestTranslatedSentencesAreSaid(t *testing.T) {
	var code strings.Builder
	for _, dir := range []string{"transport", "transport/rsync", "transport/rsync/session", "transport/stream", "stream/dial", "executor", "executor/*", "brake", "watchroot", "daemon", "instance", "notes", "records", "status", "statusclient", "edge/*"} {
		list, err := filepath.Glob("../" + dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(b)
		}
	}
	entries := regexp.MustCompile(`(?m)^  "[a-z0-9-]+": \["([^"]*)", "`).FindAllStringSubmatch(string(assets()["/said.js"].body), -1)
	if len(entries) < 40 {
		t.Fatalf("only %d sentences found", len(entries))
	}
	verb, word := regexp.MustCompile(`%(04)?[a-z]`), regexp.MustCompile(`\{\w+\}`)
	filled := verb.ReplaceAllString(code.String(), "{}") // the parts that fmt fills in
	for _, m := range entries {
		if !strings.Contains(code.String(), strconv.Quote(m[1])) && !strings.Contains(filled, strconv.Quote(word.ReplaceAllString(m[1], "{}"))) {
			t.Errorf("the program never says %q", m[1])
		}
	}
}

func TestReadiness(t *testing.T) {
	r := start(t, nil)
	r.waitTCP(t)
	if a := r.get(t, "/readyz"); a.code != http.StatusOK {
		t.Errorf("ready: %d", a.code)
	}
	r.source.mu.Lock()
	r.source.snap.Ready = false
	r.source.mu.Unlock()
	waitFor(t, "503", func() bool { return r.get(t, "/readyz").code == http.StatusServiceUnavailable })
	if a := r.get(t, "/healthz"); a.code != http.StatusOK || a.body != "ok\n" {
		t.Errorf("health: %d %q", a.code, a.body)
	}
}

func TestNothingIsComputedWhileNobodyLooks(t *testing.T) {
	r := start(t, nil)
	r.waitTCP(t)
	_ = r.get(t, "/")
	_ = r.get(t, "/healthz")
	if n := r.source.times(); n != 0 {
		t.Errorf("the source was asked %d times", n)
	}
	begin := time.Now()
	for range 50 {
		_ = r.get(t, "/api/status")
	}
	if n, most := r.source.times(), int(time.Since(begin)/CacheTime)+1; n > most {
		t.Errorf("50 requests asked the source %d times, want at most %d", n, most)
	}
}

func TestMetrics(t *testing.T) {
	r := start(t, nil)
	r.waitTCP(t)
	r.source.mu.Lock()
	r.source.snap.Lanes[0].Remote = "h::m\n\"\xff"
	r.source.snap.Notes = []status.Note{{Subject: "state not saved"}}
	r.source.mu.Unlock()
	a := r.get(t, "/metrics")
	if a.code != http.StatusOK {
		t.Fatalf("%d %s", a.code, a.body)
	}
	for _, want := range []string{
		`sersync_build_info{version="3.0.0"} 1`, `sersync_ready 1`, `sersync_notes 1`, `sersync_lane_state{lane="1",remote="h::m\\n\"\\xff",state="syncing"} 1`,
		`sersync_lane_pending_paths{lane="1",remote="h::m\\n\"\\xff"} 5`, `sersync_plugin_pending_events{name="http",plugin="1"} 1`, `sersync_root_directories{root="1"} 9`,
		`sersync_root_info{path="/data",root="1"} 1`, `sersync_lane_info{id="/data#h::m",lane="1",path="/data",remote="h::m\\n\"\\xff",root="1"} 1`,
	} {
		if !strings.Contains(a.body, want) {
			t.Errorf("no %s in\n%s", want, a.body)
		}
	}
	for line := range strings.SplitSeq(a.body, "\n") {
		if strings.Contains(line, "secret") || strings.Contains(line, "/data") && !strings.HasPrefix(line, "sersync_root_info{") && !strings.HasPrefix(line, "sersync_lane_info{") {
			t.Errorf("a path is a label: %s", line)
		}
	}
}

// The number of series depends on nothing but the configuration file.
func TestMetricsCardinality(t *testing.T) {
	count := func(pending int) int {
		f := newFake()
		f.snap.Lanes[0].Pending = pending
		for i := range min(pending, status.RecentEntries) {
			f.snap.Lanes[0].Transfers = append(f.snap.Lanes[0].Transfers, status.Transfer{Path: fmt.Sprint("f", i)})
		}
		n := 0
		for line := range strings.SplitSeq(scrape(t, f), "\n") {
			if strings.HasPrefix(line, "sersync_") {
				n++
			}
		}
		return n
	}
	if a, b := count(0), count(1000000); a != b || a == 0 {
		t.Errorf("%d series with nothing pending, %d with a million", a, b)
	}
}
