package dial

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/sersync/sersync/pkg/safefile"
)

// The codes of errors of JetStream that mean that there is no room.
const (
	noResources jetstream.ErrorCode = 10023
	noStorage   jetstream.ErrorCode = 10047
	noMaxBytes  jetstream.ErrorCode = 10028 // the account's limits
)

// Reasons that say which part of a connection has failed.
const (
	Distrusted = "the hub's certificate is not trusted"
	Unagreed   = "hub and configuration do not agree on TLS"
	NoRoom     = "the hub has no room left for the stream"
)

// Explain says why something that was asked of a server has failed, and what to do, each
// in one line for people. An error that is not known has the reason "the hub has refused
// it", whatever it says itself.
func Explain(err error) (reason, remedy string) {
	var api *jetstream.APIError
	var untrusted *safefile.UntrustedError
	switch {
	case errors.As(err, &untrusted), errors.Is(err, ErrKey), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, ErrCA):
		return "a file of the stream's key or authority cannot be used", "name the files in creds= and ca= that sersync-hub has written, with mode 0600 for creds="
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked),
		errors.Is(err, nats.ErrAccountAuthExpired), errors.Is(err, nats.ErrPermissionViolation):
		return "the hub refuses the key", "name the key in creds= that sersync-hub has made for this host"
	case errors.Is(err, nats.ErrMaxAccountConnectionsExceeded):
		return "the hub has too many connections with this key", "see whether other hosts use the same key; dead connections are closed by themselves"
	case distrusted(err):
		return Distrusted, "name the hub's ca.pem in ca=, and the hub in url= by a name that it was started with (--name)"
	case errors.Is(err, nats.ErrSecureConnWanted), errors.Is(err, nats.ErrSecureConnRequired):
		return Unagreed, "name the hub's ca.pem in ca=, or remove ca= where the server has no TLS"
	case errors.As(err, &api) && (api.ErrorCode == noResources || api.ErrorCode == noStorage || api.ErrorCode == noMaxBytes),
		err != nil && strings.Contains(err.Error(), "no space left"):
		return NoRoom, "free space on the hub's disk, or lower size= of the stream"
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount),
		errors.Is(err, nats.ErrNoResponders): // nobody answers for JetStream
		return "the hub stores nothing at the moment", "look at the hub's log and at the space on its disk; the lane goes on by itself"
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, jetstream.ErrStreamNotFound),
		errors.Is(err, jetstream.ErrBucketNotFound):
		return "the stream is not there", "nothing has to be done if it was deleted or the hub has just started: sersync makes it again"
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrConnectionReconnecting),
		errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionDraining), errors.Is(err, jetstream.ErrAsyncPublishTimeout), errors.Is(err, nats.ErrStaleConnection),
		errors.Is(err, io.EOF): // it has closed the connection
		return "the hub does not answer", "start sersync-hub there, or correct url="
	}
	return "the hub has refused the request", "see what the hub says in the detail and in its log"
}

// distrusted tells whether the server's certificate was refused.
func distrusted(err error) bool {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &unknown) || errors.As(err, &name) || errors.As(err, &invalid)
}
