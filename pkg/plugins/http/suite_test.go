package http_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	stdhttp "net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/http"
	"github.com/sersync/sersync/pkg/plugins/plugintest"
)

func element(attributes ...string) confxml.Plugin {
	conf := confxml.Plugin{Name: "http", Line: 10, Attributes: map[string]confxml.Attribute{}}
	for _, a := range attributes {
		key, value, _ := strings.Cut(a, "=")
		conf.Attributes["deshost/"+key] = confxml.Attribute{Value: value, Line: 12}
	}
	return conf
}

func newPlugin(t testing.TB, attributes ...string) plugins.Plugin {
	t.Helper()
	p, err := http.New(element(attributes...), plugins.Deps{File: "confxml.xml", Dir: "/start"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// serve answers the requests on one connection with 204; paths extracts the paths that a request
// names in its body or its address.
func serve(paths func(r *stdhttp.Request, body string) []string) plugintest.Protocol {
	return func(conn net.Conn, received func(string)) {
		r := bufio.NewReader(conn)
		for {
			req, err := stdhttp.ReadRequest(r)
			if err != nil {
				return
			}
			body, err := io.ReadAll(req.Body)
			if err != nil {
				return
			}
			for _, p := range paths(req, string(body)) {
				received(p)
			}
			if _, err := io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n"); err != nil {
				return
			}
		}
	}
}

func formPath(_ *stdhttp.Request, body string) []string {
	v, err := url.ParseQuery(body)
	if err != nil {
		return []string{"not a form: " + body}
	}
	return []string{v.Get("inotifyPath")}
}

func jsonPaths(_ *stdhttp.Request, body string) []string {
	var m struct {
		Events []struct {
			Path       string
			PathBase64 string `json:"path_base64"`
		}
	}
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		return []string{"not json: " + body}
	}
	var paths []string
	for _, e := range m.Events {
		if e.PathBase64 != "" {
			raw, err := base64.StdEncoding.DecodeString(e.PathBase64)
			if err != nil {
				return []string{"not base64: " + e.PathBase64}
			}
			e.Path = string(raw)
		}
		paths = append(paths, e.Path)
	}
	return paths
}

func subject(paths func(*stdhttp.Request, string) []string, attributes ...string) plugintest.Subject {
	return plugintest.Subject{New: func(t *testing.T, _ string) (plugins.Plugin, plugintest.Peer) {
		peer := plugintest.NewTCP(t, "", serve(paths))
		all := append([]string{"url=http://127.0.0.1/notify", "port=" + peer.Port(), "timeout=500ms"}, attributes...)
		return newPlugin(t, all...), peer
	}}
}

func TestSuiteForm(t *testing.T) { plugintest.Run(t, subject(formPath)) }

func TestSuiteJSON(t *testing.T) { plugintest.Run(t, subject(jsonPaths, "format=json")) }

// publicPath turns a public address of the forms purge and urls back into the path below the root.
func publicPath(root, address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "not a url: " + address
	}
	return root + u.Path
}

func TestSuitePurge(t *testing.T) {
	plugintest.Run(t, plugintest.Subject{Events: 1000, New: func(t *testing.T, root string) (plugins.Plugin, plugintest.Peer) {
		peer := plugintest.NewTCP(t, "", serve(func(r *stdhttp.Request, _ string) []string {
			if r.Method != "PURGE" {
				return []string{r.Method}
			}
			return []string{publicPath(root, r.RequestURI)}
		}))
		return newPlugin(t, "format=purge", "base=http://"+peer.Addr(), "timeout=500ms"), peer
	}})
}

func TestSuiteURLs(t *testing.T) {
	plugintest.Run(t, plugintest.Subject{Events: 1000, New: func(t *testing.T, root string) (plugins.Plugin, plugintest.Peer) {
		peer := plugintest.NewTCP(t, "", serve(func(_ *stdhttp.Request, body string) []string {
			var m map[string][]string
			if err := json.Unmarshal([]byte(body), &m); err != nil {
				return []string{err.Error()}
			}
			var paths []string
			for _, u := range m["files"] {
				paths = append(paths, publicPath(root, u))
			}
			return paths
		}))
		return newPlugin(t, "format=urls", "base=https://www.example.com/", "url=http://"+peer.Addr()+"/purge_cache", "timeout=500ms"), peer
	}})
}
