package notify

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/backoff"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/webhook"
)

const (
	// firstDelay and maxDelay bound the pauses between attempts.
	firstDelay = time.Second
	maxDelay   = 2 * time.Minute

	// lookMost and lookLeast bound how often the state is looked at.
	lookMost  = 5 * time.Second
	lookLeast = 500 * time.Millisecond
	// looks is how many times the state is looked at while a level has to stay.
	looks = 10
)

// Receiver brings messages to one place.
type Receiver interface {
	// Deliver delivers one message; it returns soon after ctx ends. After an error for which
	// plugins.IsPermanent is true the message is given up. A *webhook.RejectedError is about the
	// message, any other is an outage of the receiver. Errors hold no secrets. It is called by one
	// goroutine at a time.
	Deliver(ctx context.Context, m Message) error
	// Close is called once, after the last Deliver.
	Close()
}

// Options describe a Notifier.
type Options struct {
	Name     string // for the log and the status
	Rules    Rules
	Receiver Receiver // owned by the Notifier
	// Snapshot is the state of the program.
	Snapshot func() status.Snapshot
	// Save asks for State to be written down soon. It must not block.
	Save func()
	Log  *zap.Logger
}

// Notifier looks at the state and tells its receiver. Its methods are safe for
// concurrent use.
type Notifier struct {
	opt  Options
	wake chan struct{} // capacity 1; sent to when the queue has got a message

	mu     sync.Mutex
	judge  *Judge
	queue  queue
	flying int // messages at the front that a call of Deliver may see
	stats  plugins.Stats
}

// New is a notifier that has told nothing yet.
func New(opt Options) *Notifier {
	if opt.Log == nil {
		opt.Log = zap.NewNop()
	}
	opt.Log = opt.Log.With(zap.String("notify", opt.Name))
	return &Notifier{opt: opt, wake: make(chan struct{}, 1), judge: NewJudge(opt.Rules)}
}

// Recall takes over what State of an earlier notifier has returned. Call it before Run.
// After an error the notifier begins with nothing.
func (n *Notifier) Recall(state []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	judge, q := NewJudge(n.opt.Rules), queue{}
	if err := decode(state, judge, &q); err != nil {
		return err
	}
	n.judge, n.queue = judge, q
	return nil
}

// State is what a later notifier needs: what was told, and what is not delivered yet.
func (n *Notifier) State() ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return encode(n.judge, &n.queue)
}

// Run looks and delivers until ctx ends, then closes the receiver. What is not delivered
// stays in State.
func (n *Notifier) Run(ctx context.Context) error {
	defer n.opt.Receiver.Close()
	var looking sync.WaitGroup
	defer looking.Wait()
	looking.Go(func() { n.look(ctx) })
	n.deliver(ctx)
	return nil
}

func (n *Notifier) look(ctx context.Context) {
	tick := time.NewTicker(min(max(n.opt.Rules.After/looks, lookLeast), lookMost))
	defer tick.Stop()
	for {
		n.once(n.opt.Snapshot())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// once judges one snapshot.
func (n *Notifier) once(s status.Snapshot) {
	n.mu.Lock()
	messages := n.judge.Look(s)
	for _, m := range messages {
		n.queue.add(m, n.flying)
	}
	n.mu.Unlock()
	if len(messages) == 0 {
		return
	}
	n.opt.Save()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// deliver hands the messages over, one after the other.
func (n *Notifier) deliver(ctx context.Context) {
	for failures := 0; ; {
		i, m, ok := n.head(ctx)
		if !ok {
			return
		}
		err := n.opt.Receiver.Deliver(ctx, m)
		if ctx.Err() != nil && err != nil {
			return
		}
		if n.settle(i, m, err) {
			failures = 0
			continue
		}
		failures++
		delay := max(backoff.Exponential{Min: firstDelay, Max: maxDelay}.Next(failures), plugins.RetryDelay(err))
		n.opt.Log.Warn("notification not delivered, will try again", zap.String("id", m.ID), zap.String("text", m.Text),
			zap.Duration("delay", delay), zap.NamedError("err", err))
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return
		}
	}
}

// head waits for a message; false once ctx has ended.
func (n *Notifier) head(ctx context.Context) (int, Message, bool) {
	for {
		n.mu.Lock()
		if i := n.queue.next(); i >= 0 {
			defer n.mu.Unlock()
			n.flying = i + 1
			return i, n.queue.entries[i].Message, true
		}
		n.mu.Unlock()
		select {
		case <-n.wake:
		case <-ctx.Done():
			return 0, Message{}, false
		}
	}
}

// settle records the outcome of an attempt, and tells whether the message is done with.
func (n *Notifier) settle(i int, m Message, err error) (done bool) {
	var rejected *webhook.RejectedError
	now := time.Now()
	n.mu.Lock()
	n.flying = 0
	var givenUp *Message
	switch {
	case err == nil:
		givenUp = n.queue.delivered(i)
		n.stats.Delivered++
		n.stats.LastSuccess = now
	case plugins.IsPermanent(err) && i == 0:
		n.queue.delivered(0)
		givenUp = &m
	default:
		n.queue.failed(errors.As(err, &rejected), i)
	}
	if err != nil {
		n.stats.Failed++
		n.stats.LastError, n.stats.LastErrorAt = err.Error(), now
	}
	if givenUp != nil {
		n.stats.Dropped++
	}
	last := n.stats.LastError
	n.mu.Unlock()
	if givenUp != nil {
		n.opt.Log.Error("notification given up, the receiver does not accept it", zap.String("id", givenUp.ID), zap.String("text", givenUp.Text), zap.String("err", last))
	}
	done = err == nil || givenUp != nil
	if done || rejected != nil {
		n.opt.Save()
	}
	return done
}

// Stats are the figures for the status, as those of a plugin.
func (n *Notifier) Stats() plugins.Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.stats
	s.Name, s.Pending, s.InFlight = n.opt.Name, len(n.queue.entries), n.flying
	if oldest := n.queue.oldest(); !oldest.IsZero() {
		s.Oldest = max(time.Since(oldest), 0)
	}
	return s
}
