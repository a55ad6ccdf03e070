package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/webhook"
)

// recorder is a receiver that answers as does decides.
type recorder struct {
	mu     sync.Mutex
	does   func(ctx context.Context, m Message) error
	got    []string
	tried  int
	closed bool
}

func (r *recorder) Deliver(ctx context.Context, m Message) error {
	r.mu.Lock()
	r.tried++
	does := r.does
	r.mu.Unlock()
	if does != nil {
		if err := does(ctx, m); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, string(m.Status))
	return nil
}

func (r *recorder) Close() { r.closed = true }

func (r *recorder) has() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.got, " ")
}

// bench is a notifier with one lane, whose level the test sets.
type bench struct {
	*Notifier
	receiver *recorder
	level    status.Level
	mu       sync.Mutex
	saves    int
}

func newBench(rules Rules, does func(context.Context, Message) error) *bench {
	b := &bench{receiver: &recorder{does: does}}
	rules.Level, rules.Events = status.Failing, every()
	b.Notifier = New(Options{
		Name: "n", Rules: rules, Receiver: b.receiver,
		Snapshot: func() status.Snapshot {
			b.mu.Lock()
			defer b.mu.Unlock()
			return status.Snapshot{Ready: true, Now: time.Now(), Lanes: []status.Lane{lane(b.level, time.Now())}}
		},
		Save: func() { b.mu.Lock(); b.saves++; b.mu.Unlock() },
	})
	return b
}

func (b *bench) set(l status.Level) {
	b.mu.Lock()
	b.level = l
	b.mu.Unlock()
	time.Sleep(time.Minute) // on the fake clock
	synctest.Wait()
}

// start runs the notifier and returns the function that ends it.
func (b *bench) start(t *testing.T) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var runs sync.WaitGroup
	runs.Go(func() { _ = b.Run(ctx) })
	return func() {
		cancel()
		runs.Wait()
		if !b.receiver.closed {
			t.Error("the receiver is not closed")
		}
	}
}

func TestDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Rules{}, nil)
		stop := b.start(t)
		b.set(status.Failing)
		b.set(status.InSync)
		stop()
		if got := b.receiver.has(); got != "problem over" {
			t.Errorf("delivered %q", got)
		}
		if st := b.Stats(); st.Delivered != 2 || st.Pending != 0 || st.Failed != 0 || b.saves < 4 {
			t.Errorf("%+v, %d saves", st, b.saves)
		}
	})
}

// A receiver that is down for a night gets all messages afterwards, in their order and in time.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		b := newBench(Rules{Repeat: 30 * time.Minute}, nil)
		b.receiver.does = func(context.Context, Message) error {
			if down.Load() {
				return errors.New("no route")
			}
			return nil
		}
		stop := b.start(t)
		b.set(status.Failing)
		time.Sleep(8 * time.Hour)
		b.set(status.InSync)
		if st := b.Stats(); st.Pending != 2 || st.LastError != "no route" || st.Dropped != 0 {
			t.Errorf("%+v", st)
		}
		b.receiver.mu.Lock()
		tried := b.receiver.tried
		b.receiver.mu.Unlock()
		if tried > 8*60 {
			t.Errorf("%d attempts in eight hours", tried)
		}
		down.Store(false)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		stop()
		if got := b.receiver.has(); got != "problem over" {
			t.Errorf("delivered %q", got)
		}
	})
}

// A receiver that hangs delays neither the looks at the lanes nor the end of the program.
func TestHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Rules{}, func(ctx context.Context, _ Message) error { <-ctx.Done(); return ctx.Err() })
		stop := b.start(t)
		b.set(status.Failing)
		b.set(status.InSync)
		if st := b.Stats(); st.Pending != 2 || st.InFlight != 1 {
			t.Errorf("%+v", st)
		}
		stop()
		state, err := b.State()
		if err != nil {
			t.Fatal(err)
		}
		// The next process delivers the messages that this one could not deliver.
		next := newBench(Rules{}, nil)
		if err := next.Recall(state); err != nil {
			t.Fatal(err)
		}
		stop = next.start(t)
		synctest.Wait()
		stop()
		if got := next.receiver.has(); got != "problem over" {
			t.Errorf("after the restart %q", got)
		}
	})
}

// A message that is always rejected does not hold up the messages behind it, and is given up only
// when the receiver accepts others.
func TestRejection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all atomic.Bool
		all.Store(true)
		b := newBench(Rules{}, nil)
		b.receiver.does = func(_ context.Context, m Message) error {
			if all.Load() || m.Status == Problem {
				return webhook.Rejected(errors.New("too long"))
			}
			return nil
		}
		stop := b.start(t)
		b.set(status.Failing)
		b.set(status.InSync)
		time.Sleep(8 * time.Hour)
		if st := b.Stats(); st.Dropped != 0 || st.Pending != 2 {
			t.Errorf("a receiver that rejects everything: %+v", st)
		}
		all.Store(false)
		time.Sleep(time.Hour)
		synctest.Wait()
		stop()
		if st := b.Stats(); st.Dropped != 1 || st.Pending != 0 || b.receiver.has() != "over" {
			t.Errorf("%+v, delivered %q", st, b.receiver.has())
		}
	})
}

func TestPermanentError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Rules{}, func(_ context.Context, m Message) error {
			if m.Status == Problem {
				return plugins.Permanent(errors.New("no JSON"))
			}
			return nil
		})
		stop := b.start(t)
		b.set(status.Failing)
		b.set(status.InSync)
		stop()
		if st := b.Stats(); st.Dropped != 1 || b.receiver.has() != "over" {
			t.Errorf("%+v, delivered %q", st, b.receiver.has())
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	var q queue
	for i := range 10 * maxQueue {
		q.add(Message{ID: fmt.Sprint(i), Status: Problem, subject: fmt.Sprint(i % 3)}, 1)
	}
	if len(q.entries) > maxQueue+3 {
		t.Errorf("%d messages", len(q.entries))
	}
	if q.entries[0].Message.ID != "0" {
		t.Errorf("the one in flight is gone: %+v", q.entries[0])
	}
	total := 0
	for _, e := range q.entries {
		total += 1 + e.Message.Skipped
	}
	if total != 10*maxQueue {
		t.Errorf("%d messages accounted for", total)
	}
	if last := q.entries[len(q.entries)-1].Message; last.ID != fmt.Sprint(10*maxQueue-1) {
		t.Errorf("the last is %+v", last)
	}
}
