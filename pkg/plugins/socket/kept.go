package socket

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/sersync/sersync/pkg/plugins"
)

const (
	ackLine = "ok\n"
	// closing is how long Close waits for the receiver to read the rest.
	closing = 200 * time.Millisecond
)

// kept sends many paths over one connection. Only one goroutine calls Deliver
// (Limits), which owns the fields.
type kept struct {
	config config
	conn   net.Conn // nil: not connected
	reader *bufio.Reader
	buf    []byte
}

// Name is "socket".
func (p *kept) Name() string { return Name }

// Limits: one call at a time, with many events, as one connection has one
// order.
func (p *kept) Limits() plugins.Limits {
	return plugins.Limits{Batch: keptBatch, Timeout: 3*p.config.timeout + time.Second}
}

// Deliver writes the batch. Without ack, the receiver has it when its kernel
// has acknowledged every byte; with ack, when the receiver has said so.
func (p *kept) Deliver(ctx context.Context, batch []plugins.Event) (int, error) {
	if p.conn != nil && ended(p.conn) {
		p.disconnect()
	}
	if p.conn == nil {
		conn, err := p.config.dial(ctx)
		if err != nil {
			return 0, err
		}
		p.conn, p.reader = conn, bufio.NewReaderSize(conn, 512)
	}
	conn := p.conn
	if err := conn.SetDeadline(time.Now().Add(p.config.timeout)); err != nil {
		p.disconnect()
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	n, err := p.exchange(ctx, batch)
	if err != nil {
		// What has been sent may arrive half: only a new connection is at a
		// known place in the stream.
		p.disconnect()
	}
	return n, err
}

func (p *kept) exchange(ctx context.Context, batch []plugins.Event) (int, error) {
	p.buf = p.buf[:0]
	for _, ev := range batch {
		p.buf = p.config.frame(p.buf, ev)
	}
	if _, err := p.conn.Write(p.buf); err != nil {
		return 0, err
	}
	if !p.config.ack {
		if err := acknowledged(ctx, p.conn, p.config.timeout); err != nil {
			return 0, err
		}
		return len(batch), nil
	}
	for i := range batch {
		line, err := p.reader.ReadSlice('\n')
		if err != nil {
			return i, fmt.Errorf("acknowledgement from %s: %w", p.config.addr, err)
		}
		if string(line) != ackLine {
			return i, fmt.Errorf("acknowledgement from %s: %.40q instead of %q", p.config.addr, line, ackLine)
		}
	}
	return len(batch), nil
}

func (p *kept) disconnect() {
	_ = p.conn.Close()
	p.conn, p.reader = nil, nil
}

// Close ends the connection in a way that lets the receiver read the rest.
func (p *kept) Close() error {
	if p.conn == nil {
		return nil
	}
	defer p.disconnect()
	if half, ok := p.conn.(interface{ CloseWrite() error }); ok {
		if err := half.CloseWrite(); err != nil {
			return nil // the receiver is gone: nothing left to do
		}
	}
	if err := p.conn.SetDeadline(time.Now().Add(closing)); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, io.LimitReader(p.conn, maxAnswer))
	var timeout net.Error
	if err != nil && !errors.As(err, &timeout) {
		return err
	}
	return nil
}
