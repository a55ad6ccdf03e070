package executor

import (
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/fstree"
)

// A file that a scan has found was changed before it was marked. Until it is on the remote the
// watermark stays where the scan began: otherwise the file would be lost when the program is killed
// twice during an outage.
func TestTheWatermarkWaitsForWhatAScanHasFound(t *testing.T) {
	onBed(t, with{}, func(t *testing.T, b *bed) {
		b.away.Store(true)
		b.Complete()
		long := time.Now().Add(-time.Hour)
		b.Suspect(long)
		put(t, b.src, "found", "1")
		b.MarkChanged("found", fstree.Change{Type: unix.DT_REG})
		b.Settled()
		if got := b.Remember(time.Now()).Watermark; got.After(long) {
			t.Errorf("watermark %v, although what changed at %v is not on the remote", got, long)
		}
		b.away.Store(false)
		b.arrives("found", "1")
		b.until("the watermark goes on", func() bool { return b.Remember(time.Now()).Watermark.After(long) })
	})
}

// An entry that only the target has may have been deleted here at any time.
func TestTheWatermarkWaitsForTheDeletionsOfAFullSync(t *testing.T) {
	var released atomic.Bool
	onBed(t, with{files: []string{"keep"}, there: []string{"only/a"}, options: func(o *Options) {
		o.Held = func(_ string, event bool) string {
			if event && !released.Load() {
				return "held"
			}
			return ""
		}
	}}, func(t *testing.T, b *bed) {
		done := make(chan fullsync.Result, 1)
		must(t, b.FullSync(t.Context(), fullsync.Request{Mirror: true, Done: func(r fullsync.Result) { done <- r }}))
		<-done
		b.until("the deletion waits", func() bool { return b.dirty.Stats().Pending == 1 })
		if got := b.Remember(time.Now()).Watermark; !got.IsZero() {
			t.Errorf("watermark %v, although a deletion of any age is not on the remote", got)
		}
		released.Store(true)
		must(t, b.RetryNow(t.Context()))
		b.arrives("only", "<none>")
		b.until("there is a watermark", func() bool { return !b.Remember(time.Now()).Watermark.IsZero() })
	})
}
