package testkit

import (
	"testing"
	"time"
)

// pollInterval is how often Eventually looks.
const pollInterval = 10 * time.Millisecond

// Poll looks at cond until it holds or the timeout has passed, and reports
// whether it held. It looks at least once, and once more at the end.
func Poll(timeout time.Duration, cond func() bool) bool {
	if cond() {
		return true
	}
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if cond() {
				return true
			}
		case <-deadline.C:
			return cond()
		}
	}
}

// Eventually fails the test unless cond holds within the timeout. What the
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
