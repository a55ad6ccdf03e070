// Package webhook hands bodies to web servers that the configuration names, and says
// what their answers mean: for the http plugin, and to notify a person.
//
// No error holds more of an address than its host: webhooks keep their secrets in the
// path and in the query. Redirections are followed only where they repeat the request at the same
// host.
package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/safefile"
)

const (
	// userAgent names the sender to the receiver.
	userAgent = "sersync"
	// maxAnswer is how much of an answer is read; a connection with more is
	// closed instead of kept. maxHeader bounds the header.
	maxAnswer    = 64 << 10 // bytes
	maxHeader    = 64 << 10 // bytes
	maxRedirects = 3
	maxCAFile    = 4 << 20 // bytes
)

// Options describe a Client.
type Options struct {
	Timeout  time.Duration  // of one request
	Parallel int            // connections at a time
	Roots    *x509.CertPool // nil: the system's certificates
	Token    *Token         // nil: none
	Header   string         // carries the token alone; empty: Authorization, as a bearer token
}

// Client makes requests. It is safe for concurrent use.
type Client struct {
	opt       Options
	http      *http.Client
	transport *http.Transport
}

// New is a client that has not connected yet.
func New(opt Options) *Client {
	transport := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: opt.Timeout}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: opt.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    opt.Timeout,
		ResponseHeaderTimeout:  opt.Timeout,
		MaxResponseHeaderBytes: maxHeader,
		MaxConnsPerHost:        opt.Parallel,
		MaxIdleConnsPerHost:    opt.Parallel,
		IdleConnTimeout:        90 * time.Second,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
	return &Client{opt: opt, transport: transport, http: &http.Client{Transport: transport, CheckRedirect: checkRedirect}}
}

// Close releases the idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

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

// Request is what a server is asked.
type Request struct {
	Method      string
	URL         string
	ContentType string // empty: none is said
	Body        []byte // nil: none
	// Done lists answers besides 2xx which mean that nothing is left to do.
	Done []int
}

// RejectedError is an answer that is about the request and not about the receiver's state: to
// repeat it helps only after the receiver was repaired.
type RejectedError struct{ err error }

// Rejected makes err a RejectedError.
func Rejected(err error) error { return &RejectedError{err} }

func (e *RejectedError) Error() string { return e.err.Error() }

// Unwrap is the answer.
func (e *RejectedError) Unwrap() error { return e.err }

// Send makes one request and returns what the server said with success, at most
// 64 KiB of it. A *RejectedError is about the request. plugins.IsPermanent holds for a
// request that cannot be made. Every other error is an outage, with plugins.RetryAfter
// where the server has said how long.
func (c *Client) Send(ctx context.Context, r Request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opt.Timeout)
	defer cancel()
	var reader io.Reader
	if r.Body != nil {
		reader = bytes.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, reader)
	if err != nil {
		return nil, plugins.Permanent(withoutURL(err))
	}
	req.Header.Set("User-Agent", userAgent)
	if r.ContentType != "" {
		req.Header.Set("Content-Type", r.ContentType)
	}
	if err := c.authorize(req); err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode/100 == 2 || slices.Contains(r.Done, resp.StatusCode) {
		// The receiver has it, whatever comes after the header.
		return answer, nil
	}
	if err != nil {
		return nil, err
	}
	return nil, judge(resp, answer)
}

func (c *Client) authorize(req *http.Request) error {
	if c.opt.Token == nil {
		return nil
	}
	value, err := c.opt.Token.Read()
	if err != nil {
		return err
	}
	if c.opt.Header != "" {
		req.Header.Set(c.opt.Header, value)
	} else {
		req.Header.Set("Authorization", "Bearer "+value)
	}
	return nil
}

// judge turns an answer other than success into an error.
func judge(resp *http.Response, answer []byte) error {
	err := fmt.Errorf("receiver answers %s: %.100q", resp.Status, answer)
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		return fmt.Errorf("%w; check the receiver's access rules and tokenfile", err)
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		return plugins.RetryAfter(err, retryAfter(resp.Header.Get("Retry-After")))
	case code/100 == 3:
		return &RejectedError{fmt.Errorf("%w; it leads to another address at %.200q: write that one as url", err, hostOf(resp.Header.Get("Location")))}
	default:
		return &RejectedError{err}
	}
}

// ParseURL reads an http or https address. The error does not repeat it.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.Fragment != "" {
		return nil, errors.New("is not a url")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("%q is not a port", port)
		}
	}
	return u, nil
}

// Roots reads the certificates of a private certificate authority.
func Roots(file string) (*x509.CertPool, error) {
	pem, _, err := safefile.ReadInput(file, maxCAFile)
	if err != nil {
		return nil, fmt.Errorf("%w; name a readable file with certificates in PEM form", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate; name a file with certificates in PEM form", file)
	}
	return pool, nil
}

// withoutURL reduces the address in an error to its host.
func withoutURL(err error) error {
	var u *url.Error
	if !errors.As(err, &u) {
		return err
	}
	return fmt.Errorf("%s %s: %w", u.Op, hostOf(u.URL), u.Err)
}

// hostOf is an address without its secrets.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(no address)"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
}

// retryAfter reads the header of that name (RFC 9110, 10.2.3), in seconds or
// as a date.
func retryAfter(text string) time.Duration {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
