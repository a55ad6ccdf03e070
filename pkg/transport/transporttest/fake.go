// Package transporttest stands in for a remote in tests.
package transporttest

import (
	"context"
	"sync"
	"time"

	"github.com/sersync/sersync/pkg/transport"
)

// Fake is a transport.Transport in memory: it starts no process, and nothing ever waits
// in it. Its fields are set before it is used.
type Fake struct {
	// Asks are the terms.
	Asks transport.Terms
	// Carry decides what becomes of a call; nil: everything arrives, at once and
	// whatever it is. It is called by several goroutines at a time.
	Carry func(ctx context.Context, c transport.Call) transport.Result
	// Begins decides whether a call can begin, or is the error of Do; nil: it can.
	Begins func() error
	// Answers decides what a probe finds; nil: the remote answers.
	Answers func() error

	// Named tells which release the remote has; nil: one without a name.
	Named func(context.Context) transport.Release

	mu    sync.Mutex
	calls []transport.Call
	has   map[string]bool // what has arrived by a call that Carry did not decide
	down  bool
}

var _ transport.Transport = (*Fake)(nil)

// Calls are the calls that were begun so far.
func (f *Fake) Calls() []transport.Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]transport.Call(nil), f.calls...)
}

// IsDown tells which of Down and Up was called last.
func (f *Fake) IsDown() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.down
}

// Terms implements transport.Transport.
func (f *Fake) Terms() transport.Terms {
	t := f.Asks
	t.Sends = max(t.Sends, 1)
	if t.Remote == "" {
		t.Remote = "fake"
	}
	if t.Matcher == nil {
		t.Matcher = func([]string) func(string, bool) bool { return func(string, bool) bool { return false } }
	}
	return t
}

// Do implements transport.Transport.
func (f *Fake) Do(ctx context.Context, c transport.Call) (transport.Trip, error) {
	err := ctx.Err()
	if err == nil && c.Start != nil {
		err = c.Start(ctx)
	}
	if err == nil && f.Begins != nil {
		err = f.Begins()
	}
	if err != nil {
		return transport.Trip{Ended: time.Now()}, err
	}
	f.mu.Lock()
	f.calls = append(f.calls, c)
	f.mu.Unlock()
	var r transport.Result
	switch {
	case f.Carry != nil:
		r = f.Carry(ctx, c)
	case c.Batch.Kind <= transport.Delete:
		f.arrive(c)
	}
	return transport.Trip{Result: r, Ended: time.Now()}, nil
}

// arrive takes in a call of which everything arrives.
func (f *Fake) arrive(c transport.Call) {
	deletes := c.Batch.Kind == transport.Delete
	for _, name := range c.Names {
		if !c.Batch.Verify {
			f.mu.Lock()
			if f.has == nil {
				f.has = map[string]bool{}
			}
			f.has[name] = !deletes
			f.mu.Unlock()
		}
		if c.Changed != nil {
			c.Changed(transport.Change{Path: name, Sent: !deletes, Deleted: deletes})
		}
	}
}

// Has tells whether a path is there.
func (f *Fake) Has(path string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.has[path]
}

// Probe implements transport.Transport.
func (f *Fake) Probe(ctx context.Context) error {
	if f.Answers != nil {
		return f.Answers()
	}
	return ctx.Err()
}

// Release implements transport.Transport.
func (f *Fake) Release(ctx context.Context) transport.Release {
	if f.Named != nil {
		return f.Named(ctx)
	}
	return transport.Release{ComparesSameSecond: true}
}

// KeepConnection implements transport.Transport.
func (f *Fake) KeepConnection(context.Context, time.Time) {}

// KeepStandby implements transport.Transport.
func (f *Fake) KeepStandby(context.Context, time.Time, transport.Batch, bool) {}

// Waits implements transport.Transport.
func (f *Fake) Waits() bool { return false }

// Due implements transport.Transport.
func (f *Fake) Due(bool) time.Time { return time.Time{} }

// Down implements transport.Transport.
func (f *Fake) Down(transport.Result) { f.set(true) }

// Up implements transport.Transport.
func (f *Fake) Up() { f.set(false) }

func (f *Fake) set(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

// Drop implements transport.Transport.
func (f *Fake) Drop() {}

// Leave implements transport.Transport.
func (f *Fake) Leave() {}

// Close implements transport.Transport.
func (f *Fake) Close() {}

// ByHand implements transport.Transport.
func (f *Fake) ByHand(_ transport.Batch, path string) []string { return []string{"carry", path} }

// Command implements transport.Transport.
func (f *Fake) Command(b transport.Batch) string { return "carry " + b.Kind.String() }
