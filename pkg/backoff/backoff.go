// Package backoff says how long to wait before what has failed is tried again.
package backoff

import (
	"math/rand/v2"
	"time"
)

// Exponential is a wait that doubles with every failure in a row, with full jitter,
// never above Max and never below Min/2. The zero value never waits.
type Exponential struct {
	Min time.Duration // the typical wait after the first failure
	Max time.Duration // no wait is longer; at least Min
}

// Next returns the wait after the attempt-th failure in a row, counted from 1.
func (e Exponential) Next(attempt int) time.Duration {
	return e.next(attempt, rand.Float64()) //nolint:gosec // no secret
}

// next is Next with a number in [0, 1). Jitter comes before the cap, so the longest wait is Max and
// not Max plus jitter. The exponent stops at twice Max, so that half of the waits stay below Max
// and clients that have failed for days do not all try at the same moment.
func (e Exponential) next(attempt int, random float64) time.Duration {
	ceiling := max(e.Max, e.Min)
	spread := 2 * e.Min // full jitter around Min: the mean of the first wait is Min
	for i := 1; i < attempt && spread < 2*ceiling; i++ {
		spread *= 2
	}
	wait := time.Duration(random * float64(min(spread, 2*ceiling)))
	return min(max(wait, e.Min/2), ceiling)
}
