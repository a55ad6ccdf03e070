// Package http is the plugin that posts each path to a web server.
//
// The form is the one of sersync's manual (2.5.4 itself has the plugin
// compiled out): a POST to <deshost url port> with the fields watchroot,
// isdir, inotifyPath and mask. The original sent the values unencoded; here
// they are form-encoded, so that a receiver gets the exact bytes.
//
// Any 2xx answer means that the receiver has the event. 401, 403, 407, 408,
// 425, 429 and 5xx are repeated until they go away; what else is not 2xx is a
// rejection of this event: after as many as the attribute tries says (default
// 10) the event is given up, counted and logged.
//
// Optional attributes of <deshost>: format (json, urls or purge), batch, base,
// key, tokenfile, tokenheader, cafile, timeout, tries, concurrency;
// docs/plugins.md explains them.
package http

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/plugins"
)

// Name is the plugin's name in the configuration.
const Name = "http"

const (
	defaultTimeout     = 10 * time.Second
	defaultConcurrency = 8
	maxConcurrency     = 256
	defaultTries       = 10
	maxBatch           = 10_000

	// maxAnswer is how much of an answer is read; a connection with more is
	// closed instead of kept. maxHeader bounds the header.
	maxAnswer    = 64 << 10 // bytes
	maxHeader    = 64 << 10 // bytes
	maxRedirects = 3
	maxCAFile    = 4 << 20 // bytes
)

// format makes requests of one kind.
type format struct {
	batch       int // default events per request
	method      string
	contentType string
	encode      func(p *poster, batch []plugins.Event) (target string, body []byte, err error)
	// done lists answers besides 2xx which mean that nothing is left to do.
	done []int
}

// poster is the plugin.
type poster struct {
	client    *http.Client
	transport *http.Transport
	target    string // url with port
	dir       string // start directory, for relative watch paths
	format    format
	base      string // of urls and purge, without trailing slash
	key       string // of urls
	token     *token // nil: none
	header    string // for the token; "" means Authorization: Bearer
	batch     int
	tries     int
	parallel  int
	timeout   time.Duration
}

// New returns the plugin that conf describes. It does not connect.
func New(conf confxml.Plugin, deps plugins.Deps) (plugins.Plugin, error) {
	s := plugins.NewSettings(conf, deps)
	p := &poster{
		dir:      deps.Dir,
		timeout:  s.Duration("deshost/timeout", defaultTimeout),
		parallel: s.Int("deshost/concurrency", defaultConcurrency, 1, maxConcurrency),
		tries:    s.Int("deshost/tries", defaultTries, 1, 1_000_000),
		header:   s.Text("deshost/tokenheader", ""),
		key:      s.Text("deshost/key", "files"),
	}
	name := s.Choice("deshost/format", "form", "json", "urls", "purge")
	p.format = formats()[name]
	p.readTarget(s, name)
	p.batch = s.Int("deshost/batch", p.format.batch, 1, maxBatch)
	if p.batch > 1 && p.format.batch == 1 {
		s.Fail("deshost/batch", fmt.Sprintf(`format %q carries one path per request; add format="json", or remove batch`, name))
	}
	if file := s.FilePath("deshost/tokenfile"); file != "" {
		p.token = &token{path: file}
		if _, err := p.token.read(); err != nil {
			s.Fail("deshost/tokenfile", err.Error())
		}
	} else if p.header != "" {
		s.Fail("deshost/tokenheader", "has no effect without tokenfile; add it")
	}
	pool := readPool(s)
	if err := s.Err(); err != nil {
		return nil, err
	}
	p.connectWith(pool)
	return p, nil
}

// readTarget reads where requests go.
func (p *poster) readTarget(s *plugins.Settings, name string) {
	key := "deshost/url"
	if name == "purge" {
		// The paths themselves are the requests' addresses.
		key = "deshost/base"
		s.Text("deshost/url", "")
	}
	port := s.Text("deshost/port", "")
	if port != "" {
		s.CheckPort("deshost/port", port)
	}
	if u := parseURL(s, key, "http://192.168.138.20/notify"); u != nil {
		if port != "" && u.Port() == "" {
			u.Host = net.JoinHostPort(u.Hostname(), port)
		}
		p.target = u.String()
	}
	switch name {
	case "purge":
		p.base = strings.TrimSuffix(p.target, "/")
	case "urls":
		if u := parseURL(s, "deshost/base", "https://www.example.com"); u != nil {
			p.base = strings.TrimSuffix(u.String(), "/")
		}
	}
}

// parseURL is a required http or https address.
func parseURL(s *plugins.Settings, key, example string) *url.URL {
	text := s.Required(key, example)
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.Fragment != "" {
		// The url may hold a password: it is not repeated here.
		s.Fail(key, fmt.Sprintf("is not a url; write for example %q", example))
		return nil
	}
	if port := u.Port(); port != "" {
		s.CheckPort(key, port)
	}
	return u
}

// readPool is the certificate authority of a private receiver, or nil for the
// system's.
func readPool(s *plugins.Settings) *x509.CertPool {
	file := s.FilePath("deshost/cafile")
	if file == "" {
		return nil
	}
	info, err := os.Stat(file)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxCAFile) {
		err = fmt.Errorf("%s is not a certificate file", file)
	}
	var pem []byte
	if err == nil {
		pem, err = os.ReadFile(file)
	}
	if err != nil {
		s.Fail("deshost/cafile", err.Error()+"; name a readable file with certificates in PEM form")
		return nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		s.Fail("deshost/cafile", file+" holds no certificate; name a file with certificates in PEM form")
	}
	return pool
}

func (p *poster) connectWith(pool *x509.CertPool) {
	p.transport = &http.Transport{
		DialContext:            (&net.Dialer{Timeout: p.timeout}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    p.timeout,
		ResponseHeaderTimeout:  p.timeout,
		MaxResponseHeaderBytes: maxHeader,
		MaxConnsPerHost:        p.parallel,
		MaxIdleConnsPerHost:    p.parallel,
		IdleConnTimeout:        90 * time.Second,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
	p.client = &http.Client{Transport: p.transport, CheckRedirect: checkRedirect}
}

// checkRedirect follows only what repeats the request at the same host: a 302
// would turn it into a GET without a body, another host was not asked for.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	same := req.URL.Hostname() == first.URL.Hostname() &&
		(req.URL.Scheme == first.URL.Scheme || req.URL.Scheme == "https")
	if len(via) > maxRedirects || !same || req.Method != first.Method {
		return http.ErrUseLastResponse
	}
	return nil
}

// Name is "http".
func (p *poster) Name() string { return Name }

// Limits: a batch per request, several requests at a time.
func (p *poster) Limits() plugins.Limits {
	// A rejected batch is repeated one by one, so the bound is not that of one
	// request.
	return plugins.Limits{Batch: p.batch, Parallel: p.parallel, Timeout: 4*p.timeout + time.Second}
}

// Close releases the idle connections.
func (p *poster) Close() error {
	p.transport.CloseIdleConnections()
	return nil
}
