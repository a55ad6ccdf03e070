package watchroot

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
)

// scanner finds changes that the watcher has missed, by one walk for all lanes. All requests before
// a scan begins share that scan. Its methods are safe for concurrent use.
type scanner struct {
	guard *guard
	log   *zap.Logger
	// Set before run: the lanes, what tells the plugins (nil without any), and what
	// is left out of the mirror.
	lanes  lanes
	notify filterqueue.Notify
	skip   func(path string, dir bool) bool

	asked chan struct{} // capacity 1

	mu    sync.Mutex
	since time.Time // the earliest time that was asked for; zero: no scan is wanted
	holds int       // the lanes' Suspect calls that the scan ends
}

func newScanner(g *guard, log *zap.Logger) *scanner {
	return &scanner{guard: g, log: log, asked: make(chan struct{}, 1)}
}

// suspect holds the lanes' watermarks until the next scan has ended.
func (s *scanner) suspect(since time.Time) {
	s.putBack(since, 1)
	s.lanes.suspect(since, 1)
}

// ask has the wanted scan carried out. It never blocks.
func (s *scanner) ask() {
	select {
	case s.asked <- struct{}{}:
	default:
	}
}

// take is the scan that is wanted, which is then no longer wanted.
func (s *scanner) take() (since time.Time, holds int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	since, holds = s.since, s.holds
	s.since, s.holds = time.Time{}, 0
	return since, holds
}

// wanted is take without taking it.
func (s *scanner) wanted() (since time.Time, holds int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.since, s.holds
}

// putBack adds a scan that has not been done.
func (s *scanner) putBack(since time.Time, holds int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() || since.Before(s.since) {
		s.since = since
	}
	s.holds += holds
}

// scanAgain is how soon a scan that could not be carried out is tried again.
const scanAgain = 10 * time.Second

// run carries out the scans that are asked for, until ctx ends.
func (s *scanner) run(ctx context.Context) error {
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.asked:
		case <-again:
		}
		again = nil
		since, holds := s.take()
		if holds == 0 {
			continue
		}
		if !s.find(ctx, since) {
			// The watermarks stay held; whoever goes on with this root has to scan.
			s.putBack(since, holds)
			again = time.After(scanAgain)
			continue
		}
		s.lanes.settle(holds)
	}
}

// find marks what has changed since, and tells the plugins; it returns false when it could not
// finish.
func (s *scanner) find(ctx context.Context, since time.Time) bool {
	if since.Equal(everything) {
		_ = s.lanes.compare(ctx, true) // nothing is known of the tree
		return ctx.Err() == nil
	}
	if len(s.lanes) == 0 {
		return s.tellChanged(ctx, since)
	}
	return s.catchUp(ctx, since, s.lanes, s.tellScanned())
}

// everything is the since of a scan that has to treat everything as changed.
var everything = time.Unix(0, 0)

// catchUp walks the tree once and marks for the lanes what has changed since; it returns false when
// it could not finish. tell as in executor.CatchUp.
func (s *scanner) catchUp(ctx context.Context, since time.Time, lanes []*executor.Lane, tell func(string, fstree.Change)) bool {
	if len(lanes) == 0 {
		return ctx.Err() == nil
	}
	began := time.Now()
	count, err := executor.CatchUp(ctx, since, lanes, tell)
	if err != nil || ctx.Err() != nil {
		if ctx.Err() == nil {
			s.log.Warn("catch-up scan ended early, it is tried again", zap.Error(err))
		}
		return false
	}
	s.log.Info("catch-up scan done", zap.Time("since", since), zap.Int64("directories", count.Dirs),
		zap.Int64("others", count.Others), zap.Duration("took", time.Since(began)))
	return true
}

// resume finds what has changed since, for lanes that have a watermark. Strange places are compared
// as a whole.
func (s *scanner) resume(ctx context.Context, known []*executor.Lane, since time.Time, strange []string) {
	for _, l := range known {
		// While the watermark is held nothing is lost if this is ended half-way.
		l.Suspect(since)
		for _, path := range strange {
			l.Mark(path, dirty.Tree|dirty.Extras)
		}
		l.Complete()
	}
	found := s.catchUp(ctx, since, known, nil)
	if ctx.Err() != nil {
		s.putBack(since, 1)
		return
	}
	for _, l := range known {
		if found {
			_ = l.LookAtTarget(ctx, since)
		} else {
			_ = l.FullSync(ctx, fullsync.Request{Unknown: true})
		}
		l.Settled()
	}
}

// tellScanned tells the plugins of one entry that a scan has found, where the
// kernel's events were lost. What was deleted shows as a change of its
// directory. nil without plugins.
func (s *scanner) tellScanned() func(rel string, c fstree.Change) {
	if s.notify == nil {
		return nil
	}
	var mu sync.Mutex // finds come from several goroutines
	return func(rel string, c fstree.Change) {
		dir := c.Type == unix.DT_DIR
		if rel == "" || s.skip(rel, dir) {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		s.notify(filterqueue.Notice{Path: rel, Dir: dir, Marked: len(s.lanes) > 0})
	}
}

// tellChanged scans for the plugins alone: no lane has to bring anything.
func (s *scanner) tellChanged(ctx context.Context, since time.Time) bool {
	tell := s.tellScanned()
	if tell == nil {
		return ctx.Err() == nil
	}
	fd, err := s.guard.openBelow("")
	if err == nil {
		defer func() { _ = unix.Close(fd) }()
		opt := fstree.ScanOptions{Each: true, Skip: func(rel string) bool { return s.skip(rel, true) }}
		_, err = fstree.Changed(ctx, fd, since, opt, tell)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("plugins cannot be told yet of lost changes, will try again", zap.Error(err))
	}
	return err == nil && ctx.Err() == nil
}
