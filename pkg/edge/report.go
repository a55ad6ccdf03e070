package edge

import (
	"context"
	"time"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/edge/follow"
	"github.com/sersync/sersync/pkg/stream"
)

// announceEvery is how often a mirror announces that it has more, so that the edges which fetch
// from it need not ask the source.
const announceEvery = time.Second

// report tells the hub the state of a tree: when something has changed, not more often than
// stream.ReportEvery, and at the latest after stream.ReportLatest.
func (s *site) report(ctx context.Context, t *tree) error {
	every := stream.ReportEvery
	if t.conf.Serves {
		every = announceEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	var r reporter
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			f := t.follower.Figures()
			if t.conf.Serves {
				s.announce(t, f, now, &r)
			}
			s.sendReport(t, f, now, &r)
		}
	}
}

// reporter remembers what was reported last.
type reporter struct {
	report    stream.Report
	said      time.Time
	announced stream.Mirror
	renewed   time.Time
}

func (s *site) sendReport(t *tree, f follow.Figures, now time.Time, r *reporter) {
	next := reportOf(s.conf.Name, t.conf.Name, f, now)
	last := r.report
	last.Time = next.Time
	switch age := now.Sub(r.said); {
	case age < stream.ReportEvery-time.Second/2:
		return
	case last == next && age < stream.ReportLatest:
		return
	}
	data, err := next.Encode()
	if err == nil && s.client.Publish(stream.ReportSubject(s.conf.Name, t.conf.Name), data) == nil {
		r.report, r.said = next, now
	}
}

// reportOf makes a report of a tree's figures.
func reportOf(edge, tree string, f follow.Figures, now time.Time) stream.Report {
	r := stream.Report{
		Edge: edge, Tree: tree, Sequence: f.Done.Sequence, Generation: f.Done.Generation, Dirty: int64(f.Dirty), Failures: int64(f.Failing),
		Refused: int64(f.Refused), Bootstrapping: f.Comparing, Version: cli.ReleaseVersion(), Time: now.UTC(),
	}
	why := f.Trouble()
	r.Trouble, r.Remedy = why.Reason, why.Remedy
	if f.Known {
		r.Epoch = stream.EpochText(f.Epoch)
	}
	if !f.Behind.IsZero() {
		r.Lag = max(0, now.Sub(f.Behind).Seconds())
	}
	return r
}

// announce says how far this mirror is. While its tree is compared as a whole it announces nothing
// new, for what it has is not known then.
func (s *site) announce(t *tree, f follow.Figures, now time.Time, r *reporter) {
	if !f.Known || f.Comparing {
		return
	}
	next := stream.Mirror{Edge: s.conf.Name, Tree: t.conf.Name, Epoch: stream.EpochText(f.Epoch), Generation: f.Done.Generation, Time: now.UTC()}
	last := r.announced
	last.Time = next.Time
	if last == next && now.Sub(r.renewed) < stream.ReportLatest {
		return
	}
	data, err := next.Encode()
	if err == nil && s.client.Publish(stream.MirrorSubject(s.conf.Name, t.conf.Name), data) == nil {
		r.announced, r.renewed = next, now
	}
}
