package statuspage

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/status"
)

func scrape(t testing.TB, f *fake) string {
	t.Helper()
	w := httptest.NewRecorder()
	s := New(Options{}, f)
	s.handler(access{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/metrics", nil))
	return w.Body.String()
}

// busy is a source with 50 lanes, a million pending paths and full histories.
type busy struct{ recorders []*status.Recorder }

const busyLanes = 50

func newBusy() *busy {
	b := &busy{}
	now := time.Now()
	for range busyLanes {
		r := status.NewRecorder()
		for i := range 4 * status.Buckets {
			at := now.Add(-time.Duration(4*status.Buckets-i) * status.BucketSpan / 4)
			r.Transfer(status.Transfer{Time: at, Path: fmt.Sprintf("some/directory/file-%d.txt", i), Bytes: int64(i) * 1000, Duration: status.Seconds(time.Duration(i) * time.Millisecond)})
			r.Failure(status.Failure{Time: at, Path: fmt.Sprintf("some/directory/file-%d.txt", i), Reason: "permission denied", Exit: 23})
		}
		b.recorders = append(b.recorders, r)
	}
	return b
}

func (b *busy) Snapshot() status.Snapshot {
	now := time.Now()
	s := status.Snapshot{Now: now, Ready: true, Lanes: make([]status.Lane, len(b.recorders))}
	for i, r := range b.recorders {
		l := &s.Lanes[i]
		*l = status.Lane{Root: "/data", Remote: fmt.Sprintf("h%d::m", i), State: status.LaneSyncing, Pending: 1000000 / busyLanes, OldestPending: now.Add(-time.Minute)}
		r.Fill(l, now)
	}
	return s
}

// With a million pending paths in fifty lanes, and nothing cached, a request for the status takes
// five milliseconds at most. The fastest of many tries counts, since other tests run at the same
// time.
func TestStatusRequestIsCheap(t *testing.T) {
	limit := 5 * time.Millisecond
	if raceDetector {
		limit *= 20
	}
	s := New(Options{}, newBusy())
	h := s.handler(access{})
	best := time.Hour
	for range 30 {
		s.cache.at = time.Time{}
		w := httptest.NewRecorder()
		begin := time.Now()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/api/status", nil))
		best = min(best, time.Since(begin))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"pending":20000`) {
			t.Fatalf("answer %d %.200s", w.Code, w.Body.String())
		}
	}
	t.Logf("%v", best)
	if best > limit {
		t.Errorf("a status request takes %v, want at most %v", best, limit)
	}
}

func BenchmarkStatusRequest(b *testing.B) {
	src := newBusy()
	for _, names := range []bool{false, true} {
		b.Run(fmt.Sprintf("names=%v", names), func(b *testing.B) {
			b.ReportAllocs()
			s := New(Options{}, src)
			h := s.handler(access{unix: names})
			var size int
			for b.Loop() {
				s.cache.at = time.Time{}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/api/status", nil))
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
				size = w.Body.Len()
			}
			b.ReportMetric(float64(size), "bytes/answer")
		})
	}
}

func BenchmarkStatusRequestCached(b *testing.B) {
	s := New(Options{}, newBusy())
	h := s.handler(access{})
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://localhost/api/status", nil))
	}
}
