package daemon

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/whereabouts"
)

// inquiries answers an operator's questions about paths and lanes, for the status page's servers.
type inquiries struct {
	daemon *Daemon
	finder *whereabouts.Finder
}

func newInquiries(d *Daemon) *inquiries { return &inquiries{d, whereabouts.New()} }

// shownDeletions is how many deletions an opened lane shows.
const shownDeletions = 50

// Where implements statuspage.Inquiries.
func (q *inquiries) Where(ctx context.Context, path string) (status.Whereabouts, error) {
	var roots []whereabouts.Root
	number := 0
	if s := q.daemon.current.Load(); s != nil {
		for _, r := range s.roots {
			root := whereabouts.Root{Dir: r.Dir(), Watch: r.WatchPath(), Writing: r.Unsettled}
			for _, l := range r.Lanes() {
				number++
				where := l.Where
				if p := s.streams[l.ID()]; p != nil {
					where = onEdges(where, p)
				}
				root.Lanes = append(root.Lanes, whereabouts.Lane{Number: number, Rules: s.rules[l.ID()], Where: where})
			}
			roots = append(roots, root)
		}
	}
	return q.finder.Find(ctx, roots, path)
}

// each calls f with every lane and its number in the status.
func (q *inquiries) each(f func(number int, s *site, l *executor.Lane)) {
	s := q.daemon.current.Load()
	if s == nil {
		return
	}
	number := 0
	for _, r := range s.roots {
		for _, l := range r.Lanes() {
			number++
			f(number, s, l)
		}
	}
}

// Pending implements statuspage.Inquiries.
func (q *inquiries) Pending(lane string, limit int) (status.Pending, error) {
	all, found := status.Pending{Waits: []status.Wait{}}, lane == ""
	q.each(func(number int, _ *site, l *executor.Lane) {
		if lane != "" && lane != l.ID() {
			return
		}
		found = true
		waits, total := pendingOf(l, limit, time.Now())
		for i := range waits {
			waits[i].Number = number
		}
		all.Total, all.Waits = all.Total+total, append(all.Waits, waits...)
	})
	if !found {
		return all, fmt.Errorf("%w: %q", status.ErrUnknownLane, lane)
	}
	return all.Oldest(limit), nil
}

// fullSyncOwed is the reason why a whole tree waits.
const fullSyncOwed = "the full sync is not done"

// pendingOf is what waits on a lane. A full sync that was asked for and is not done is
// one of these, also where no single path is known to differ.
func pendingOf(l *executor.Lane, limit int, now time.Time) (waits []status.Wait, total int) {
	waits, total = l.Pending(limit)
	s := l.Snapshot(now)
	held := slices.ContainsFunc(waits, func(w status.Wait) bool { return w.Path == "" && w.Reason != "" && w.Attempt == 0 })
	if s.FullSyncSince.IsZero() || held {
		return waits, total
	}
	whole := status.Wait{Tree: true, Since: s.FullSyncSince, InFlight: s.Progress != nil, Reason: fullSyncOwed, LaneID: s.ID, Root: s.Root}
	return append(waits, whole), total + 1
}

// Detail implements statuspage.Inquiries.
func (q *inquiries) Detail(lane string, names bool) (d status.Detail, err error) {
	err = fmt.Errorf("%w: %q", status.ErrUnknownLane, lane)
	q.each(func(number int, s *site, l *executor.Lane) {
		if l.ID() != lane {
			return
		}
		now := time.Now()
		d = status.Detail{Now: now, Names: names, Lane: l.Snapshot(now), Causes: l.Causes(), Deletions: []status.Deletion{}}
		d.Lane.Verify = q.daemon.lastVerify(lane)
		d.Lane.Edges = s.edgesOf(lane, now, status.EdgesLimit)
		d.Hour, d.Day = l.Past(now)
		d.Pending.Waits, d.Pending.Total = pendingOf(l, status.DefaultPending, now)
		if names && s.stores.audit != nil {
			d.Deletions = s.deletionsOf(lane)
		}
		err = nil
	})
	return d, err
}

// deletionsOf is what the audit log has of a lane.
func (s *site) deletionsOf(lane string) []status.Deletion {
	list := []status.Deletion{}
	found, err := s.stores.audit.Recent(lane, shownDeletions)
	if err != nil {
		s.log.Warn("audit log of deletions cannot be shown", zap.Error(err))
	}
	for _, d := range found {
		list = append(list, status.Deletion{Time: d.Time, Path: d.Path, Cause: string(d.Cause)})
	}
	return list
}
