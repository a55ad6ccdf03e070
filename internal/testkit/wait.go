package testkit

import (
	"testing"
	"time"
)

// pollInterval is how long Eventually waits between two looks, at least.
const pollInterval = 10 * time.Millisecond

// A look may start a program or compare two trees. On a small machine such looks would slow down
// the program that is looked at, so they take at most a part of the time.
const (
	lookShare   = 4
	mostBetween = 500 * time.Millisecond
)

// busyFactor is by how much a busy machine may be slower than the quiet one for
// which a test states its limits. Only a test that fails waits so long.
const busyFactor = 4

// Poll looks at cond until it holds, and reports whether it held. It gives up
// when a busy machine has had as much work done as a quiet one within the limit.
// It looks at least once, and once more at the end. Where cond must not come to
// hold, use Within, which does not wait longer than it is told.
func Poll(limit time.Duration, cond func() bool) bool { return Within(busyFactor*limit, cond) }

// Within reports whether cond comes to hold within the time.
func Within(d time.Duration, cond func() bool) bool {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	for {
		begin := time.Now()
		if cond() {
			return true
		}
		next := time.NewTimer(min(max(pollInterval, lookShare*time.Since(begin)), mostBetween))
		select {
		case <-next.C:
		case <-deadline.C:
			next.Stop()
			return cond()
		}
	}
}

// Pass lets time pass that is part of the situation, such as an age that a file
// must have. It is no way to wait for something to happen.
func Pass(d time.Duration) { <-time.After(d) }

// Eventually fails the test unless cond holds within the limit of Poll. What the
// test waits for is named in the failure.
func Eventually(t testing.TB, timeout time.Duration, what string, cond func() bool) {
	t.Helper()
	if !Poll(timeout, cond) {
		t.Fatalf("after %v still not: %s", timeout, what)
	}
}

// Settled waits until the value of look has not changed for quiet, and reports
// whether that happened before the timeout. It is how a test finds that a
// program has nothing more to do, where no condition can name the end.
func Settled(quiet, timeout time.Duration, look func() string) bool {
	last, since := look(), time.Now()
	return Poll(timeout, func() bool {
		if now := look(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) >= quiet
	})
}

// WaitEqual fails the test, with the differences, unless source and target
// become equal within the timeout.
func WaitEqual(t testing.TB, src, dst string, c Compare, timeout time.Duration) {
	t.Helper()
	var diff []Difference
	equal := func() bool {
		diff = Equal(src, dst, c)
		return len(diff) == 0
	}
	if Poll(timeout, equal) {
		return
	}
	t.Errorf("%s and %s differ after %v in %d places", src, dst, timeout, len(diff))
	for i, d := range diff {
		if i == 20 {
			t.Errorf("... and %d more", len(diff)-i)
			break
		}
		t.Error(d)
	}
	t.FailNow()
}
