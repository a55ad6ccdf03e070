package lanes

import (
	"fmt"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/transport"
)

// A full sync reports how many of how many entries it has done, also while it sends nothing.
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
