package daemon

import (
	"context"
	"time"

	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/stream"
	publish "github.com/sersync/sersync/pkg/transport/stream"
)

// reportGrace is how long an edge may take to report a message as applied, since it reports only at
// intervals.
const reportGrace = 3 * stream.ReportEvery

// edgesOf are the edges of a lane's stream, of which it lists at most a given number; nil: the lane
// has no stream.
func (s *site) edgesOf(lane string, now time.Time, most int) *status.Edges {
	p := s.streams[lane]
	if p == nil {
		return nil
	}
	all := p.Edges(now)
	list := make([]status.Edge, 0, len(all.List))
	for _, e := range all.List {
		list = append(list, edgeOf(e, all, now))
	}
	return status.EdgesOf(list, all.Refused, most)
}

func edgeOf(e publish.Edge, all publish.Edges, now time.Time) status.Edge {
	out := status.Edge{
		Name: e.Edge, Sequence: e.Sequence, Dirty: e.Dirty, Failures: e.Failures, Reason: e.Trouble, Remedy: e.Remedy, Heard: e.Heard,
		Version: e.Version, State: status.EdgeInSync, Lag: status.Seconds(e.Lag * float64(time.Second)),
	}
	since, lacks := all.Lacks(e)
	lag := now.Sub(since)
	switch {
	case e.Silent:
		out.State = status.EdgeSilent
		out.Lag = max(out.Lag, status.Seconds(now.Sub(e.Heard)))
	case e.Trouble != "":
		out.State = status.EdgeTroubled
	case e.Bootstrapping:
		out.State = status.EdgeComparing
	case e.Dirty > 0 || e.Failures > 0 || lacks && lag > reportGrace:
		out.State = status.EdgeBehind
		if lacks {
			out.Lag = max(out.Lag, status.Seconds(lag))
		}
	}
	return out
}

// placeNames is how many edges that lack a path the answer of --where names.
const placeNames = 20

// onEdges adds to the answer of --where which edges have applied what was published of the path.
// They are not asked: each reports how far it is, and the publisher knows when it has published the
// path.
func onEdges(where func(context.Context, string) status.Place, p *publish.Publisher) func(context.Context, string) status.Place {
	return func(ctx context.Context, path string) status.Place {
		place := where(ctx, path)
		all := p.Edges(time.Now())
		if len(all.List) == 0 || place.Waiting != nil || place.Excluded != nil {
			return place
		}
		edges := &status.PlaceEdges{Known: len(all.List)}
		generation, exact := p.Published(path)
		edges.Exact = exact
		for _, e := range all.List {
			if e.Epoch == all.Epoch && e.Generation >= generation {
				continue
			}
			edges.Lacking++
			if len(edges.Names) < placeNames {
				edges.Names = append(edges.Names, e.Edge)
			}
		}
		place.Edges, place.Reason, place.Remedy, place.Detail = edges, "", "", ""
		place.Verdict = status.Same
		if edges.Lacking > 0 {
			place.Verdict = status.Other
		}
		return place
	}
}
