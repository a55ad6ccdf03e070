package follow

import (
	"context"
	"errors"
	"time"

	"github.com/sersync/sersync/pkg/backoff"
)

// reader takes the messages of a stream from a sequence on. It goes on after every failure, and
// tells the loop when messages are missing.
type reader struct {
	source Source
	next   uint64 // the next sequence; 0: unknown
	out    chan<- event
}

// reconnect is how long the reader waits after a failure.
var reconnect = backoff.Exponential{Min: 500 * time.Millisecond, Max: 15 * time.Second}

func (r *reader) run(ctx context.Context) {
	for attempt := 1; ctx.Err() == nil; attempt++ {
		began := r.next
		err := r.once(ctx)
		if r.next != began {
			attempt = 1
		}
		if errors.Is(err, ErrLost) {
			r.next = 0
			continue
		}
		r.tell(ctx, event{err: err})
		pause(ctx, reconnect.Next(attempt))
	}
}

// once follows the stream until something fails.
func (r *reader) once(ctx context.Context) error {
	b, err := r.source.Bounds(ctx)
	if err != nil {
		return err
	}
	if !r.tell(ctx, event{bounds: &b}) {
		return ctx.Err()
	}
	anew := r.next == 0 || r.next < b.First || r.next > b.Last+1
	if anew {
		r.next = max(b.Last, b.First)
	}
	if anew && (b.Last == 0 || b.First > b.Last) {
		r.next, anew = b.Last+1, false
		if !r.tell(ctx, event{Delivery: Delivery{Sequence: b.Last}, restart: true, empty: true}) {
			return ctx.Err()
		}
	}
	return r.source.Follow(ctx, r.next, func(d Delivery) bool {
		if d.Sequence < r.next {
			return true
		}
		if !r.tell(ctx, event{Delivery: d, restart: anew}) {
			return false
		}
		r.next, anew = d.Sequence+1, false
		return true
	})
}

// tell hands an event to the loop; false: the context has ended.
func (r *reader) tell(ctx context.Context, e event) bool {
	select {
	case r.out <- e:
		return true
	case <-ctx.Done():
		return false
	}
}

// pause waits.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
