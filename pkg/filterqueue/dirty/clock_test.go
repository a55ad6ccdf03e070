package dirty

import (
	"testing"
	"time"
	"unsafe"
)

// setBack is what time.Now returns at the moment t after the clock has been set back: the wall time
// is earlier, the monotonic time goes on.
func setBack(t time.Time, hours uint64) time.Time {
	*(*uint64)(unsafe.Pointer(&t)) -= hours * 3600 << 30 // the seconds are stored above 30 bits of nanoseconds
	return t
}

// The wait before a second look, and after a failure, does not become longer when the clock is set
// back.
func TestWaitsNoLongerAfterTheClockWasSetBack(t *testing.T) {
	d := New(time.Now(), Limits{})
	now := time.Now()
	if back := setBack(now, 1); now.Sub(back) != 0 || now.Round(0).Sub(back.Round(0)) != time.Hour {
		t.Fatalf("%v is not %v after the clock was set back", back, now)
	}
	d.Mark("p", Gone, now)
	it := d.Take(now, 1)[0]
	it.Looked = true
	d.Return(it, now.Add(50*time.Millisecond))
	soon, later := setBack(now.Add(10*time.Millisecond), 1), setBack(now.Add(60*time.Millisecond), 1)
	wantPaths(t, d.Take(soon, 1))
	if next, ok := d.NextReady(soon); !ok || next.Sub(soon) != 40*time.Millisecond {
		t.Errorf("ready in %v, want 40 ms", next.Sub(soon))
	}
	wantPaths(t, d.Take(later, 1), "p")
}
