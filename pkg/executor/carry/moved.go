package carry

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/ledger"
	"github.com/sersync/sersync/pkg/transport"
)

// The remote has what was moved at its old place, which is deleted there afterwards. A run that
// begins in the new directory links the files that are equal by size and time, and sends the rest.
// This only saves bytes: whatever that run does not complete is sent as any other change.
//
// Where a filter is configured that run gets a list of what the new directory holds. What the filter
// excluded at the old place is not on it: what the remote has there is not known, and stays.

// reuses tells whether a flight may use what the remote has at the old place of a work.
func reuses(f outcome.Flight, w plan.Work) bool {
	return w.From != "" && f.Caps.Takes(transport.Elsewhere) // which may have been learnt since the plan
}

// anew is a run that sends every file.
func (r *runner) anew(k transport.Kind, caps transport.Capabilities) transport.Batch {
	run := r.Base(k, caps)
	run.Anew = true
	return run
}

// sendMoved sends trees that were moved, each in runs of its own.
func (c *Carrier) sendMoved(ctx context.Context, f outcome.Flight, plain transport.Batch) outcome.Outcome {
	parts := make([]outcome.Part, 0, len(f.Works))
	for i := range f.Works {
		parts = append(parts, outcome.Part{Works: f.Works[i : i+1], Fly: func(f outcome.Flight) outcome.Outcome { return c.sendMovedTree(ctx, f, plain) }})
	}
	return outcome.InParts(f, parts...)
}

func (c *Carrier) sendMovedTree(ctx context.Context, f outcome.Flight, plain transport.Batch) outcome.Outcome {
	w := f.Works[0]
	// None of these runs leaves out large files: most of them need not be sent.
	run, names, others := plain, []string{w.Path}, []string(nil)
	run.Reuse = transport.Reuse{Of: w.From, At: w.Path, Linked: true}
	if w.Entries != nil {
		run.Kind = transport.Send
		names, others = c.linkable(w)
	}
	o := c.link(ctx, f, run, names)
	switch {
	case o.Err != nil || o.Result.Class > transport.Again:
		return o
	case o.Result.Class != transport.Done:
		o.Result = transport.Result{Added: o.Result.Added, Spared: o.Result.Spared}
		o.Join(c.sendTrees(ctx, f, plain))
		return o
	case w.Entries != nil:
		plain.Kind = transport.Send
		if o.Join(c.execute(ctx, f, plain, others)); o.Err != nil || o.Result.Class > transport.Again {
			return o
		}
	}
	o.Run = plain
	touched := c.versions.touchedInTrees(ctx, &o)
	c.versions.twins(ctx, &o, touched)
	if o.Err == nil && c.Terms.Update && o.Result.Class <= transport.Again {
		c.versions.newest(ctx, &o, touched, nil)
	}
	return o
}

// linkable splits the entries of a moved tree into those that the run in the new directory gets, and
// the others: the directory itself, for whose name rsync would send all that is in it, and what is
// excluded at the old place.
func (c *Carrier) linkable(w plan.Work) (names, others []string) {
	for _, name := range w.Entries {
		before := w.From + name[len(w.Path):]
		if name == w.Path || c.Excludes(before, true) || c.Excludes(before, false) {
			others = append(others, name)
		} else {
			names = append(names, name)
		}
	}
	return names, others
}

// sendMovedFile brings a big file to its new directory before it is compared there. A file that was
// renamed in its directory is built there from the file under the old name.
func (c *Carrier) sendMovedFile(ctx context.Context, f outcome.Flight, run transport.Batch) outcome.Outcome {
	w := f.Works[0]
	if w.Renamed() {
		run.Similar = true
		return c.sendAndCompare(ctx, f, run)
	}
	link := run
	link.Reuse = transport.Reuse{Of: disk.ParentOf(w.From), At: disk.ParentOf(w.Path), Linked: true}
	link.Resume = w.Way == plan.Resumable
	o := c.link(ctx, f, link, []string{w.Path})
	if o.Err == nil && o.Result.Class <= transport.Again {
		o.Result = transport.Result{Added: o.Result.Added, Spared: o.Result.Spared}
		o.Join(c.sendAndCompare(ctx, f, run))
	}
	return o
}

// link carries a run for one work that links what the remote has elsewhere. A run before it makes
// the directory, and removes a link or a file in its place: the run begins in that directory, and
// must not follow a link of the remote's.
func (c *Carrier) link(ctx context.Context, f outcome.Flight, run transport.Batch, names []string) outcome.Outcome {
	o := outcome.NewOutcome(f)
	if run.At != "" {
		o = c.execute(ctx, f, c.Base(transport.Send, f.Caps), []string{run.At})
	}
	if o.Err == nil && o.Result.Class == transport.Done && len(names) > 0 {
		o.Join(c.execute(ctx, f, run, names))
	}
	if o.Err == nil && o.Result.Class == transport.Done {
		c.noteLinked(ctx, &o, names)
	}
	return o
}

// noteLinked enters linked files into the ledger: the remote has these versions, although they were
// not sent.
func (c *Carrier) noteLinked(ctx context.Context, o *outcome.Outcome, names []string) {
	if c.ledger == nil {
		return
	}
	w := o.Works[0]
	if w.Found.Regular() {
		c.ledger.Add([]ledger.Version{disk.FileOf(w.Path, &w.Found.Stat).Version()})
		return
	}
	if w.Entries != nil {
		linked := &sends{to: c.ledger, files: c.Files}
		for _, name := range o.NotSent(names) {
			linked.add(name)
		}
		linked.flush()
		return
	}
	var versions []ledger.Version
	c.RegularFiles(ctx, w.Path, func(rel string) bool { return !o.WasSent(rel) }, func(rel string, st *unix.Stat_t) {
		if versions = append(versions, disk.FileOf(rel, st).Version()); len(versions) == sendsMost {
			c.ledger.Add(versions)
			versions = nil
		}
	})
	if len(versions) > 0 {
		c.ledger.Add(versions)
	}
}
