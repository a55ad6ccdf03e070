package carry

import (
	"context"
	"slices"
	"strings"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport"
)

// lookAround looks at every path whose fate the runs of a flight leave open.
func (c *Carrier) lookAround(ctx context.Context, o *outcome.Outcome) {
	o.Seen = map[string]fstree.Found{}
	_ = c.Looks(ctx, o.OpenQuestions(c.Terms.FollowLinks), func(path string, f fstree.Found) { o.Seen[path] = f })
	if o.Kind == plan.KindSurvey || o.Kind == plan.KindFull {
		o.Gone = c.Gone()
		c.lookUp(ctx, o.Extras)
	}
	if o.Kind != plan.KindFull { // it looks between its halves
		c.findLinked(ctx, o)
	}
	if o.Err != nil {
		return
	}
	for _, w := range o.Works {
		switch {
		case o.Kind == plan.KindSurvey && w.Found.State == fstree.Present && w.Flags&dirty.Tree == 0:
			outcome.Keep(&o.Remade, w.Path, c.DirectoriesSince(ctx, w.Path, w.Since.Add(-sinceSlack)))
		}
	}
	fails := o.Result.Broken || o.Result.Class == transport.NoSpace
	switch {
	case len(o.Works) == 1 && o.Works[0].Tree(o.Kind) && fails:
		outcome.Keep(&o.Unfolded, o.Works[0].Path, c.Unfolded(ctx, o.Works[0].Path, o.Works[0].Flags))
	case o.Kind == plan.KindFull && (o.Result.Broken || o.Result.Unclear):
		outcome.Keep(&o.Unfolded, "", c.Unfolded(ctx, "", 0))
	}
}

// lookUp looks up here the paths that a survey has named, parents first: everything below a path
// that is gone is gone, too.
func (c *Carrier) lookUp(ctx context.Context, extras []plan.Candidate) {
	slices.SortFunc(extras, func(a, b plan.Candidate) int { return strings.Compare(a.Path, b.Path) })
	root := c.Open()
	if root == nil {
		return
	}
	defer root.Close()
	looker := root.Looker()
	defer looker.Close()
	gone := ""
	for i := range extras {
		e := &extras[i]
		switch {
		case ctx.Err() != nil:
			return
		case c.Spared(e.Path, e.Dir):
		case gone != "" && disk.Inside(e.Path, gone):
			e.Here = plan.Sight{State: fstree.Absent, At: gone}
		default:
			f := looker.Look(e.Path)
			e.Here = plan.Sight{State: f.State, Dir: f.Dir(), At: f.At}
			if f.State == fstree.Absent {
				gone = f.At
			}
		}
	}
}
