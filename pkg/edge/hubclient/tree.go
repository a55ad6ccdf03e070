package hubclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/edge/follow"
	"github.com/sersync/sersync/pkg/edge/trouble"
	"github.com/sersync/sersync/pkg/stream"
)

const (
	// ahead is how many live messages wait for an edge that is busy. What does not
	// fit is read from the stream later.
	ahead = 64
	// page is how much one request reads from the stream.
	page      = 256
	pageBytes = 4 << 20
	// answerPatience is how long the server may take between two messages of an answer.
	answerPatience = 10 * time.Second
	// quiet: when no message has come for this long, the stream is asked whether something was
	// missed.
	quiet = time.Minute
)

// Tree is the stream of one tree. It implements follow.Source.
type Tree struct {
	client *Client
	name   string
}

// Tree returns the stream of the tree of that name.
func (c *Client) Tree(name string) *Tree { return &Tree{client: c, name: name} }

// Bounds implements follow.Source.
func (t *Tree) Bounds(ctx context.Context) (follow.Bounds, error) {
	m, err := t.client.request(ctx, stream.InfoSubject(t.name), nil)
	if err != nil {
		return follow.Bounds{}, fmt.Errorf("ask for the tree %s: %w", t.name, err)
	}
	var info struct {
		Error *struct {
			Code        int    `json:"code"`
			Description string `json:"description"`
		} `json:"error"`
		State struct {
			First uint64 `json:"first_seq"`
			Last  uint64 `json:"last_seq"`
		} `json:"state"`
	}
	if err := json.Unmarshal(m.Data, &info); err != nil {
		return follow.Bounds{}, fmt.Errorf("the hub's answer about the tree %s: %w", t.name, err)
	}
	if info.Error != nil {
		return follow.Bounds{}, trouble.From(
			fmt.Errorf("%s (%d)", info.Error.Description, info.Error.Code),
			fmt.Sprintf("the hub has no stream for the tree %s", t.name), "start the source that publishes it, or correct <tree name>",
		)
	}
	return follow.Bounds{First: max(info.State.First, 1), Last: info.State.Last}, nil
}

// Follow implements follow.Source.
func (t *Tree) Follow(ctx context.Context, from uint64, take func(follow.Delivery) bool) error {
	cut, why := t.client.connection()
	live := make(chan *nats.Msg, ahead)
	sub, err := t.client.conn.ChanSubscribe(stream.Live(t.name), live)
	if err != nil {
		return fmt.Errorf("subscribe to the tree %s: %w", t.name, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	// After this the server knows the subscription, so that nothing is missed between it and the
	// messages that are read from the stream.
	if err := t.client.flush(ctx); err != nil {
		return fmt.Errorf("subscribe to the tree %s: %w", t.name, err)
	}
	next, err := t.read(ctx, from, take)
	// The first time is random, so that edges which were started together do not ask at the same
	// time.
	idle := time.NewTimer(rand.N(quiet)) //nolint:gosec // nobody gains by guessing it
	defer idle.Stop()
	for err == nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-cut:
			return why()
		case <-idle.C:
			next, err = t.read(ctx, next, take)
		case m := <-live:
			d := delivery(m)
			switch {
			case d.Sequence < next:
			case d.Sequence > next:
				next, err = t.read(ctx, next, take)
			default:
				if !take(d) {
					return nil
				}
				next++
			}
		}
		idle.Reset(quiet)
	}
	if errors.Is(err, errStopped) {
		return nil
	}
	return err
}

// errStopped says that take has returned false.
var errStopped = errors.New("no more is wanted")

// read hands over what the stream holds from a sequence on, and returns the one after
// it.
func (t *Tree) read(ctx context.Context, next uint64, take func(follow.Delivery) bool) (uint64, error) {
	inbox := t.client.conn.NewInbox()
	answers := make(chan *nats.Msg, page+1)
	sub, err := t.client.conn.ChanSubscribe(inbox, answers)
	if err != nil {
		return next, fmt.Errorf("read the tree %s: %w", t.name, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	for {
		request, err := json.Marshal(stream.Get{Sequence: next, Batch: page, MaxBytes: pageBytes})
		if err != nil {
			return next, err
		}
		if err := t.client.conn.PublishRequest(stream.GetSubject(t.name), inbox, request); err != nil {
			return next, fmt.Errorf("read the tree %s: %w", t.name, err)
		}
		before := next
		next, err = t.page(ctx, answers, next, take)
		if err != nil || next == before {
			return next, err
		}
	}
}

// page takes the answer to one request.
func (t *Tree) page(ctx context.Context, answers <-chan *nats.Msg, next uint64, take func(follow.Delivery) bool) (uint64, error) {
	patience := time.NewTimer(answerPatience)
	defer patience.Stop()
	for {
		select {
		case <-ctx.Done():
			return next, ctx.Err()
		case <-patience.C:
			return next, trouble.New("the hub does not answer", "see its log")
		case m := <-answers:
			switch status := m.Header.Get(stream.HeaderStatus); status {
			case "":
			case stream.EndOfBatch, stream.NotFound:
				return next, nil
			default:
				return next, trouble.From(
					fmt.Errorf("read the tree %s: the hub says %s %s", t.name, status, m.Header.Get("Description")), "the hub has refused the request", "see its log",
				)
			}
			d := delivery(m)
			if d.Sequence > next {
				return next, follow.ErrLost
			}
			if d.Sequence == next {
				if !take(d) {
					return next, errStopped
				}
				next++
			}
			patience.Reset(answerPatience)
		}
	}
}

// delivery reads a message of the stream.
func delivery(m *nats.Msg) follow.Delivery {
	sequence, err := strconv.ParseUint(m.Header.Get(stream.HeaderSequence), 10, 64)
	if err != nil {
		return follow.Delivery{} // not from a stream: it has no sequence
	}
	d := follow.Delivery{Sequence: sequence}
	d.Message, d.Err = change.Decode(m.Data)
	return d
}
