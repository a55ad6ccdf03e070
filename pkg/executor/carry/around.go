package carry

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

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

// findLinked finds the files with several names that a flight leaves to be sent once more, with all
// their names. These are all below the trees of a run, for the names outside of a tree were not in
// it (see withOtherNames), and those that runs with lists have left undone.
func (c *Carrier) findLinked(ctx context.Context, o *outcome.Outcome) {
	if !c.Terms.HardLinks {
		return
	}
	if o.Kind == plan.KindTree && o.Err == nil && o.Result.Class <= transport.Again {
		for _, w := range o.Works {
			c.linkedBelow(ctx, o, w.Path)
		}
	}
	leftOnLists(o)
}

// linkedBelow has the files with several names below a directory sent once more. A file that had
// another name until that vanished from the run counts, too: removing a name changes the ctime.
func (c *Carrier) linkedBelow(ctx context.Context, o *outcome.Outcome, path string) {
	vanished, began := len(o.Result.Vanished) > 0, o.Began.Add(-sinceSlack)
	c.RegularFiles(ctx, path, nil, func(rel string, st *unix.Stat_t) {
		if st.Nlink > 1 || vanished && disk.Stamp(st.Ctim).After(began) {
			o.Linked = append(o.Linked, rel)
		}
	})
}

// leftOnLists has the hard-linked files of lists sent once more when something was left undone: when
// rsync cannot open one of the names it may leave out the others without a word, and when it breaks
// off it may have replaced some of them.
func leftOnLists(o *outcome.Outcome) {
	if o.Err == nil && o.Result.Class == transport.Done && !o.HasVanished(o.Several) {
		return
	}
	o.Linked = append(o.Linked, o.Several...)
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
