// Package slots bounds the runs at one time: of one watch root, and of the program.
// Slots are granted in the order asked for.
package slots

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// Slots bound the rsync runs at one time: of one localpath (-n) and of the
// whole program. They are granted in the order asked for, which is what keeps
// lanes from starving each other.
type Slots struct {
	path, total *semaphore.Weighted
}

// Total bounds the runs of the whole program.
type Total struct{ sem *semaphore.Weighted }

// NewTotal allows n runs at one time.
func NewTotal(n int) Total { return Total{semaphore.NewWeighted(int64(max(n, 1)))} }

// NewSlots allows n runs of one localpath at one time.
func NewSlots(n int, total Total) *Slots {
	return &Slots{path: semaphore.NewWeighted(int64(max(n, 1))), total: total.sem}
}

// Acquire waits for a slot; the error is that of ctx.
func (s *Slots) Acquire(ctx context.Context) error {
	if err := s.path.Acquire(ctx, 1); err != nil {
		return err
	}
	if err := s.total.Acquire(ctx, 1); err != nil {
		s.path.Release(1)
		return err
	}
	return nil
}

// TryAcquire takes a slot if one is free now.
func (s *Slots) TryAcquire() bool {
	if !s.path.TryAcquire(1) {
		return false
	}
	if !s.total.TryAcquire(1) {
		s.path.Release(1)
		return false
	}
	return true
}

// Release gives a slot back.
func (s *Slots) Release() {
	s.total.Release(1)
	s.path.Release(1)
}
