package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/sersync/sersync/pkg/plugins"
)

// maxAnswer is how much a receiver may answer before it is taken for broken.
// Answers have no meaning; they are read so that closing the connection does
// not reset it (RFC 9293, 3.6.1: unread data turns close into a reset, and the
// receiver could lose what it has not read yet).
const maxAnswer = 1 << 20 // bytes

// single makes one connection per event.
type single struct {
	config config
}

// Name is "socket".
func (p *single) Name() string { return Name }

// Limits: one event per call, several calls at a time.
func (p *single) Limits() plugins.Limits {
	return plugins.Limits{Parallel: p.config.concurrency, Timeout: 2*p.config.timeout + 2*p.config.wait + time.Second}
}

// Deliver sends each event over a connection of its own.
func (p *single) Deliver(ctx context.Context, batch []plugins.Event) (int, error) {
	for i, ev := range batch {
		if err := p.send(ctx, p.config.frame(nil, ev)); err != nil {
			return i, err
		}
	}
	return len(batch), nil
}

// Close has nothing to release.
func (p *single) Close() error { return nil }

func (p *single) send(ctx context.Context, data []byte) error {
	conn, err := p.config.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := conn.SetWriteDeadline(time.Now().Add(p.config.timeout)); err != nil {
		return err
	}
	if _, err := conn.Write(data); err != nil {
		return err
	}
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		return fmt.Errorf("send to %s: connection cannot be closed one way", p.config.addr)
	}
	if err := half.CloseWrite(); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(p.config.wait)); err != nil {
		return err
	}
	return p.confirm(ctx, conn)
}

// confirm waits until the receiver closes its side. One that does not is
// believed once its kernel has every byte: 2.5.4 waited for nothing at all.
func (p *single) confirm(ctx context.Context, conn net.Conn) error {
	n, err := io.Copy(io.Discard, io.LimitReader(conn, maxAnswer))
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return acknowledged(ctx, conn, 0)
	case err != nil:
		return fmt.Errorf("receiver %s broke off before it had read everything: %w", p.config.addr, err)
	case n >= maxAnswer:
		return fmt.Errorf("receiver %s answers without end; it should read to the end and close", p.config.addr)
	}
	return acknowledged(ctx, conn, p.config.wait)
}
