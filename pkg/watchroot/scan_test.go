package watchroot

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/filterqueue"
)

// TestAScanTellsThePlugins: a scan tells the plugins of changes that the watcher has lost, also
// where there is no lane.
func TestAScanTellsThePlugins(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/sub/new")
	write(t, dir+"/old")
	past := time.Now().Add(-time.Hour)
	var mu sync.Mutex
	var told []string
	r := opened(New(options(dir)), func(n filterqueue.Notice) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, n.Path)
	})
	if !r.scans.find(t.Context(), past) {
		t.Fatal("the scan was not carried out")
	}
	slices.Sort(told)
	if got := strings.Join(told, " "); got != "old sub sub/new" {
		t.Errorf("told of %q", got)
	}
	told = nil
	if !r.scans.find(t.Context(), time.Now().Add(time.Hour)) || len(told) != 0 {
		t.Errorf("told of %q, which is older", told)
	}
}

// TestSelfCheck: after a failed self-check, and after an overflow, a scan looks for changes since a
// time at which the watcher had certainly read every event.
func TestSelfCheck(t *testing.T) {
	r := rootOf(t.TempDir(), "a")
	hour := time.Now().Add(-time.Hour)
	r.SelfCheck(hour, time.Now())
	if since, holds := r.scans.wanted(); !since.Equal(hour) || holds != 1 || len(r.scans.asked) != 1 {
		t.Errorf("wanted: since %v for %d", since, holds)
	}
	good := r.opt.Ticks.LastGood()
	r.scans.take()
	r.watch.serve(r)
	r.watch.Overflow()
	// The clock of files and the clock for elapsed time are read one after the other.
	if since, holds := r.scans.wanted(); since.Before(good.Add(-tickEvery)) || holds != 1 {
		t.Errorf("wanted: since %v for %d", since, holds)
	}
}

// TestScanEndedHalfWay: a scan that ended half way is still wanted, from its earliest time on.
func TestScanEndedHalfWay(t *testing.T) {
	r := rootOf(t.TempDir())
	since := time.Now().Add(-time.Hour)
	r.scans.suspect(since.Add(time.Minute))
	r.scans.suspect(since)
	ended, end := context.WithCancel(t.Context())
	end()
	for range 20 { // the scan may notice its end before it notices that it has to scan, or after
		r.scans.ask()
		if err := r.scans.run(ended); err != nil {
			t.Fatal(err)
		}
		if at, holds := r.scans.wanted(); at != since || holds != 2 {
			t.Fatalf("wanted from %v on, %d holds; want %v and 2", at, holds, since)
		}
	}
	if !r.scans.find(t.Context(), since) {
		t.Error("the scan cannot be carried out at all")
	}
}
