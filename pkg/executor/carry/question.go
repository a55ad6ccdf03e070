package carry

import (
	"context"

	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport"
)

// survey asks the target what only it has, in and below directories of which entries may have been
// deleted unseen, and, with a filter, in directories that are gone here. It changes nothing.
func (c *Carrier) survey(ctx context.Context, f outcome.Flight) outcome.Outcome {
	o := outcome.NewOutcome(f)
	for _, part := range []struct {
		kind     transport.Kind
		patterns []string
		in       func(plan.Work) bool
	}{
		{transport.SurveyGone, nil, func(w plan.Work) bool { return w.Found.State == fstree.Absent && w.Way != plan.Sparing }},
		{transport.SurveyGone, f.Patterns, func(w plan.Work) bool { return w.Found.State == fstree.Absent && w.Way == plan.Sparing }},
		{transport.SurveyTrees, nil, func(w plan.Work) bool {
			return w.Found.State == fstree.Present && w.Flags&dirty.Tree != 0
		}},
		{transport.SurveyFlat, nil, func(w plan.Work) bool {
			return w.Found.State == fstree.Present && w.Flags&dirty.Tree == 0
		}},
	} {
		var names []string
		for _, w := range f.Works {
			if part.in(w) {
				names = append(names, w.Path)
			}
		}
		if len(names) == 0 {
			continue
		}
		run := c.Base(part.kind, f.Caps)
		run.Excludes = part.patterns
		before := o.Result
		c.question(ctx, run, names, &o)
		if o.Err != nil || o.Result.Class > transport.Again {
			return o
		}
		if before.Class == transport.Partly {
			before.Unclear = before.Unclear || o.Result.Unclear
			before.Failed = append(before.Failed, o.Result.Failed...)
			o.Result = before
		}
	}
	c.versions.findForeign(ctx, &o)
	return o
}

// question runs one survey and collects its candidates into o.
func (c *Carrier) question(ctx context.Context, run transport.Batch, names []string, o *outcome.Outcome) {
	o.Run = run
	reader := c.newReader(o)
	reader.sends = nil
	reader.each = func(found transport.Change) {
		switch path := found.Path; {
		case len(o.Extras) >= c.mostExtras:
			o.Cut = true
		case found.Deleted:
			o.Extras = append(o.Extras, plan.Candidate{Path: path, Dir: found.Dir})
		case found.Dir && found.Sent && c.Excludes(path, true) && !c.Excludes(path, false):
			o.Extras = append(o.Extras, plan.Candidate{Path: path, Suspect: true})
		case run.LiftUpdate && c.untimed(found):
			if len(o.Untimed) < maxChanges {
				o.Untimed = append(o.Untimed, path)
			}
		case run.LiftUpdate && found.Sent && !found.Dir && !c.Excludes(path, false):
			if len(o.Others) < maxChanges {
				o.Others = append(o.Others, path)
			} else {
				o.MoreOthers++
			}
		}
	}
	files, sent := o.Files, o.Sent
	if c.carry(ctx, names, reader); o.Err != nil {
		return
	}
	o.Files, o.Sent = files, sent // nothing was sent by a question
}
