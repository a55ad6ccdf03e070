package executor

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/transport"
)

// logged returns the commands that the fail log holds.
func (b *bed) logged() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, e := range b.failLog {
		all = append(all, fmt.Sprint(e.WaitStatus>>8, " ", strings.Join(e.Argv, " ")))
	}
	return strings.Join(all, "\n")
}

// When nothing else is dirty, the fail log lists a full sync that does not reach its remote.
func TestTheFailLogOfAFullSync(t *testing.T) {
	onBed(t, with{files: []string{"f"}}, func(t *testing.T, b *bed) {
		b.away.Store(true)
		must(t, b.FullSync(t.Context(), fullsync.Request{Mirror: true}))
		b.until("it is listed", func() bool { return strings.Contains(b.logged(), "carry") })
		b.away.Store(false)
		b.until("the fail log is empty", func() bool { return b.logged() == "" })
	})
}

func TestTheFailLogIsBoundedDuringAnOutage(t *testing.T) {
	onBed(t, with{}, func(t *testing.T, b *bed) {
		b.away.Store(true)
		for i := range maxOutage + 50 {
			b.Mark(fmt.Sprint("f", i), 0)
		}
		b.until("as many as fit are listed", func() bool { return strings.Count(b.logged(), "\n") == maxOutage-1 })
	})
}

// When many paths fail of one cause, the log has one line, then one line a minute with their
// number, and one when all of them are settled.
func TestManyFailingPathsAreFewLines(t *testing.T) {
	var locked atomic.Bool
	locked.Store(true)
	onBed(t, with{carry: func(ctx context.Context, b *bed, c transport.Call) (r transport.Result, ok bool) {
		for _, name := range c.Names {
			if locked.Load() && c.Batch.Kind == transport.Send && strings.HasPrefix(name, "locked/") { // questions are answered
				r.Class, r.Failed = transport.Partly, append(r.Failed, denied(name).Failed...)
			}
		}
		return r, r.Failed != nil
	}}, func(t *testing.T, b *bed) {
		const many = 100
		for i := range many {
			b.write(fmt.Sprint("locked/f", i), "1")
		}
		b.until("all of them fail", func() bool { return b.Snapshot(time.Now()).Failing >= many })
		if n := b.logs.FilterMessageSnippet("paths fail").Len(); n == 0 || n > 3 {
			t.Errorf("%d lines about %d failing paths", n, many)
		}
		locked.Store(false)
		must(t, b.RetryNow(t.Context()))
		b.until("one line when it is over", func() bool { return b.logs.FilterMessage("no path fails any more").Len() == 1 })
	})
}

// A run that cannot even be started is a failed run.
func TestARunThatCannotBeStartedIsCounted(t *testing.T) {
	onBed(t, with{}, func(t *testing.T, b *bed) {
		b.broken.Store(true)
		b.write("f", "1")
		b.until("it is counted and shown", func() bool {
			s := b.Snapshot(time.Now())
			return s.FailedRuns > 0 && len(s.Failures) > 0 && !s.LastFailure.IsZero()
		})
	})
}
