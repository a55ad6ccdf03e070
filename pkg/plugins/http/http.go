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
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/webhook"
)

// Name is the plugin's name in the configuration.
const Name = "http"

const (
	defaultTimeout     = 10 * time.Second
	defaultConcurrency = 8
	maxConcurrency     = 256
	defaultTries       = 10
	maxBatch           = 10_000
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
	client   *webhook.Client
	target   string // url with port
	dir      string // start directory, for relative watch paths
	format   format
	base     string // of urls and purge, without trailing slash
	key      string // of urls
	batch    int
	tries    int
	parallel int
	timeout  time.Duration
}

// New returns the plugin that conf describes. It does not connect.
func New(conf confxml.Plugin, deps plugins.Deps) (plugins.Plugin, error) {
	s := plugins.NewSettings(conf, deps)
	p := &poster{
		dir:      deps.Dir,
		timeout:  s.Duration("deshost/timeout", defaultTimeout),
		parallel: s.Int("deshost/concurrency", defaultConcurrency, 1, maxConcurrency),
		tries:    s.Int("deshost/tries", defaultTries, 1, 1_000_000),
		key:      s.Text("deshost/key", "files"),
	}
	name := s.Choice("deshost/format", "form", "json", "urls", "purge")
	p.format = formats()[name]
	p.readTarget(s, name)
	p.batch = s.Int("deshost/batch", p.format.batch, 1, maxBatch)
	if p.batch > 1 && p.format.batch == 1 {
		s.Fail("deshost/batch", fmt.Sprintf(`format %q carries one path per request; add format="json", or remove batch`, name))
	}
	opt := webhook.Options{
		Timeout: p.timeout, Parallel: p.parallel, Header: s.Text("deshost/tokenheader", ""), Roots: readRoots(s),
	}
	if file := s.FilePath("deshost/tokenfile"); file != "" {
		opt.Token = webhook.NewToken(file)
		if _, err := opt.Token.Read(); err != nil {
			s.Fail("deshost/tokenfile", err.Error())
		}
	} else if opt.Header != "" {
		s.Fail("deshost/tokenheader", "has no effect without tokenfile; add it")
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	p.client = webhook.New(opt)
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
	u, err := webhook.ParseURL(text)
	if err != nil {
		// The url may hold a password: it is not repeated here.
		s.Fail(key, fmt.Sprintf("%v; write for example %q", err, example))
		return nil
	}
	return u
}

// readRoots is the certificate authority of a private receiver, or nil for the
// system's.
func readRoots(s *plugins.Settings) *x509.CertPool {
	file := s.FilePath("deshost/cafile")
	if file == "" {
		return nil
	}
	pool, err := webhook.Roots(file)
	if err != nil {
		s.Fail("deshost/cafile", err.Error())
	}
	return pool
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
	p.client.Close()
	return nil
}
