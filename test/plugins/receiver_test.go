package plugins

import (
	"bufio"
	"fmt"
	"io"
	"net"
	stdhttp "net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sersync/sersync/pkg/plugins/plugintest"
)

// receiver is the other end of a plugin.
type receiver struct {
	*plugintest.TCP // nil for the command plugin

	name    string
	element string // the plugin's <plugin> element
	log     string // for command: what the script was told
	states  string // for command: what the script found in the files, in turn

	mu      sync.Mutex
	raw     []string // the bytes of each connection or request
	arrival func(path string)
}

const cdnBase = "http://pic.example.com/cms"

// changing is the file whose content the script of the command plugin writes down.
const changing = "one"

// names are the kinds of plugins.
var names = []string{"socket", "http", "refreshCDN", "command"}

// newReceiver makes the receiver and the plugin's element; attributes are further ones for the part
// of the element that names the receiver.
func newReceiver(t *testing.T, name, watch, attributes string) *receiver {
	t.Helper()
	r := &receiver{name: name}
	local := `<localpath watch="` + watch + `">`
	switch name {
	case "socket":
		r.TCP = plugintest.NewTCP(t, "", r.socket)
		r.element = local + `<deshost ip="127.0.0.1" port="` + r.Port() + `" timeout="1s" ` + attributes + `/></localpath>`
	case "http":
		r.TCP = plugintest.NewTCP(t, "", r.http)
		r.element = local + `<deshost url="http://127.0.0.1/notify" port="` + r.Port() + `" timeout="1s" ` + attributes + `/></localpath>`
	case "refreshCDN":
		r.TCP = plugintest.NewTCP(t, "", func(c net.Conn, got func(string)) { r.cdn(c, watch, got) })
		r.element = local + `<cdninfo domainname="127.0.0.1" port="` + r.Port() + `" username="xxxx" passwd="xxxx" timeout="1s" pause="50ms" ` + attributes +
			`/><sendurl base="` + cdnBase + `"/><regexurl regex="false" match="x"/></localpath>`
	case "command":
		dir := t.TempDir()
		r.log, r.states = filepath.Join(dir, "log"), filepath.Join(dir, "states")
		script := filepath.Join(dir, "told")
		text := fmt.Sprintf(`#!/bin/sh
if [ $# = 0 ]; then
	batch='%[1]s'/batch.$$
	cat >"$batch"
	cat "$batch" >>'%[2]s'
	grep -qzxF '%[4]s' "$batch" || exit 0
else
	printf '%%s\0' "$@" >>'%[2]s'
	[ "$1" = '%[4]s' ] || exit 0
fi
{ cat '%[4]s'; printf '\0'; } >>'%[3]s'
`, dir, r.log, r.states, watch+"/"+changing)
		if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		r.element = `<param prefix="` + script + `" suffix="" ignoreError="true" ` + attributes + `/><filter start="false"></filter>`
	}
	r.element = `<plugin name="` + name + `">` + r.element + "</plugin>\n"
	return r
}

// note keeps what has come, and tells those who wait for it.
func (r *receiver) note(raw, path string, got func(string)) {
	r.mu.Lock()
	r.raw = append(r.raw, raw)
	r.mu.Unlock()
	if r.arrival != nil {
		r.arrival(path)
	}
	got(path)
}

func (r *receiver) socket(conn net.Conn, got func(string)) {
	data, err := io.ReadAll(conn)
	if err == nil && len(data) > 0 {
		r.note(string(data), string(data), got)
	}
}

// http keeps the body of each request as it came.
func (r *receiver) http(conn net.Conn, got func(string)) {
	in := bufio.NewReader(conn)
	for {
		req, err := stdhttp.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		form, err := url.ParseQuery(string(body))
		path := form.Get("inotifyPath")
		if err != nil || req.Method != "POST" || req.URL.Path != "/notify" || req.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			path = fmt.Sprint("no form: ", req.Method, req.URL, req.Header, string(body), err)
		}
		r.note(string(body), path, got)
		if _, err := io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n"); err != nil {
			return
		}
	}
}

func (r *receiver) cdn(conn net.Conn, watch string, got func(string)) {
	in := bufio.NewReader(conn)
	text := ""
	for !strings.HasSuffix(text, "\r\n\r\n") {
		line, err := in.ReadString('\n')
		text += line
		if err != nil {
			return
		}
	}
	_, address, _ := strings.Cut(text, "ok=ok&")
	address, _, _ = strings.Cut(address, " HTTP/1.0\r\n")
	_, rest, _ := strings.Cut(address, "="+cdnBase)
	path, err := url.PathUnescape(strings.TrimSuffix(rest, "/"))
	if err != nil {
		path = "no address: " + text
	}
	r.note(text, watch+path, got)
	_, _ = io.WriteString(conn, "HTTP/1.0 200 OK\r\nwhatsup: content=\"succeed\"\r\n\r\n")
}

// got lists the paths that have come so far, the oldest first.
func (r *receiver) got() []string {
	if r.TCP == nil {
		b, err := os.ReadFile(r.log)
		if err != nil || len(b) == 0 {
			return nil
		}
		return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
	}
	var paths []string
	for _, receipt := range r.Receipts() {
		paths = append(paths, receipt.Path)
	}
	return paths
}

// has reports whether every path has come.
func (r *receiver) has(paths ...string) bool { return len(r.missing(paths)) == 0 }

func (r *receiver) missing(paths []string) []string {
	got := r.got()
	if len(got) < len(paths)/2 {
		return paths // too few paths have come to look for those that are missing
	}
	seen := make(map[string]bool, len(got))
	for _, p := range got {
		seen[p] = true
	}
	var out []string
	for _, p := range paths {
		if !seen[p] {
			out = append(out, p)
		}
	}
	return out
}

// times is how often a path has come.
func (r *receiver) times(path string) int {
	n := 0
	for _, p := range r.got() {
		if p == path {
			n++
		}
	}
	return n
}

// state is the last content of the changing file that the receiver has seen.
func (r *receiver) state(path string) string {
	if r.TCP == nil {
		b, err := os.ReadFile(r.states)
		if err != nil {
			return ""
		}
		all := strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
		return all[len(all)-1]
	}
	got := r.Receipts()
	for _, v := range slices.Backward(got) {
		if v.Path == path {
			return v.State
		}
	}
	return ""
}

// bytes is everything that came, exactly as it came.
func (r *receiver) bytes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.raw...)
}
