package status

import (
	"sync"
	"testing"
	"time"
)

func sum(list []int64) (n int64) {
	for _, v := range list {
		n += v
	}
	return n
}

func TestHistoryForgetsAfterTenMinutes(t *testing.T) {
	var h History
	start := time.Unix(1700000000, 0)
	h.Add(start, 3, 300, 4*time.Millisecond)
	h.Fail(start.Add(BucketSpan), 2)
	s, l := h.Read(start.Add(BucketSpan))
	if n := len(s.Files); n != Buckets || s.Files[n-2] != 3 || s.Bytes[n-2] != 300 || s.Failures[n-1] != 2 || s.Files[n-1] != 0 {
		t.Errorf("series = %+v", s)
	}
	if l.Count != 3 || l.Max != Seconds(4*time.Millisecond) {
		t.Errorf("latency = %+v", l)
	}
	s, _ = h.Read(start.Add((Buckets - 1) * BucketSpan))
	if s.Files[0] != 3 {
		t.Errorf("the oldest bucket is lost too early: %v", s.Files)
	}
	s, l = h.Read(start.Add((Buckets + 1) * BucketSpan))
	if sum(s.Files) != 0 || sum(s.Failures) != 0 || l.Count != 0 {
		t.Errorf("ten minutes later still %+v", s)
	}
	h.Add(start.Add(Buckets*BucketSpan), 1, 1, time.Millisecond)
	s, _ = h.Read(start.Add(Buckets * BucketSpan))
	if sum(s.Files) != 1 {
		t.Errorf("a reused bucket keeps old counts: %v", s.Files)
	}
}

func TestHistorySurvivesClockSteps(t *testing.T) {
	var h History
	start := time.Unix(1700000000, 0)
	h.Add(start, 1, 0, time.Millisecond)
	h.Add(start.Add(-time.Minute), 1, 0, time.Millisecond)
	if s, _ := h.Read(start); sum(s.Files) != 2 {
		t.Errorf("a minute back: %v", s.Files)
	}
	h.Add(start.Add(-24*time.Hour), 5, 0, time.Millisecond)
	if s, _ := h.Read(start.Add(-24 * time.Hour)); sum(s.Files) != 5 {
		t.Errorf("a day back: %v", s.Files)
	}
	h.Add(time.Unix(-100, 0), 1, 0, -time.Second)
	if s, _ := h.Read(time.Unix(-100, 0)); sum(s.Files) != 1 {
		t.Errorf("before the epoch: %v", s.Files)
	}
}

func TestLatencyPercentiles(t *testing.T) {
	var h History
	now := time.Unix(1700000000, 0)
	for i := 1; i <= 100; i++ {
		h.Add(now, 1, 0, time.Duration(i)*time.Millisecond)
	}
	_, l := h.Read(now)
	for _, c := range []struct {
		name string
		got  Seconds
		want time.Duration
	}{{"p50", l.P50, 50}, {"p95", l.P95, 95}, {"p99", l.P99, 99}, {"max", l.Max, 100}} {
		ms := float64(time.Duration(c.got)) / float64(time.Millisecond)
		if ms < float64(c.want)*0.99 || ms > float64(c.want)*1.42 {
			t.Errorf("%s = %.1f ms, want about %d ms", c.name, ms, c.want)
		}
	}
	h.Add(now, 1, 0, 1000*time.Hour)
	if _, l := h.Read(now); l.Max != Seconds(1000*time.Hour) {
		t.Errorf("max = %v", l.Max)
	}
}

func TestLatencyBinsCoverTheirEdges(t *testing.T) {
	for i := range latencyBins {
		if got := latencyBin(binEdge(i)); got != i && got != i+1 {
			t.Errorf("edge of bin %d falls into %d", i, got)
		}
	}
	if binEdge(latencyBins-1) < time.Hour {
		t.Errorf("the last bin ends at %v", binEdge(latencyBins-1))
	}
}

func TestRingKeepsTheNewest(t *testing.T) {
	r := NewRing[int](3)
	if got := r.Items(); len(got) != 0 {
		t.Errorf("empty ring has %v", got)
	}
	for i := 1; i <= 5; i++ {
		r.Add(i)
	}
	if got := r.Items(); len(got) != 3 || got[0] != 5 || got[1] != 4 || got[2] != 3 {
		t.Errorf("items = %v", got)
	}
	r = NewRing[int](0)
	r.Add(1)
	r.Add(2)
	if got := r.Items(); len(got) != 1 || got[0] != 2 {
		t.Errorf("items = %v", got)
	}
}

func TestRecorder(t *testing.T) {
	r := NewRecorder()
	now := time.Unix(1700000000, 0)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				r.Transfer(Transfer{Time: now, Path: "f", Bytes: 10})
			}
		})
	}
	var l Lane
	r.Fill(&l, now)
	wg.Wait()
	r.Transfer(Transfer{Time: now, Path: "tree", Files: 5, Bytes: 1})
	r.Failure(Failure{Time: now, Path: "bad", Reason: "denied"})
	r.Run(now, true)
	r.Run(now.Add(time.Second), false)
	r.Fill(&l, now)
	if l.Files != 405 || l.BytesSent != 4001 || l.Runs != 2 || l.FailedRuns != 1 {
		t.Errorf("counters = %+v", l)
	}
	if !l.LastSuccess.Equal(now) || !l.LastFailure.Equal(now.Add(time.Second)) {
		t.Errorf("last = %v %v", l.LastSuccess, l.LastFailure)
	}
	if len(l.Transfers) != RecentEntries || l.Transfers[0].Path != "tree" || len(l.Failures) != 1 || sum(l.Series.Files) != 405 {
		t.Errorf("recent = %+v %+v", l.Transfers[0], l.Failures)
	}
}

func BenchmarkRecorderTransfer(b *testing.B) {
	r := NewRecorder()
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		r.Transfer(Transfer{Time: now, Path: "a/b/c", Bytes: 10, Duration: Seconds(4 * time.Millisecond)})
	}
}
