package carry

import (
	"context"
	"time"

	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// CompareOne fills in what the remote has of one path. The failure says why that
// could not be found out.
func (c *Carrier) CompareOne(ctx context.Context, caps transport.Capabilities, p *status.Place, found fstree.Found, wanted bool) plan.Failure {
	compares := wanted && found.State == fstree.Present
	if !compares {
		return c.compareTimes(ctx, caps, p)
	}
	p.Contents = found.Regular() && found.Stat.Size <= contentsUpTo && !caps.NoChecksum
	o := c.differenceOf(ctx, caps, p)
	switch {
	case len(o.Result.Unwanted) > 0:
		p.Excluded, p.Verdict = &status.Exclusion{By: status.ByRemote}, status.Missing
	case o.Err != nil || o.Result.Class > transport.Again || o.Result.Unclear:
		return outcome.FailureOf(o)
	case len(o.Result.Failed) > 0:
		bad := o.Result.Failed[0]
		return plan.Failure{Reason: bad.Reason(), Detail: bad.Text, Remedy: o.Result.Remedy}
	default:
		change, differs := o.Changed[p.Path]
		return c.judgeOne(ctx, caps, p, change, differs)
	}
	return plan.Failure{}
}

// judgeOne derives the verdict from what a comparison has said of one path. Only the times tell
// which of two versions is newer. A directory that differs in nothing but its time is the same, for
// its time is set by its entries.
func (c *Carrier) judgeOne(ctx context.Context, caps transport.Capabilities, p *status.Place, change transport.Change, differs bool) (why plan.Failure) {
	switch {
	case differs && change.New:
		p.Verdict = status.Missing
	case !differs || change.Dir && change.OnlyTime:
		p.Verdict, p.There = status.Same, &status.Copy{Kind: p.Here.Kind, Size: p.Here.Size}
	default:
		p.Verdict = status.Other
		if p.Here.Kind != "file" || caps.NoList {
			return plan.Failure{}
		}
		if p.There, why = c.copyThere(ctx, caps, p.Path); why.Reason != "" {
			return plan.Failure{} // it is known at least that the path differs
		}
		if v := byTimes(p.Here, p.There); v == status.Older || v == status.Ahead {
			p.Verdict = v
		}
	}
	return plan.Failure{}
}

// compareTimes derives the verdict from size and time alone.
func (c *Carrier) compareTimes(ctx context.Context, caps transport.Capabilities, p *status.Place) (why plan.Failure) {
	if caps.NoList {
		return plan.Failure{Reason: "the module is write only"}
	}
	if p.There, why = c.copyThere(ctx, caps, p.Path); why.Reason == "" {
		p.Verdict = byTimes(p.Here, p.There)
	}
	return why
}

// byTimes judges two copies by their sizes and times, in whole seconds.
func byTimes(here, there *status.Copy) status.Verdict {
	switch {
	case here == nil && there == nil:
		return status.Same
	case here == nil:
		return status.Only
	case there == nil:
		return status.Missing
	case here.Kind != there.Kind || there.Modified.IsZero():
		return status.Other
	}
	switch mine := here.Modified.Truncate(time.Second); {
	case there.Modified.Before(mine):
		return status.Older
	case there.Modified.After(mine):
		return status.Ahead
	case here.Size != there.Size && here.Kind == "file":
		return status.Other
	}
	return status.Same
}

// differenceOf compares one path with the remote's, as a full sync without -u
// would, and changes nothing.
func (c *Carrier) differenceOf(ctx context.Context, caps transport.Capabilities, p *status.Place) outcome.Outcome {
	run := c.Base(transport.Send, caps)
	run.Verify, run.LiftUpdate, run.Contents, run.RootAlone = true, true, p.Contents, p.Path == ""
	o := outcome.NewOutcome(outcome.Flight{Kind: plan.KindSend, Caps: caps})
	o.Run = run
	c.carry(ctx, []string{p.Path}, c.newReader(&o))
	return o
}

// copyThere asks what the remote has of one path; nil: nothing.
func (c *Carrier) copyThere(ctx context.Context, caps transport.Capabilities, path string) (there *status.Copy, why plan.Failure) {
	run := c.Base(transport.Times, caps)
	trip, err := c.way.Do(ctx, transport.Call{Batch: run, Names: []string{path}, Copied: func(copied transport.Copy) {
		switch {
		case copied.Path != path:
		case copied.Other:
			there = &status.Copy{Kind: "other"}
		case copied.Dir:
			there = &status.Copy{Kind: "directory", Size: copied.Size, Modified: copied.Mtime}
		default:
			there = &status.Copy{Kind: "file", Size: copied.Size, Modified: copied.Mtime}
		}
	}})
	if err != nil {
		return nil, outcome.FailureOf(outcome.Outcome{Err: err})
	}
	o := outcome.Outcome{Run: run, Result: trip.Result}
	if there == nil && o.Result.Exit != 0 && o.Result.Exit != partialTransfer {
		return nil, outcome.FailureOf(o)
	}
	return there, plan.Failure{}
}

// contentsUpTo is the size in bytes up to which a question about one file compares
// contents: both sides read that much in a few milliseconds.
const contentsUpTo = 4 << 20

// partialTransfer is rsync's exit status when a listed name is not there.
const partialTransfer = 23
