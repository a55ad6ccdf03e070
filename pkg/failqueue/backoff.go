package failqueue

import (
	"math/rand/v2"
	"time"
)

// Bounds of the presets. A lane and a path are tried again at the latest after
// 8 s, so that a remote that answers again has everything within 10 s.
const (
	laneMin = 500 * time.Millisecond
	laneMax = 8 * time.Second
	pathMin = time.Second
	pathMax = 8 * time.Second

	// pathMaxMany bounds the cost of what will not pass whatever is done: very
	// many paths (a read-only directory, a quota), or names that are too long.
	pathMaxMany = 60 * time.Second
	manyPaths   = 1000
)

// Backoff is how long to wait between attempts: exponential, with full jitter,
// never above Max and never below Min/2. The zero value never waits.
type Backoff struct {
	Min time.Duration // the typical wait after the first failure
	Max time.Duration // no wait is longer; at least Min
}

// LaneBackoff is the backoff of a lane whose remote is in trouble.
func LaneBackoff() Backoff { return Backoff{Min: laneMin, Max: laneMax} }

// PathBackoff is the backoff of a path that fails on its own, while failing
// paths of its lane fail altogether.
func PathBackoff(failing int) Backoff {
	if failing > manyPaths {
		return Backoff{Min: pathMin, Max: pathMaxMany}
	}
	return Backoff{Min: pathMin, Max: pathMax}
}

// LastingBackoff is the backoff of a path whose failure only a change of its
// name heals, which has events of its own, and of a tree that fails as a whole.
func LastingBackoff() Backoff { return Backoff{Min: pathMin, Max: pathMaxMany} }

// Next returns the wait after the attempt-th failure in a row, counted from 1.
// rnd yields numbers in [0, 1); nil means math/rand/v2. Jitter comes before the
// cap, so the longest wait is Max and not Max plus jitter, and the exponent
// stops at twice Max, so that lanes which fail for days do not fall into step.
func (b Backoff) Next(attempt int, rnd func() float64) time.Duration {
	if b.Min <= 0 {
		return 0
	}
	if rnd == nil {
		rnd = rand.Float64
	}
	ceiling := max(b.Max, b.Min)
	spread := 2 * b.Min // full jitter around Min: the mean of the first wait is Min
	for i := 1; i < attempt && spread < 2*ceiling; i++ {
		spread *= 2
	}
	spread = min(spread, 2*ceiling)
	wait := time.Duration(rnd() * float64(spread))
	return min(max(wait, b.Min/2), ceiling)
}
