package slots

import (
	"context"
	"sync"
)

// Turnstile gives slots to one lane until the lane is told to stop. Its methods may be called from
// any goroutine.
type Turnstile struct {
	slots *Slots
	once  sync.Once
	over  chan struct{} // closed by Stop
}

// NewTurnstile is the turnstile of a lane that takes part in the slots of its watch
// root.
func NewTurnstile(s *Slots) *Turnstile { return &Turnstile{slots: s, over: make(chan struct{})} }

// Stop ends every wait for a slot; runs that have one may go on for a while.
func (t *Turnstile) Stop() { t.once.Do(func() { close(t.over) }) }

// Stopped is closed by Stop.
func (t *Turnstile) Stopped() <-chan struct{} { return t.over }

// Bound is a context that ends with ctx and with Stop. end releases it.
func (t *Turnstile) Bound(ctx context.Context) (bound context.Context, end func()) {
	bound, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-t.over:
			cancel()
		case <-bound.Done():
		}
	})
	return bound, func() { cancel(); watch.Wait() }
}

// Wait waits for a slot, until ctx ends or the lane is told to stop.
func (t *Turnstile) Wait(ctx context.Context) error {
	ctx, end := t.Bound(ctx)
	defer end()
	return t.slots.Acquire(ctx)
}

// Release gives a slot back that Wait has given.
func (t *Turnstile) Release() { t.slots.Release() }

// Lease is the slot of one flight that holds none yet.
func (t *Turnstile) Lease() *Lease { return &Lease{from: t} }

// Held is the slot of one flight that Wait has given.
func (t *Turnstile) Held() *Lease { return &Lease{from: t, held: true} }

// Try is the slot of one flight, if one is free now; nil: none is.
func (t *Turnstile) Try() *Lease {
	if !t.slots.TryAcquire() {
		return nil
	}
	return t.Held()
}

// Lease is the slot of one flight. A flight that the standby carries needs no slot: its process
// runs already, and one change should reach fifty remotes at once, not one group after the other.
// The flight takes a slot if it has to start a process after all. It belongs to the flight's
// goroutine.
type Lease struct {
	from *Turnstile
	held bool
}

// Take waits for a slot, if the flight holds none. A nil Lease needs none.
func (s *Lease) Take(ctx context.Context) error {
	if s == nil || s.held {
		return nil
	}
	if err := s.from.Wait(ctx); err != nil {
		return err
	}
	s.held = true
	return nil
}

// Release gives the slot back, if one is held.
func (s *Lease) Release() {
	if s.held {
		s.from.Release()
		s.held = false
	}
}
