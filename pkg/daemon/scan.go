package daemon

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/walk"
)

// overflow freezes the watermarks: from the last good moment on, changes may
// have gone unseen.
func (r *root) overflow() {
	since := r.ticks.lastGood()
	r.log.Warn("kernel event queue overflowed, a scan will find what was lost", zap.Time("since", since))
	r.mu.Lock()
	r.unseen = true
	r.mu.Unlock()
	r.suspect(since)
}

// suspect freezes the lanes' watermarks until the next scan has ended.
func (r *root) suspect(since time.Time) {
	r.unscanned(since, 1)
	for _, l := range r.lanes {
		l.Suspect(since)
	}
}

func (r *root) askScan() {
	select {
	case r.scans <- struct{}{}:
	default:
	}
}

// scanAgain is how soon a scan that could not be carried out is tried again.
const scanAgain = 10 * time.Second

// scan serves askScan: one walk finds what changed, for all lanes.
func (r *root) scan(ctx context.Context) error {
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.scans:
		case <-again:
		}
		again = nil
		since, holds := r.takeScan()
		if holds == 0 {
			continue
		}
		if !r.find(ctx, since) {
			// The watermarks stay frozen; who goes on with this root, if not we,
			// has to scan.
			r.unscanned(since, holds)
			again = time.After(scanAgain)
			continue
		}
		for _, l := range r.lanes {
			for range holds {
				l.Settled()
			}
		}
	}
}

// find marks, and tells the plugins, what changed since; false when it could
// not to the end.
func (r *root) find(ctx context.Context, since time.Time) bool {
	if since.Equal(everything) {
		r.compareAll(ctx)
		return ctx.Err() == nil
	}
	if len(r.lanes) == 0 {
		return r.tellChanged(ctx, since)
	}
	return r.catchUp(ctx, since, r.lanes, r.tellScanned())
}

// takeScan is the scan that is wanted: from when on, and how many Suspect calls
// it will end.
func (r *root) takeScan() (since time.Time, holds int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	since, holds = r.scanSince, r.scanHolds
	r.scanSince, r.scanHolds = time.Time{}, 0
	return since, holds
}

// scanWanted is takeScan without taking it.
func (r *root) scanWanted() (since time.Time, holds int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.scanSince, r.scanHolds
}

// unscanned puts a scan back that has not been done.
func (r *root) unscanned(since time.Time, holds int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.scanSince.IsZero() || since.Before(r.scanSince) {
		r.scanSince = since
	}
	r.scanHolds += holds
}

// everything is the since of a scan that has to take all for changed.
var everything = time.Unix(0, 0)

// compareAll has every lane compare the whole tree: nothing is known of it.
func (r *root) compareAll(ctx context.Context) {
	for _, l := range r.lanes {
		_ = l.FullSync(ctx, executor.Full{Unknown: true})
	}
}

// catchUp walks the tree once and marks what changed since for the lanes; false
// when it could not to the end. tell as in executor.CatchUp.
func (r *root) catchUp(ctx context.Context, since time.Time, lanes []*executor.Lane, tell func(string, walk.Change)) bool {
	if len(lanes) == 0 {
		return ctx.Err() == nil
	}
	began := time.Now()
	count, err := executor.CatchUp(ctx, since, lanes, tell)
	if err != nil || ctx.Err() != nil {
		if ctx.Err() == nil {
			r.log.Warn("catch-up scan ended early, it is tried again", zap.Error(err))
		}
		return false
	}
	r.log.Info("catch-up scan done", zap.Time("since", since), zap.Int64("directories", count.Dirs),
		zap.Int64("others", count.Others), zap.Duration("took", time.Since(began)))
	return true
}

// rescan compares the directories that cannot be watched.
func (r *root) rescan() {
	r.mu.Lock()
	paths := make([]string, 0, len(r.uncovered))
	for p := range r.uncovered {
		paths = append(paths, p)
	}
	r.mu.Unlock()
	for _, p := range paths {
		for _, l := range r.lanes {
			l.Mark(p, filterqueue.Tree|filterqueue.Extras)
		}
	}
}
