package hubclient

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sersync/sersync/pkg/edge/edgexml"
	"github.com/sersync/sersync/pkg/edge/trouble"
	"github.com/sersync/sersync/pkg/stream"
	"github.com/sersync/sersync/pkg/stream/dial"
)

// Client is one connection. It is safe for concurrent use.
type Client struct {
	conn *nats.Conn
	edge string

	mu  sync.Mutex
	cut chan struct{} // closed, and replaced by another one, when the connection is lost
	why error         // of the last loss
}

// patience is how long one answer of the server may take.
const patience = 10 * time.Second

// Connect begins to connect, and goes on trying for as long as the client is open. It is no error
// if the hub is down, but it is one if a file cannot be used.
func Connect(ctx context.Context, conf edgexml.Stream, edge string) (*Client, error) {
	return connect(ctx, conf, edge, nats.RetryOnFailedConnect(true))
}

// Try connects once, for a check of the configuration.
func Try(ctx context.Context, conf edgexml.Stream, edge string) (*Client, error) {
	return connect(ctx, conf, edge, nats.NoReconnect())
}

func connect(ctx context.Context, conf edgexml.Stream, edge string, more nats.Option) (*Client, error) {
	c := &Client{edge: edge, cut: make(chan struct{}), why: nats.ErrConnectionClosed}
	conn, err := dial.Connect(ctx, dial.Way{
		URL: conf.URL, Creds: conf.Creds, CA: conf.CA, Client: "sersync-edge " + edge, Inbox: stream.Inbox(edge),
	}, more,
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { c.lost(err) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				c.lost(err)
			}
		}))
	if err != nil {
		return nil, trouble.Wrap(explained(err), fmt.Sprintf("connect to the hub, line %d of the configuration", conf.Line))
	}
	c.conn = conn
	return c, nil
}

// lost ends the subscriptions of the lost connection.
func (c *Client) lost(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		err = nats.ErrConnectionClosed
	}
	c.why = err
	close(c.cut)
	c.cut = make(chan struct{})
}

func (c *Client) connection() (cut <-chan struct{}, why func() error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		return explained(c.why)
	}
}

// Close ends the connection.
func (c *Client) Close() { c.conn.Close() }

// Publish sends a report or an announcement. It returns no error when the message does not arrive,
// for the next one will.
func (c *Client) Publish(subject string, data []byte) error {
	if !c.conn.IsConnected() {
		return nats.ErrDisconnected
	}
	return c.conn.Publish(subject, data)
}

// request asks the server for one answer.
func (c *Client) request(ctx context.Context, subject string, data []byte) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if !c.conn.IsConnected() {
		return nil, explained(c.reason())
	}
	m, err := c.conn.RequestWithContext(ctx, subject, data)
	if err != nil {
		return nil, explained(err)
	}
	return m, nil
}

// flush returns when the server has processed everything that was sent.
func (c *Client) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.conn.FlushWithContext(ctx)
}

// reason is why there is no connection.
func (c *Client) reason() error {
	if err := c.conn.LastError(); err != nil {
		return err
	}
	return nats.ErrNoServers
}

// explained adds cause and remedy to an error of the connection.
func explained(err error) error {
	reason, remedy := dial.Explain(err)
	return trouble.From(err, reason, remedy)
}
