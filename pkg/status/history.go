package status

import (
	"math"
	"sync"
	"time"
)

// BucketSpan and Buckets give the shape of a history: ten minutes in steps of
// five seconds.
const (
	BucketSpan = 5 * time.Second
	Buckets    = 120
)

// latencyWindow is over how many buckets the percentiles of a lane go: the
// last five minutes.
const latencyWindow = 60

// The latency bins grow by a factor of the square root of two from half a
// millisecond on, so a percentile is right within 20 percent and the last bin
// begins beyond one hour.
const (
	latencyBins  = 48
	latencyFirst = 500 * time.Microsecond
)

// Latency is the distribution of the time from a change to its arrival on the
// remote, over the last five minutes, with what has come together since the
// start. All zero without transfers.
type Latency struct {
	Total uint64  `json:"total"`       // arrivals since the start
	Sum   Seconds `json:"sum_seconds"` // of their times
	Count int     `json:"count"`
	P50   Seconds `json:"p50_seconds"`
	P95   Seconds `json:"p95_seconds"`
	P99   Seconds `json:"p99_seconds"`
	Max   Seconds `json:"max_seconds"`
}

// Series is the recent past, oldest first, one element per bucket; the last
// bucket is the running one. End is the end of the last bucket.
type Series struct {
	Span      Seconds   `json:"span_seconds"`
	End       time.Time `json:"end"`
	Files     []int64   `json:"files"`
	Bytes     []int64   `json:"bytes"`
	Failures  []int64   `json:"failures"`
	LatencyMS []int64   `json:"latency_ms"` // 95th percentile of the bucket
}

// History counts what happened in fixed-size time buckets. The zero value is
// ready. It is safe for concurrent use and never grows after its first use.
type History struct {
	mu      sync.Mutex
	buckets []bucket // guarded by mu; Buckets long once anything was recorded
	newest  int64    // guarded by mu; number of the newest bucket written
	total   uint64   // guarded by mu; arrivals with a latency
	sum     time.Duration
}

type bucket struct {
	number   int64 // time since the epoch in BucketSpan; others are stale
	files    int64
	timed    int64 // of these, with a latency
	bytes    int64
	failures int64
	max      time.Duration
	bins     [latencyBins]uint32
}

// Add records files that arrived on the remote at now, with their content
// bytes; latency is the time from the change to its arrival.
func (h *History) Add(now time.Time, files int, bytes int64, latency time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.at(now)
	h.total += uint64(max(files, 0))
	h.sum += time.Duration(max(files, 0)) * latency
	b.files += int64(files)
	b.timed += int64(files)
	b.bytes += bytes
	b.max = max(b.max, latency)
	bin := &b.bins[latencyBin(latency)]
	*bin = uint32(min(uint64(*bin)+uint64(max(files, 0)), math.MaxUint32))
}

// Sent records one file of a full sync: nobody knows how old its change is.
func (h *History) Sent(now time.Time, bytes int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.at(now)
	b.files++
	b.bytes += bytes
}

// Fail records n failures at now.
func (h *History) Fail(now time.Time, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at(now).failures += int64(n)
}

// at is the bucket of now, emptied when it still holds an earlier round. What
// comes late counts into its own bucket; after a clock has stepped back by more
// than the whole history, the history begins anew there.
func (h *History) at(now time.Time) *bucket {
	if h.buckets == nil {
		h.buckets = make([]bucket, Buckets)
	}
	number := bucketNumber(now)
	if number > h.newest || h.newest-number >= Buckets {
		h.newest = number
	}
	b := &h.buckets[slot(number)]
	if b.number != number {
		*b = bucket{number: number}
	}
	return b
}

func bucketNumber(t time.Time) int64 { return t.UnixNano() / int64(BucketSpan) }

func slot(number int64) int { return int((number%Buckets + Buckets) % Buckets) }

// Read is the series up to now and the latency of the last five minutes.
func (h *History) Read(now time.Time) (s Series, latency Latency) {
	s = Series{
		Span:      Seconds(BucketSpan),
		Files:     make([]int64, Buckets),
		Bytes:     make([]int64, Buckets),
		Failures:  make([]int64, Buckets),
		LatencyMS: make([]int64, Buckets),
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	last := bucketNumber(now)
	if last < h.newest && h.newest-last < Buckets {
		last = h.newest
	}
	s.End = time.Unix(0, (last+1)*int64(BucketSpan)).In(now.Location())
	if h.buckets == nil {
		return s, Latency{}
	}
	var window bucket
	for i := range Buckets {
		number := last - Buckets + 1 + int64(i)
		b := &h.buckets[slot(number)]
		if b.number != number {
			continue
		}
		s.Files[i], s.Bytes[i], s.Failures[i] = b.files, b.bytes, b.failures
		if b.timed == 0 {
			continue
		}
		s.LatencyMS[i] = max(1, b.quantile(0.95).Milliseconds())
		if i >= Buckets-latencyWindow {
			window.merge(b)
		}
	}
	latency = window.latency()
	latency.Total, latency.Sum = h.total, Seconds(h.sum)
	return s, latency
}

func (b *bucket) merge(o *bucket) {
	b.timed += o.timed
	b.max = max(b.max, o.max)
	for i, n := range o.bins {
		b.bins[i] += n
	}
}

func (b *bucket) latency() Latency {
	if b.timed == 0 {
		return Latency{}
	}
	return Latency{
		Count: int(b.timed),
		P50:   Seconds(b.quantile(0.50)),
		P95:   Seconds(b.quantile(0.95)),
		P99:   Seconds(b.quantile(0.99)),
		Max:   Seconds(b.max),
	}
}

// quantile is the upper edge of the bin that holds the share q of all entries,
// never more than the largest latency seen.
func (b *bucket) quantile(q float64) time.Duration {
	var total, seen uint64
	for _, n := range b.bins {
		total += uint64(n)
	}
	want := uint64(math.Ceil(q * float64(total)))
	for i, n := range b.bins {
		seen += uint64(n)
		if seen >= want && n > 0 {
			return min(binEdge(i), b.max)
		}
	}
	return b.max
}

// binEdge is the upper edge of bin i.
func binEdge(i int) time.Duration {
	return time.Duration(float64(latencyFirst) * math.Pow(math.Sqrt2, float64(i)))
}

func latencyBin(d time.Duration) int {
	if d <= latencyFirst {
		return 0
	}
	i := int(math.Ceil(2 * math.Log2(float64(d)/float64(latencyFirst))))
	return min(i, latencyBins-1)
}
