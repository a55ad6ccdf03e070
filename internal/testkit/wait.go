package testkit

import (
	"testing"
	"time"
)

// pollInterval is the shortest time that Eventually waits between two looks.
const pollInterval = 10 * time.Millisecond

// A look may start a program or compare two trees. On a small machine such looks would slow down
// the program under test, so looks may take only a part of the time.
const (
	lookShare   = 4
	mostBetween = 500 * time.Millisecond
)

// busyFactor is how much slower a busy machine may be than the quiet one for which a test states
// its limits. Only a test that fails waits so long.
const busyFactor = 4

// Poll calls cond until it is true, and reports whether it was. It gives up when a busy machine has
// had as much work done as a quiet one within the limit. It calls cond at least once, and once more
// at the end. Where cond must not become true, use Within, which waits no longer than it is told.
func Poll(limit time.Duration, cond func() bool) bool { return Within(busyFactor*limit, cond) }

// Within reports whether cond becomes true within the time.
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

// Pass lets time pass where time is part of the situation, such as the age that a file must have.
// Do not use it to wait until something has happened.
func Pass(d time.Duration) { <-time.After(d) }

// Eventually fails the test unless cond becomes true within the limit of Poll. The failure names
// what the test was waiting for.
func Eventually(t testing.TB, timeout time.Duration, what string, cond func() bool) {
	t.Helper()
	if !Poll(timeout, cond) {
		t.Fatalf("after %v still not: %s", timeout, what)
	}
}

// Settled waits until the value of look has not changed for quiet, and reports whether that
// happened before the timeout. A test uses it to find out that a program has nothing more to do,
// where no condition tells that.
func Settled(quiet, timeout time.Duration, look func() string) bool {
	last, since := look(), time.Now()
	return Poll(timeout, func() bool {
		if now := look(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) >= quiet
	})
}

// WaitEqual fails the test, and lists the differences, unless source and target become equal within
// the timeout.
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
