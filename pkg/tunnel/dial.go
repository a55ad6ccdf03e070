package tunnel

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/sersync/sersync/pkg/safefile"
)

// DefaultPort is where rsync daemons behind TLS listen, as rsync-ssl has it.
const DefaultPort = 874

const maxPEM = 4 << 20 // bytes

// Way is how a connection is secured. It is a value and holds no secret: the key stays in
// its file. Files are absolute.
type Way struct {
	ServerName  string `json:"server_name"`           // in the remote's certificate
	CA          string `json:"ca,omitempty"`          // file of the authority that signs it; empty: the system's
	Certificate string `json:"certificate,omitempty"` // file of this host's own; empty: none
	Key         string `json:"key,omitempty"`         // file of its key; empty: in Certificate
}

// Error is why a connection was not secured, in words that rsync.Target.Explain knows.
// It is one line.
type Error struct{ text string }

func (e *Error) Error() string { return prefix + e.text }

// prefix begins every line about TLS on standard error.
const prefix = "sersync tls: "

func failed(format string, args ...any) error {
	return &Error{strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")}
}

// Config reads the files of a way. The error is an *Error.
func (w Way) Config() (*tls.Config, error) {
	conf := &tls.Config{ServerName: w.ServerName, MinVersion: tls.VersionTLS12}
	if w.CA != "" {
		pem, _, err := safefile.ReadInput(w.CA, maxPEM)
		if err != nil {
			return nil, failed("file %s cannot be read: %v", w.CA, reason(err))
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, failed("file %s holds no certificate", w.CA)
		}
	}
	if w.Certificate != "" {
		certificate, err := w.own()
		if err != nil {
			return nil, err
		}
		conf.Certificates = []tls.Certificate{certificate}
	}
	return conf, nil
}

// own is this host's certificate with its key.
func (w Way) own() (none tls.Certificate, err error) {
	cert, _, err := safefile.ReadInput(w.Certificate, maxPEM)
	if err != nil {
		return none, failed("file %s cannot be read: %v", w.Certificate, reason(err))
	}
	file := w.Key
	if file == "" {
		file = w.Certificate
	}
	key, info, err := safefile.ReadInput(file, maxPEM)
	if err != nil {
		return none, failed("file %s cannot be read: %v", file, reason(err))
	}
	if !bytes.Contains(key, []byte("PRIVATE KEY-----")) {
		return none, failed("file %s holds no key", file)
	}
	if err := safefile.CheckSecret(file, info); err != nil {
		return none, failed("key %s can be read by others", file)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return none, failed("file %s does not fit: %v", w.Certificate, err)
	}
	return pair, nil
}

// reason is an error of the file system without its path.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Dial connects to an address and agrees on TLS. An error of the network is that of
// net.Dialer; every other is an *Error.
func (w Way) Dial(ctx context.Context, address string) (net.Conn, error) {
	conf, err := w.Config()
	if err != nil {
		return nil, err
	}
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, conf)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, w.explain(err)
	}
	return &secured{Conn: conn, way: w}, nil
}

// secured explains what comes after the handshake: with TLS 1.3 the remote refuses this
// host's certificate only then.
type secured struct {
	*tls.Conn
	way Way
}

// Read is that of the connection.
func (s *secured) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	var alert tls.AlertError
	var op *net.OpError
	if errors.As(err, &alert) || errors.As(err, &op) && op.Op == "remote error" {
		err = s.way.explain(err)
	}
	return n, err
}

// explain says what is wrong in one line.
func (w Way) explain(err error) error {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	var op *net.OpError
	var network net.Error
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && time.Now().Before(invalid.Cert.NotBefore):
		return failed("certificate not valid before %s", invalid.Cert.NotBefore.UTC().Format(time.RFC3339))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return failed("certificate expired on %s", invalid.Cert.NotAfter.UTC().Format(time.RFC3339))
	case errors.As(err, &name):
		return failed("certificate is for %s and not for %s", names(name.Certificate), w.ServerName)
	case errors.As(err, &unknown):
		return failed("certificate signed by an unknown authority: %q", unknown.Cert.Issuer.String())
	case errors.As(err, &invalid):
		return failed("certificate cannot be used: %v", invalid)
	case errors.As(err, &record):
		return failed("no TLS is spoken there")
	case errors.As(err, &op) && op.Op == "remote error":
		return failed("the remote refuses: %v", op.Err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return failed("the remote closes the connection before TLS is agreed")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return failed("the remote does not answer the TLS handshake in time")
	default:
		return failed("TLS is not agreed: %v", err)
	}
}

// names are the first names that a certificate is for.
func names(c *x509.Certificate) string {
	const most = 5
	all := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no name"
	}
	for i, n := range all {
		all[i] = fmt.Sprintf("%.100q", n)
	}
	return strings.Join(all[:min(most, len(all))], ", ")
}
