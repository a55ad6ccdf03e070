package executor

import (
	"fmt"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// A full sync says how far it is, of how many: also while it sends nothing.
func TestHowFarAFullSyncIs(t *testing.T) {
	t.Parallel()
	const files = 300
	b := newBed(t, with{params: "-art --bwlimit=300", options: func(o *setup) {
		o.Caps = transport.Capabilities{Progress: true}
		o.Entries = func() int64 { return files + 2 }
	}})
	for i := range files {
		put(b.T, b.src, fmt.Sprint("d/f", i), "0123456789")
		put(b.T, b.dst, fmt.Sprint("d/f", i), "0123456789")
	}
	put(b.T, b.src, "z", string(make([]byte, 1<<20)))
	done := make(chan fullsync.Result, 1)
	must(t, b.FullSync(t.Context(), fullsync.Request{Mirror: true, Done: func(r fullsync.Result) { done <- r }}))
	testkit.Eventually(t, patient, "it has seen nearly all of them", func() bool {
		p := b.Snapshot(time.Now()).Progress
		return p != nil && p.Done > files/2 && p.Total >= files
	})
	if r := <-done; r.Err != nil {
		t.Error(r.Err)
	}
}

func TestEstimated(t *testing.T) {
	began := time.Unix(1700000000, 0)
	p := status.Progress{Done: 25, Total: 100, Since: began}
	if got := p.Estimated(began.Add(10 * time.Second)).Until; !got.Equal(began.Add(40 * time.Second)) {
		t.Errorf("until %v", got)
	}
	for _, early := range []status.Progress{{Done: 25, Total: 100}, {Total: 100, Since: began}, {Done: 5, Since: began}} {
		if got := early.Estimated(began.Add(10 * time.Second)).Until; !got.IsZero() {
			t.Errorf("%+v: until %v", early, got)
		}
	}
}
