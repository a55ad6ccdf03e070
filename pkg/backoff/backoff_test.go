package backoff

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	lowest := 0.0
	middle := 0.5
	highest := 0.999999
	b := Exponential{Min: 500 * time.Millisecond, Max: 8 * time.Second}
	for _, tc := range []struct {
		name    string
		b       Exponential
		attempt int
		rnd     float64
		want    time.Duration
	}{
		{"first, middle of the jitter", b, 1, middle, 500 * time.Millisecond},
		{"second doubles", b, 2, middle, time.Second},
		{"fourth", b, 4, middle, 4 * time.Second},
		{"never below half of Min", b, 1, lowest, 250 * time.Millisecond},
		{"never below half of Min, late", b, 30, lowest, 250 * time.Millisecond},
		{"jitter is capped", b, 30, highest, 8 * time.Second},
		{"late attempts still vary", b, 1 << 40, 0.25, 4 * time.Second},
		{"attempt zero counts as the first", b, 0, middle, 500 * time.Millisecond},
		{"negative attempt counts as the first", b, -5, middle, 500 * time.Millisecond},
		{"zero value", Exponential{}, 3, highest, 0},
		{"Max below Min", Exponential{Min: time.Second, Max: time.Millisecond}, 9, highest, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.b.next(tc.attempt, tc.rnd); got != tc.want {
				t.Errorf("Next(%d) = %v, want %v", tc.attempt, got, tc.want)
			}
		})
	}
}

func TestWaitsStayWithinItsBounds(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 50_000 {
		b := Exponential{Min: time.Duration(1 + rnd.Int64N(int64(time.Minute)))}
		b.Max = b.Min + time.Duration(rnd.Int64N(int64(time.Hour)))
		attempt := rnd.IntN(100)
		got := b.next(attempt, rnd.Float64())
		if got < b.Min/2 || got > b.Max {
			t.Fatalf("%+v.Next(%d) = %v, outside of [%v, %v]", b, attempt, got, b.Min/2, b.Max)
		}
	}
}

// Lanes that have failed for a long time must not all try again at the same moment.
func TestWaitsSpreadAtTheCap(t *testing.T) {
	b := Exponential{Min: 500 * time.Millisecond, Max: 8 * time.Second}
	seen := make(map[time.Duration]bool)
	for range 100 {
		seen[b.Next(1000)] = true
	}
	if len(seen) < 20 {
		t.Errorf("100 waits take only %d values", len(seen))
	}
}
