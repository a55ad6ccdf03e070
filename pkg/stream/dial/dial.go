// Package dial connects to a NATS server, with the key and the authority that a
// configuration names, and says in plain words why that, or something asked of the server,
// has failed.
package dial

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/sersync/sersync/pkg/safefile"
)

// Way is how to connect.
type Way struct {
	// URL names one server or several, with commas between them.
	URL string
	// Creds is a file with the seed of an nkey, as sersync-hub writes it, or with a
	// JWT and a seed, as nsc writes it. Only its owner may be able to read it.
	Creds string
	// CA is a file with the certificate of the authority that has signed the server's. If it is
	// set, nothing is sent without TLS. Empty: the system's authorities.
	CA string
	// Client is the name under which the server lists the connection.
	Client string
	// Inbox is the beginning of the subjects for answers; empty: NATS's own.
	Inbox string
}

// Check tells whether the files that are named can be used. It connects to nothing.
func (w Way) Check() error {
	_, err := w.login()
	if err == nil && w.CA != "" {
		_, err = w.secure()
	}
	return err
}

// Servers are the servers of the URL, each as HOST:PORT.
func (w Way) Servers() ([]string, error) {
	var list []string
	for one := range strings.SplitSeq(w.URL, ",") {
		one = strings.TrimSpace(one)
		if !strings.Contains(one, "://") {
			one = "nats://" + one
		}
		u, err := url.Parse(one)
		if err != nil || u.Hostname() == "" || !slices.Contains(schemes, u.Scheme) {
			return nil, fmt.Errorf("address %q: %w", one, ErrURL)
		}
		port := u.Port()
		if port == "" {
			port = strconv.Itoa(nats.DefaultPort)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("address %q: %w", one, ErrURL)
		}
		list = append(list, net.JoinHostPort(u.Hostname(), port))
	}
	return list, nil
}

// schemes are those that NATS knows.
var schemes = []string{"nats", "tls", "ws", "wss"}

const (
	dialTimeout  = 5 * time.Second
	pingInterval = 10 * time.Second
	maxFile      = 64 << 10
)

// Connect connects and logs in. A connection that is lost later is made again until it
// is closed; what is published meanwhile fails at once. more are further options.
func Connect(ctx context.Context, w Way, more ...nats.Option) (*nats.Conn, error) {
	opts := []nats.Option{
		nats.Name(w.Client), nats.Timeout(dialTimeout), nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(2),
		nats.MaxReconnects(-1), nats.ReconnectWait(time.Second), nats.ReconnectJitter(time.Second, time.Second),
		nats.ReconnectBufSize(-1), nats.NoCallbacksAfterClientClose(), nats.IgnoreAuthErrorAbort(),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // the caller of each request gets its error
	}
	login, err := w.login()
	if err != nil {
		return nil, err
	}
	opts = append(opts, login)
	if w.Inbox != "" {
		opts = append(opts, nats.CustomInboxPrefix(w.Inbox))
	}
	if w.CA != "" {
		secure, err := w.secure()
		if err != nil {
			return nil, err
		}
		opts = append(opts, secure)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := nats.Connect(w.URL, append(opts, more...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", w.URL, err)
	}
	return c, nil
}

// login is the option that logs in with the key of the file. The file is read again
// at each login.
func (w Way) login() (nats.Option, error) {
	secret, _, err := safefile.ReadSecret(w.Creds, maxFile)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", w.Creds, err)
	}
	if bytes.Contains(secret, []byte("NATS USER JWT")) {
		return nats.UserCredentialBytes(secret), nil
	}
	pair, err := nkeys.FromSeed(bytes.TrimSpace(secret))
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", w.Creds, ErrKey)
	}
	public, err := pair.PublicKey()
	if err != nil || !nkeys.IsValidPublicUserKey(public) {
		return nil, fmt.Errorf("key %s: %w", w.Creds, ErrKey)
	}
	return nats.Nkey(public, pair.Sign), nil
}

func (w Way) secure() (nats.Option, error) {
	pem, _, err := safefile.ReadInput(w.CA, maxFile)
	if err != nil {
		return nil, fmt.Errorf("authority %s: %w", w.CA, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("authority %s: %w", w.CA, ErrCA)
	}
	return nats.Secure(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}), nil
}

// What is wrong with what a Way names.
var (
	ErrKey = errors.New("the file holds no key of a NATS user")
	ErrCA  = errors.New("the file holds no certificate")
	ErrURL = errors.New("not of the form nats://HOST:PORT")
)
