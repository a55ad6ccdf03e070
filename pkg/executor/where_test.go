package executor

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
)

// TestWhereTellsWhatWaits: the answer says which paths wait, with which directory they go, and why
// they fail; a lane that has ended answers, too.
func TestWhereTellsWhatWaits(t *testing.T) {
	onBed(t, with{files: []string{"d/f"}}, func(t *testing.T, b *bed) {
		must(t, b.Pause(t.Context(), true))
		b.write("d/f", "changed")
		b.Mark("tree", dirty.Tree)
		p := b.Where(t.Context(), "d/f")
		if p.Waiting == nil || p.Waiting.Path != "d/f" || p.Waiting.Since.IsZero() || p.Settled() || p.There == nil || p.Verdict == status.Same {
			t.Errorf("a changed file: %+v, %+v", p, p.Waiting)
		}
		if p := b.Where(t.Context(), "d"); p.Below != 1 || p.Waiting != nil {
			t.Errorf("a directory: %+v", p)
		}
		if p := b.Where(t.Context(), "tree/x/y"); p.Waiting == nil || p.Waiting.Path != "tree" || !p.Waiting.Tree {
			t.Errorf("in a tree: %+v", p)
		}
		if waits, total := b.Pending(1); total != 2 || len(waits) != 1 || waits[0].Path != "d/f" {
			t.Errorf("%d wait: %+v", total, waits)
		}
		must(t, b.Pause(t.Context(), false))
		b.arrives("d/f", "changed")
		b.stop()
		if p := b.Where(t.Context(), "d/f"); p.Verdict != status.Unasked || p.Reason == "" {
			t.Errorf("after the end: %+v", p)
		}
	})
}

// TestWhereOfARemoteInTrouble: a remote that does not serve is not asked, and the answer gives the
// lane's reason.
func TestWhereOfARemoteInTrouble(t *testing.T) {
	onBed(t, with{}, func(t *testing.T, b *bed) {
		b.away.Store(true)
		b.write("f", "x")
		b.until("the lane backs off", func() bool { return b.Snapshot(time.Now()).State == status.LaneBackingOff })
		p := b.Where(t.Context(), "f")
		if p.Verdict != status.Unasked || p.Reason != "the remote refuses the connection" || p.Remedy == "" || p.Waiting == nil {
			t.Errorf("%+v", p)
		}
		ended, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("nobody listens any more"))
		if p := b.Where(ended, "f"); p.Verdict != status.Unasked {
			t.Errorf("%+v", p)
		}
	})
}
