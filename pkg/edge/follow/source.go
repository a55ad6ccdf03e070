package follow

import (
	"context"
	"errors"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/edge/backlog"
	"github.com/sersync/sersync/pkg/edge/fetch"
)

// Bounds are the sequences that a stream holds.
type Bounds struct {
	First uint64 // the oldest; Last+1 when it holds none
	Last  uint64 // the newest that it has ever held; 0: none
}

// Delivery is one message of a stream.
type Delivery struct {
	Sequence uint64
	Message  change.Message
	// Err says that the message is refused: it is damaged, forged or of a later form.
	Err error
}

// ErrLost says that the stream no longer holds the sequence that was asked for.
var ErrLost = errors.New("the stream no longer holds the next message")

// Source is the stream of one tree.
type Source interface {
	// Bounds asks what the stream holds.
	Bounds(ctx context.Context) (Bounds, error)
	// Follow hands over every message from a sequence on, in order and with none left out, until
	// take returns false or the context ends. Any other end is an error, after which Follow may be
	// called again; ErrLost means that a message is missing for good.
	Follow(ctx context.Context, from uint64, take func(Delivery) bool) error
}

// Fetcher fetches what does not travel in messages: a fetch.Puller.
type Fetcher interface {
	Pull(ctx context.Context, items []*backlog.Item) fetch.Result
	Extras(ctx context.Context, dir string, needs uint64) ([]string, error)
}

// event is what the reader tells the loop.
type event struct {
	Delivery
	// restart says that everything is to be compared, because what came before the message, or
	// before the sequence if there is no message, is not known.
	restart bool
	empty   bool // there is no message
	// bounds are set in the first event after each connection of the reader.
	bounds *Bounds
	err    error
}
