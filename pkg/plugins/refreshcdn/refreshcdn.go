// Package refreshcdn is the plugin that asks a CDN to fetch a path anew.
//
// As in 2.5.4, each path is one HEAD request to the CDN's host with the fields
// user, pswd, ok, and urls (files) or dirs (directories), over a connection of
// its own; what the CDN answers is kept in errorlog.txt in the start
// directory. The address of a path is <sendurl base> and the path below the
// watch path, or, with <regexurl regex="true">, base, the first group of the
// match in the absolute path, and what follows the match.
//
// Names are sent as they are, spaces included (2.5.4 does not encode), except
// for the bytes with which a name could forge fields or requests: control
// characters, "%", "&", "#" and "+" are percent-encoded.
//
// A connection that fails, a CDN that says nothing, and the answers 408, 429
// and 5xx are tried again. Optional attributes of <cdninfo>: https, batch,
// encode, timeout,
// pause, concurrency.
package refreshcdn

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/logging"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/expression"
)

// Name is the plugin's name in the configuration.
const Name = "refreshCDN"

const (
	defaultPort    = "80"
	defaultTimeout = 10 * time.Second
	// defaultPause is the least pause after an answer that means trouble.
	defaultPause       = 5 * time.Second
	defaultConcurrency = 4
	maxBatch           = 100
	logFile            = "errorlog.txt"
)

// refresher is the plugin.
type refresher struct {
	troubles *logging.Repeat

	// Immutable after New.
	host, port     string
	https          bool
	user, password string
	base           string
	match          *expression.Expression // nil: path below the watch path
	encodeAll      bool
	batch          int
	parallel       int
	timeout, pause time.Duration

	answers answerLog
}

// New returns the plugin that conf describes. It does not connect.
func New(conf confxml.Plugin, deps plugins.Deps) (plugins.Plugin, error) {
	s := plugins.NewSettings(conf, deps)
	p := &refresher{
		troubles:  logging.NewRepeat(deps.Logger().Named("plugin").With(zap.String("plugin", Name))),
		host:      plain(s, "cdninfo/domainname", s.Required("cdninfo/domainname", "ccms.chinacache.com")),
		user:      plain(s, "cdninfo/username", s.Required("cdninfo/username", "user")),
		password:  plain(s, "cdninfo/passwd", s.Required("cdninfo/passwd", "password")),
		base:      plain(s, "sendurl/base", s.Required("sendurl/base", "http://pic.example.com/cms")),
		port:      s.Text("cdninfo/port", defaultPort),
		https:     s.Bool("cdninfo/https", false),
		encodeAll: s.Bool("cdninfo/encode", false),
		batch:     s.Int("cdninfo/batch", 1, 1, maxBatch),
		parallel:  s.Int("cdninfo/concurrency", defaultConcurrency, 1, 64),
		timeout:   s.Duration("cdninfo/timeout", defaultTimeout),
		pause:     s.Duration("cdninfo/pause", defaultPause),
		answers:   answerLog{path: filepath.Join(deps.Dir, logFile)},
	}
	s.CheckPort("cdninfo/port", p.port)
	if strings.ContainsAny(p.host, " /\\?#@") {
		s.Fail("cdninfo/domainname", fmt.Sprintf(`%q is not a host name; write it without "http://" and path`, p.host))
	}
	p.readMatch(s)
	if err := s.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *refresher) readMatch(s *plugins.Settings) {
	text := s.Text("regexurl/match", "")
	if !s.Bool("regexurl/regex", false) {
		return
	}
	if text == "" {
		s.Required("regexurl/match", "site([/a-zA-Z0-9]*)/images")
		return
	}
	e, err := expression.Compile(text)
	if err != nil {
		s.Fail("regexurl/match", fmt.Sprintf("%q is not a regular expression: %v; correct it, or write regex=\"false\"", text, err))
	}
	p.match = e
}

// plain refuses configuration values that would break the request apart. The
// value is not repeated: it may be the password.
func plain(s *plugins.Settings, key, value string) string {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		s.Fail(key, "holds a control character; remove it")
	}
	return value
}

// Name is "refreshCDN".
func (p *refresher) Name() string { return Name }

// Limits follows the attributes.
func (p *refresher) Limits() plugins.Limits {
	return plugins.Limits{Batch: p.batch, Parallel: p.parallel, Timeout: 3*p.timeout + time.Second}
}

// Close has nothing to release.
func (p *refresher) Close() error { return nil }

func (p *refresher) address() string { return net.JoinHostPort(p.host, p.port) }
