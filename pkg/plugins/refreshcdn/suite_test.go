package refreshcdn_test

import (
	"bufio"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/plugintest"
	"github.com/sersync/sersync/pkg/plugins/refreshcdn"
)

func TestMain(m *testing.M) {
	// regexp2 keeps a clock for a second after the last timed match.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2.runClock"))
}

// element is the element of the recorded runs with changes of the form "element/attribute=value".
func element(attributes ...string) confxml.Plugin {
	conf := confxml.Plugin{Name: "refreshCDN", Line: 10, Attributes: map[string]confxml.Attribute{}}
	defaults := []string{
		"cdninfo/domainname=127.0.0.1", "cdninfo/port=80", "cdninfo/username=uu", "cdninfo/passwd=pp",
		"sendurl/base=http://pic.example.com/cms", "regexurl/regex=false", "regexurl/match=x",
	}
	for _, a := range append(defaults, attributes...) {
		key, value, _ := strings.Cut(a, "=")
		conf.Attributes[key] = confxml.Attribute{Value: value, Line: 12}
	}
	return conf
}

// cdn reads requests in the form of 2.5.4; a batch is several addresses.
func cdn(root string) plugintest.Protocol {
	return func(conn net.Conn, received func(string)) {
		r := bufio.NewReader(conn)
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if host, err := r.ReadString('\n'); err != nil || host != "Host: 127.0.0.1\r\n" {
			received("bad host line " + host)
			return
		}
		if end, err := r.ReadString('\n'); err != nil || end != "\r\n" {
			received("bad end " + end)
			return
		}
		list, ok := strings.CutPrefix(strings.TrimSuffix(line, " HTTP/1.0\r\n"), "HEAD /index.jsp?user=uu&pswd=pp&ok=ok&urls=")
		if !ok {
			received("bad request " + line)
			return
		}
		for address := range strings.SplitSeq(list, "%0D%0Ahttp:") {
			rest := strings.TrimPrefix(strings.TrimPrefix(address, "http:"), "//pic.example.com/cms")
			name, err := url.PathUnescape(rest)
			if err != nil {
				name = err.Error()
			}
			received(root + name)
		}
		_, _ = io.WriteString(conn, "HTTP/1.0 200 OK\r\nServer: x\r\nwhatsup: content=\"succeed\"\r\n\r\n")
	}
}

func subject(attributes ...string) plugintest.Subject {
	return plugintest.Subject{New: func(t *testing.T, root string) (plugins.Plugin, plugintest.Peer) {
		peer := plugintest.NewTCP(t, "", cdn(root))
		all := append([]string{"cdninfo/port=" + peer.Port(), "cdninfo/timeout=500ms", "cdninfo/pause=50ms"}, attributes...)
		p, err := refreshcdn.New(element(all...), plugins.Deps{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		return p, peer
	}}
}

func TestSuite(t *testing.T) { plugintest.Run(t, subject()) }

func TestSuiteBatch(t *testing.T) {
	plugintest.Run(t, subject("cdninfo/batch=50", "cdninfo/encode=true"))
}
