package failqueue

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestBackoffNext(t *testing.T) {
	lowest := func() float64 { return 0 }
	middle := func() float64 { return 0.5 }
	highest := func() float64 { return 0.999999 }
	b := Backoff{Min: 500 * time.Millisecond, Max: 8 * time.Second}
	for _, tc := range []struct {
		name    string
		b       Backoff
		attempt int
		rnd     func() float64
		want    time.Duration
	}{
		{"first, middle of the jitter", b, 1, middle, 500 * time.Millisecond},
		{"second doubles", b, 2, middle, time.Second},
		{"fourth", b, 4, middle, 4 * time.Second},
		{"never below half of Min", b, 1, lowest, 250 * time.Millisecond},
		{"never below half of Min, late", b, 30, lowest, 250 * time.Millisecond},
		{"jitter is capped", b, 30, highest, 8 * time.Second},
		{"late attempts still vary", b, 1 << 40, func() float64 { return 0.25 }, 4 * time.Second},
		{"attempt zero counts as the first", b, 0, middle, 500 * time.Millisecond},
		{"negative attempt counts as the first", b, -5, middle, 500 * time.Millisecond},
		{"zero value", Backoff{}, 3, highest, 0},
		{"Max below Min", Backoff{Min: time.Second, Max: time.Millisecond}, 9, highest, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.b.Next(tc.attempt, tc.rnd); got != tc.want {
				t.Errorf("Next(%d) = %v, want %v", tc.attempt, got, tc.want)
			}
		})
	}
}

func TestBackoffStaysWithinItsBounds(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 50_000 {
		b := Backoff{Min: time.Duration(1 + rnd.Int64N(int64(time.Minute)))}
		b.Max = b.Min + time.Duration(rnd.Int64N(int64(time.Hour)))
		attempt := rnd.IntN(100)
		got := b.Next(attempt, rnd.Float64)
		if got < b.Min/2 || got > b.Max {
			t.Fatalf("%+v.Next(%d) = %v, outside of [%v, %v]", b, attempt, got, b.Min/2, b.Max)
		}
	}
}

// Lanes that have failed for long must not all come at the same moment.
func TestBackoffSpreadsAtTheCap(t *testing.T) {
	b := LaneBackoff()
	seen := make(map[time.Duration]bool)
	for range 100 {
		seen[b.Next(1000, nil)] = true
	}
	if len(seen) < 20 {
		t.Errorf("100 waits take only %d values", len(seen))
	}
}

// The promise: all of it arrives within 10 s of the remote's answering again.
func TestPresets(t *testing.T) {
	for _, tc := range []struct {
		name string
		b    Backoff
		max  time.Duration
	}{
		{"lane", LaneBackoff(), 8 * time.Second},
		{"few paths", PathBackoff(1), 8 * time.Second},
		{"a thousand paths", PathBackoff(1000), 8 * time.Second},
		{"more paths", PathBackoff(1001), time.Minute},
		{"a lasting failure", LastingBackoff(), time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.b.Next(100, func() float64 { return 0.999 }); got != tc.max {
				t.Errorf("longest wait %v, want %v", got, tc.max)
			}
		})
	}
}
