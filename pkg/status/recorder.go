package status

import (
	"sync"
	"time"
)

// RecentEntries is how many transfers and how many failures a lane remembers.
const RecentEntries = 20

// Ring remembers the last entries that were added. It is safe for concurrent use; it allocates its
// memory with the first entry and never grows.
type Ring[T any] struct {
	mu    sync.Mutex
	size  int
	items []T // guarded by mu
	next  int // guarded by mu; where the next entry goes once items is full
}

// NewRing is a ring of size entries, at least one.
func NewRing[T any](size int) *Ring[T] {
	return &Ring[T]{size: max(1, size)}
}

// Add remembers v and forgets the oldest entry when the ring is full.
func (r *Ring[T]) Add(v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.items) < r.size {
		r.items = append(r.items, v)
		return
	}
	r.items[r.next] = v
	r.next = (r.next + 1) % r.size
}

// Items are the entries, newest first, in a slice of the caller's own.
func (r *Ring[T]) Items() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.items)
	out := make([]T, n)
	for i := range n {
		out[i] = r.items[(r.next+n-1-i)%n]
	}
	return out
}

// Recorder is what a lane keeps of its past: counters, history, the recent
// transfers and failures. It is safe for concurrent use.
type Recorder struct {
	history   History
	chronicle Chronicle
	transfers *Ring[Transfer]
	failures  *Ring[Failure]

	mu          sync.Mutex
	runs        uint64
	failedRuns  uint64
	files       uint64
	bytes       uint64
	lastSuccess time.Time
	lastFailure time.Time
}

// NewRecorder is an empty recorder.
func NewRecorder() *Recorder {
	return &Recorder{
		transfers: NewRing[Transfer](RecentEntries),
		failures:  NewRing[Failure](RecentEntries),
	}
}

// Transfer records one path that is on the remote; t.Time is when it arrived,
// t.Duration the time since the change.
func (r *Recorder) Transfer(t Transfer) {
	n := max(1, t.Files)
	r.history.Add(t.Time, n, t.Bytes, time.Duration(t.Duration))
	r.chronicle.Sent(t.Time, n, t.Bytes, time.Duration(t.Duration))
	r.transfers.Add(t)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files += uint64(n)
	r.bytes += uint64(max(0, t.Bytes))
}

// Sent shows in the history that a full sync has sent a file; Count counts it.
func (r *Recorder) Sent(now time.Time, bytes int64) {
	r.history.Sent(now, bytes)
	r.chronicle.Sent(now, 1, bytes, 0)
}

// Count counts files that a full sync has brought to the remote, with their
// content bytes. How old their changes are is not known.
func (r *Recorder) Count(files int, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files += uint64(max(0, files))
	r.bytes += uint64(max(0, bytes))
}

// Failure records one path or run that failed. The caller thins out retries of the same trouble.
func (r *Recorder) Failure(f Failure) {
	r.history.Fail(f.Time, 1)
	r.chronicle.Failed(f.Time)
	r.failures.Add(f)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastFailure = f.Time
}

// Run records the end of one rsync run.
func (r *Recorder) Run(end time.Time, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs++
	if ok {
		r.lastSuccess = end
		return
	}
	r.failedRuns++
	r.lastFailure = end
}

// Earlier records what happened before this process began, for pictures and tests.
func (r *Recorder) Earlier(at time.Time, files int, bytes int64, lag time.Duration) {
	r.chronicle.Sent(at, files, bytes, lag)
}

// Lag records how long the oldest change has been waiting at now.
func (r *Recorder) Lag(now time.Time, lag time.Duration) { r.chronicle.Lag(now, lag) }

// Failures are the recent failures, newest first.
func (r *Recorder) Failures() []Failure { return r.failures.Items() }

// Past is the last hour and the last day.
func (r *Recorder) Past(now time.Time) (hour, day Past) { return r.chronicle.Read(now) }

// Fill writes what the recorder knows into l.
func (r *Recorder) Fill(l *Lane, now time.Time) {
	l.Series, l.Latency = r.history.Read(now)
	l.Transfers = r.transfers.Items()
	l.Failures = r.failures.Items()
	r.mu.Lock()
	defer r.mu.Unlock()
	l.Runs, l.FailedRuns = r.runs, r.failedRuns
	l.Files, l.BytesSent = r.files, r.bytes
	l.LastSuccess, l.LastFailure = r.lastSuccess, r.lastFailure
}
