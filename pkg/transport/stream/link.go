package stream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/stream"
	"github.com/sersync/sersync/pkg/stream/dial"
)

const (
	// askTimeout bounds one question to the hub, ackTimeout the wait for it to store
	// one message.
	askTimeout = 5 * time.Second
	ackTimeout = 15 * time.Second
	// mostPending is how many messages may wait for their acknowledgement.
	mostPending = 16
	// claimAge is how long a claim is not checked again.
	claimAge = 10 * time.Second
)

// link is the connection to the hub, once there is one.
type link struct {
	opt   Options
	log   *zap.Logger
	edges *edges
	sent  *recent

	mu      sync.Mutex
	current *line // nil: there is none, or it has failed
	conn    *nats.Conn
	closed  bool
}

// line is a stream that was found ready to publish into, over a connection.
type line struct {
	opt   Options
	conn  *nats.Conn
	js    jetstream.JetStream
	epoch change.Epoch
	gen   generations
	edges *edges
	sent  *recent

	mu     sync.Mutex
	looked time.Time // at the claim
}

// line returns the line; if there is none it makes one.
func (k *link) line(ctx context.Context) (*line, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil, nats.ErrConnectionClosed
	}
	if k.current != nil {
		if err := k.current.stillOurs(ctx); err != nil {
			k.current = nil
			return nil, err
		}
		return k.current, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*askTimeout)
	defer cancel()
	if k.conn == nil {
		conn, err := dial.Connect(ctx, k.opt.Way)
		if err != nil {
			return nil, err
		}
		k.conn = conn
	}
	l, err := k.prepare(ctx)
	if err != nil {
		// A new connection is free of whatever may be wrong with the present one, such as a key
		// that was replaced.
		k.hangUp()
		return nil, err
	}
	k.current = l
	return l, nil
}

// failed gives up a line that has not accepted a message.
func (k *link) failed(l *line, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current == l && !errors.Is(err, context.Canceled) {
		k.current = nil
	}
}

func (k *link) hangUp() {
	if k.conn != nil {
		k.edges.stop()
		k.conn.Close()
		k.conn, k.current = nil, nil
	}
}

func (k *link) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	k.hangUp()
}

// prepare makes the stream and the buckets that are missing on the hub, and checks those that
// exist.
func (k *link) prepare(ctx context.Context) (*line, error) {
	js, err := jetstream.New(k.conn, jetstream.WithPublishAsyncMaxPending(mostPending), jetstream.WithPublishAsyncTimeout(ackTimeout),
		jetstream.WithDefaultTimeout(askTimeout))
	if err != nil {
		return nil, fmt.Errorf("use JetStream: %w", err)
	}
	l := &line{opt: k.opt, conn: k.conn, js: js, looked: time.Now(), edges: k.edges, sent: k.sent}
	claims, err := buckets(ctx, js, k.opt.Limits)
	if err != nil {
		return nil, err
	}
	c, err := claim(ctx, claims, k.opt)
	if err != nil {
		return nil, err
	}
	made, err := ensure(ctx, js, k.opt.Tree, k.opt.Limits)
	if err != nil {
		return nil, err
	}
	last, began, err := lastGeneration(ctx, js, k.opt.Tree, c.epoch())
	if err != nil {
		return nil, err
	}
	l.epoch, l.gen.last = c.epoch(), last
	k.sent.began(last)
	k.edges.progress.began(l.epoch, last)
	if made || !began {
		if err := k.begin(ctx, l, claims, c); err != nil {
			return nil, err
		}
	}
	k.edges.start(ctx, k.conn, k.log)
	return l, nil
}

// begin gives the stream a new epoch, because it is empty, or has messages of another life.
func (k *link) begin(ctx context.Context, l *line, claims jetstream.KeyValue, c claimed) error {
	var e change.Epoch
	_, _ = rand.Read(e[:]) // never fails
	if err := c.renew(ctx, claims, e); err != nil {
		return err
	}
	l.epoch = e
	k.log.Info("the stream begins anew, every edge compares its tree", zap.String("tree", k.opt.Tree), zap.String("epoch", stream.EpochText(e)))
	first := change.Message{Time: time.Now(), Entries: []change.Entry{{State: change.Tree}}}
	a, err := l.publish(ctx, stream.Subject(k.opt.Tree, ""), first)
	if err != nil {
		return err
	}
	return a.wait(ctx)
}

// publish sends one message, with the next generation.
func (l *line) publish(ctx context.Context, subject string, m change.Message) (ack, error) {
	l.gen.mu.Lock()
	defer l.gen.mu.Unlock()
	m.Epoch, m.Generation = l.epoch, max(l.gen.last+1, uint64(time.Now().UnixNano()))
	data, err := m.Encode()
	if err != nil {
		return ack{}, err
	}
	if err := ctx.Err(); err != nil {
		return ack{}, err
	}
	future, err := l.js.PublishAsync(subject, data, jetstream.WithExpectStream(stream.Name(l.opt.Tree)), jetstream.WithStallWait(ackTimeout))
	if err != nil {
		return ack{}, fmt.Errorf("publish to %s: %w", subject, err)
	}
	l.gen.last = m.Generation
	l.sent.published(m)
	l.edges.progress.published(l.epoch, m.Generation)
	return ack{future, subject}, nil
}

// ack is the acknowledgement of one message, for which end waits.
type ack struct {
	future  jetstream.PubAckFuture
	subject string
}

func (a ack) wait(ctx context.Context) error {
	select {
	case <-a.future.Ok():
		return nil
	case err := <-a.future.Err():
		return fmt.Errorf("publish to %s: %w", a.subject, err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answers tells whether the hub answers for the stream.
func (l *line) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if _, err := l.js.Stream(ctx, stream.Name(l.opt.Tree)); err != nil {
		return fmt.Errorf("ask for stream %s: %w", stream.Name(l.opt.Tree), err)
	}
	return nil
}

// stillOurs checks the claim from time to time.
func (l *line) stillOurs(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.looked) < claimAge {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	claims, err := l.js.KeyValue(ctx, stream.Claims)
	if err != nil {
		return fmt.Errorf("bucket %s: %w", stream.Claims, err)
	}
	c, err := readClaim(ctx, claims, l.opt.Tree)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound), err == nil && c.Epoch != stream.EpochText(l.epoch):
		return &ClaimedError{Tree: l.opt.Tree, By: c}
	case err != nil:
		return err
	}
	l.looked = time.Now()
	return nil
}

// lastGeneration is the generation of the last message of the stream. began tells
// whether that message is of the epoch.
func lastGeneration(ctx context.Context, js jetstream.JetStream, tree string, epoch change.Epoch) (last uint64, began bool, err error) {
	s, err := js.Stream(ctx, stream.Name(tree))
	if err != nil {
		return 0, false, fmt.Errorf("ask for stream %s: %w", stream.Name(tree), err)
	}
	state := s.CachedInfo().State
	if state.Msgs == 0 {
		// When all messages were removed because of their age, the sequence remains.
		return 0, state.LastSeq > 0, nil
	}
	raw, err := s.GetMsg(ctx, state.LastSeq)
	if err != nil {
		return 0, false, fmt.Errorf("read message %d of stream %s: %w", state.LastSeq, stream.Name(tree), err)
	}
	m, err := change.Decode(raw.Data)
	if err != nil {
		return 0, false, nil //nolint:nilerr // not of this program: the stream begins anew
	}
	return m.Generation, m.Epoch == epoch, nil
}
