package carry

import (
	"context"
	"maps"
	"slices"
	"syscall"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/ledger"
	"github.com/sersync/sersync/pkg/transport"
)

// Carrier brings flights to the remote. It does not know the lane's dirty set, and all its methods
// run beside the lane's loop.
type Carrier struct {
	*runner
	versions *versions
	// held and mostExtras are those of Options.
	held       func(path string, event bool) string
	mostExtras int
}

// Tools are what a carrier needs. They are immutable.
type Tools struct {
	Way       transport.Transport
	MayDelete bool           // the delete switch
	Ledger    *ledger.Ledger // may be nil
	// Scratch is a directory of this program's own; empty: there is none.
	Scratch string
	// Held is the brake: why nothing may be deleted at a path, or "".
	Held func(path string, event bool) string
	// Names finds all names of files by their inode numbers; may be nil.
	Names func(ctx context.Context, inodes map[uint64]bool) []string
	// MostExtras bounds how many entries of one answer are kept; 0: 200,000.
	MostExtras int
	Log        *zap.Logger
}

// NewCarrier returns the carrier of a lane with this disk.
func NewCarrier(d *disk.Disk, t Tools) *Carrier {
	if t.MostExtras == 0 {
		t.MostExtras = 200_000
	}
	r := &runner{Disk: d, way: t.Way, mayDelete: t.MayDelete, ledger: t.Ledger, names: t.Names, log: t.Log}
	return &Carrier{runner: r, versions: &versions{r, t.Scratch}, held: t.Held, mostExtras: t.MostExtras}
}

// sendRun sends files, single directories and small trees: through the standby when there is one,
// else by a process of its own. Equal size and time do not prove equal contents: two writes within
// one tick of the kernel's clock leave the same time, and so do two files of one archive, of which
// one may replace the other; and with the user's -u only whole seconds are compared (see package
// rsync). So contents are compared, except where an event says that only attributes have changed,
// and for files that another host has put here, or may have.
func (c *Carrier) sendRun(ctx context.Context, f outcome.Flight) outcome.Outcome {
	root, entries := outcome.Split(f.Works, func(w plan.Work) bool { return w.Path == "" })
	var replaced []plan.Work
	if f.Peer {
		replaced, entries = c.replaced(entries)
	}
	attributed, entries := outcome.Split(entries, func(w plan.Work) bool {
		why, asks := asksFirst(w, c.Terms)
		return asks && why == byAttributes && !f.Caps.NoList
	})
	asked, entries := outcome.Split(entries, func(w plan.Work) bool { _, asks := asksFirst(w, c.Terms); return asks && !f.Caps.NoList })
	anew, entries := outcome.Split(entries, func(w plan.Work) bool { return w.Anew })
	plain, touched := outcome.Split(entries, func(w plan.Work) bool { return w.Found.Regular() && !w.Touched() })
	if !slices.ContainsFunc(touched, func(w plan.Work) bool { return w.Found.Regular() || w.Entries != nil }) {
		plain, touched = entries, nil // one run is enough
	}
	attributes := c.Base(transport.Send, f.Caps)
	attributes.Attributes = true
	return outcome.InParts(f,
		outcome.Part{Works: replaced, Fly: lookAgain},
		outcome.Part{Works: anew, Fly: func(f outcome.Flight) outcome.Outcome { return c.sendList(ctx, f, c.anew(transport.Send, f.Caps)) }},
		outcome.Part{Works: plain, Fly: func(f outcome.Flight) outcome.Outcome { return c.sendList(ctx, f, attributes) }},
		outcome.Part{Works: touched, Fly: func(f outcome.Flight) outcome.Outcome { return c.sendTouched(ctx, f) }},
		outcome.Part{Works: attributed, Fly: func(f outcome.Flight) outcome.Outcome { return c.versions.sendAsked(ctx, f) }},
		outcome.Part{Works: asked, Fly: func(f outcome.Flight) outcome.Outcome { return c.versions.sendAsked(ctx, f) }},
		outcome.Part{Works: root, Fly: func(f outcome.Flight) outcome.Outcome { return c.sendRoot(ctx, f) }},
	)
}

// replaced splits works into those whose file was replaced since it was looked at, perhaps by an
// arrival, and the rest.
func (c *Carrier) replaced(works []plan.Work) (replaced, rest []plan.Work) {
	names := make([]string, 0, len(works))
	for _, w := range works {
		if w.Found.Regular() && w.Flags&dirty.Content != 0 {
			names = append(names, w.Path)
		}
	}
	now := make(map[string]disk.File, len(names))
	for _, f := range c.Files(names) {
		now[f.Path] = f
	}
	return outcome.Split(works, func(w plan.Work) bool {
		f, ok := now[w.Path]
		return ok && !f.Change.Equal(disk.Stamp(w.Found.Stat.Ctim)) && !f.Change.Equal(f.Mtime)
	})
}

// lookAgain is the outcome of a flight that sends nothing, and whose works are to be looked at
// again.
func lookAgain(f outcome.Flight) outcome.Outcome {
	o := outcome.NewOutcome(f)
	for _, w := range f.Works {
		o.Wait(w.Path, w.Taken)
	}
	return o
}

// fewTouched is how many files are at most compared by their contents in the run that sends them.
// Among more files, and among big ones, most differ in size or time, so that it would be a waste to
// read all of them on both sides: then a second run compares the contents of those that the first
// one took for equal.
const fewTouched = 64

func (c *Carrier) sendTouched(ctx context.Context, f outcome.Flight) outcome.Outcome {
	names := plan.NamesOf(f.Works)
	run := c.OfEvents(f.Caps, f.Peer)
	if w := f.Works[0]; f.Kind == plan.KindBig && reuses(f, w) {
		return c.sendMovedFile(ctx, f, run)
	}
	run.Contents = f.Kind != plan.KindBig && len(names) <= fewTouched
	if run.Contents {
		return c.sendNames(ctx, f, run, names)
	}
	return c.sendAndCompare(ctx, f, run)
}

// OfEvents is a run of files that were changed here. What a peer has of the same second
// stays at first: between the look at a file and rsync's reading of it the peer's version
// may have taken its place, and would go back over what was written there since then.
func (r *runner) OfEvents(caps transport.Capabilities, peer bool) transport.Batch {
	run := r.Base(transport.Send, caps)
	run.KeepSecond = peer && r.Terms.Update && !caps.NoList
	return run
}

// sendAndCompare sends works, and compares the contents of those that were taken for
// equal.
func (c *Carrier) sendAndCompare(ctx context.Context, f outcome.Flight, run transport.Batch) outcome.Outcome {
	names := plan.NamesOf(f.Works)
	o := c.sendNames(ctx, f, run, names)
	if o.Err == nil && o.Result.Class <= transport.Again && !run.KeepSecond { // else each was asked about
		c.versions.twins(ctx, &o, c.filesFound(byEvent, o.NotSent(names)))
	}
	return o
}

// sendRoot sends the watch root itself without its content.
func (c *Carrier) sendRoot(ctx context.Context, f outcome.Flight) outcome.Outcome {
	run := c.Base(transport.Send, f.Caps)
	run.RootAlone = true
	return c.execute(ctx, f, run, []string{""})
}

// sendList sends works, and after it what -u has held back of them.
func (c *Carrier) sendList(ctx context.Context, f outcome.Flight, run transport.Batch) outcome.Outcome {
	return c.sendNames(ctx, f, run, plan.NamesOf(f.Works))
}

func (c *Carrier) sendNames(ctx context.Context, f outcome.Flight, run transport.Batch, names []string) outcome.Outcome {
	run.Resume, run.Patient = f.Kind == plan.KindBig && f.Works[0].Way == plan.Resumable, f.Kind == plan.KindSlow
	o := c.executeAs(ctx, f, run, names, !c.ListsTrees())
	if o.Err == nil && c.Terms.Update && o.Result.Class <= transport.Again {
		c.versions.newest(ctx, &o, c.versions.touchedInTrees(ctx, &o), nil)
	}
	return o
}

// treeRun sends directories with everything below them. A directory that was deleted and is here
// again replaces what the target has, so equal size and time are not trusted. Where deletions are
// allowed, the run does what the deletion would have done: -u is lifted, and the run deletes
// inside, unless a survey names what it has to delete there. A directory that follows no deletion
// must do none of that, so the two kinds do not share a run.
func (c *Carrier) treeRun(ctx context.Context, f outcome.Flight) outcome.Outcome {
	apart, unlisted := map[string]dirty.Flags(nil), []outcome.Unlisted(nil)
	if c.ListsTrees() {
		f.Works, apart, unlisted = c.listed(ctx, f.Works)
	}
	if len(f.Works) == 0 {
		o := outcome.NewOutcome(f)
		o.Unlisted = unlisted
		return o
	}
	for i, w := range f.Works {
		// The brake is asked now, not at the time of the look, for the work has waited for its turn
		// since then.
		if w.DeletesInside() && c.mayDelete && c.held(w.Path, true) != "" {
			f.Works[i].Way = plan.Braked
		}
	}
	keeping := c.Base(transport.Tree, f.Caps)
	keeping.KeepSecond = c.Terms.Update && !f.Caps.NoList
	replaced, rest := outcome.Split(f.Works, func(w plan.Work) bool { return w.Flags&dirty.Gone != 0 })
	anew, rest := outcome.Split(rest, func(w plan.Work) bool { return w.Anew })
	moved, rest := outcome.Split(rest, func(w plan.Work) bool { return reuses(f, w) })
	unsure, rest := outcome.Split(rest, func(w plan.Work) bool { return keeping.KeepSecond && w.MayHoldArrivals() })
	deleted, kept := outcome.Split(replaced, func(w plan.Work) bool { return w.Way != plan.Braked && c.mayDelete && !f.Caps.NoDelete })
	inside, named := outcome.Split(deleted, plan.Work.DeletesInside)
	plain := c.Base(transport.Tree, f.Caps)
	comparing := plain
	comparing.Contents = true
	replacing := comparing
	replacing.LiftUpdate = true
	deleting := replacing
	deleting.DeleteInside = true
	o := outcome.InParts(f,
		outcome.Part{Works: moved, Fly: func(f outcome.Flight) outcome.Outcome { return c.sendMoved(ctx, f, plain) }},
		outcome.Part{Works: anew, Fly: func(f outcome.Flight) outcome.Outcome { return c.sendTrees(ctx, f, c.anew(transport.Tree, f.Caps)) }},
		outcome.Part{Works: rest, Fly: func(f outcome.Flight) outcome.Outcome { return c.sendTrees(ctx, f, plain) }},
		outcome.Part{Works: unsure, Fly: func(f outcome.Flight) outcome.Outcome { return c.sendTrees(ctx, f, keeping) }},
		outcome.Part{Works: kept, Fly: func(f outcome.Flight) outcome.Outcome { return c.sendTrees(ctx, f, comparing) }},
		outcome.Part{Works: named, Fly: func(f outcome.Flight) outcome.Outcome { return c.sendTrees(ctx, f, replacing) }},
		outcome.Part{Works: inside, Fly: func(f outcome.Flight) outcome.Outcome { return c.sendTrees(ctx, f, deleting) }},
	)
	o.Apart, o.Unlisted = apart, unlisted
	return o
}

// listed returns the trees with their entries, the paths that have to go by their own names, and
// the trees that could not be listed.
func (c *Carrier) listed(ctx context.Context, trees []plan.Work) (works []plan.Work, apart map[string]dirty.Flags, failed []outcome.Unlisted) {
	apart = map[string]dirty.Flags{}
	for _, w := range trees {
		list, err := c.Entries(ctx, w.Path)
		maps.Copy(apart, list.Alone)
		if err != nil {
			failed = append(failed, outcome.Unlisted{Work: w, Err: err})
			continue
		}
		w.Entries = list.Names
		works = append(works, w)
	}
	return works, apart, failed
}

// sendTrees sends the trees of one run.
func (c *Carrier) sendTrees(ctx context.Context, f outcome.Flight, run transport.Batch) outcome.Outcome {
	var names []string
	for _, w := range f.Works {
		if w.Entries != nil {
			run.Kind = transport.Send
			names = append(names, w.Entries...)
			continue
		}
		names = append(names, w.Path)
	}
	if !run.Anew {
		run.MaxSize = Bound(c.Terms, f.Most)
	}
	o := c.execute(ctx, f, run, names)
	if run.MaxSize > 0 && o.Err == nil && o.Result.Class <= transport.Again {
		o.Left = c.leftOut(ctx, f, run.MaxSize) // once more: a file may have grown meanwhile
	}
	if o.Err != nil || run.LiftUpdate || o.Result.Class > transport.Again {
		return o
	}
	if run.KeepSecond {
		c.versions.settleTree(ctx, &o, run)
		return o
	}
	touched := c.versions.touchedInTrees(ctx, &o)
	if !run.Contents {
		c.versions.twins(ctx, &o, slices.Concat(touched, c.versions.scannedInTrees(ctx, &o)))
	}
	if o.Err == nil && c.Terms.Update && o.Result.Class <= transport.Again {
		c.versions.newest(ctx, &o, touched, c.versions.heldInTrees(ctx, &o, run))
	}
	return o
}

// deleteRun deletes paths that are gone. A path may have come back between the second look and this
// moment: rsync then lists it as sent, and it is looked at again.
func (c *Carrier) deleteRun(ctx context.Context, f outcome.Flight) outcome.Outcome {
	// Patterns for whole trees and for single names cannot share a run.
	losing, rest := outcome.Split(f.Works, func(w plan.Work) bool { return w.Gone != nil })
	exact, whole := outcome.Split(rest, func(w plan.Work) bool { return w.Entries != nil })
	return outcome.InParts(f,
		outcome.Part{Works: losing, Fly: func(f outcome.Flight) outcome.Outcome { return c.loseNames(ctx, f) }},
		outcome.Part{Works: whole, Fly: func(f outcome.Flight) outcome.Outcome { return c.deleteTrees(ctx, f) }},
		outcome.Part{Works: exact, Fly: func(f outcome.Flight) outcome.Outcome { return c.deleteNames(ctx, f) }},
	)
}

func (c *Carrier) deleteTrees(ctx context.Context, f outcome.Flight) outcome.Outcome {
	names := make([]string, len(f.Works))
	for i, w := range f.Works {
		names[i] = w.Path
	}
	return c.execute(ctx, f, c.Base(transport.Delete, f.Caps), names)
}

// deleteNames deletes single names. It is no failure if a directory among them is not empty: it has
// entries that the filter excludes.
func (c *Carrier) deleteNames(ctx context.Context, f outcome.Flight) outcome.Outcome {
	run := c.Base(transport.Delete, f.Caps)
	run.Exact = true
	var names []string
	for _, w := range f.Works {
		if w.Way == plan.Hiding {
			run.Hidden = append(run.Hidden, w.Path)
		}
		names = append(names, w.Entries...)
	}
	o := c.execute(ctx, f, run, names)
	o.Result.Failed = slices.DeleteFunc(o.Result.Failed, func(e transport.PathError) bool { return e.Errno == syscall.ENOTEMPTY })
	return o
}

// loseNames deletes those names of its works that are still gone here.
func (c *Carrier) loseNames(ctx context.Context, f outcome.Flight) outcome.Outcome {
	root := c.Open()
	if root == nil {
		return outcome.Outcome{Flight: f, Err: transport.ErrRootGone} // without the root nothing can be found gone
	}
	defer root.Close()
	looker := root.Looker()
	defer looker.Close()
	var names []string
	for _, w := range f.Works {
		for _, c := range w.Gone {
			if looker.Look(c.Path).State == fstree.Absent {
				names = append(names, c.Path)
			}
		}
	}
	return c.execute(ctx, f, c.Base(transport.Delete, f.Caps), names)
}

// Fly brings one flight to its end.
func (c *Carrier) Fly(ctx context.Context, f outcome.Flight) outcome.Outcome {
	o := c.flyOnce(ctx, f)
	if f.MayHunt && o.Err == nil && o.Result.Broken && len(f.Works) > 1 {
		o.Hunt = outcome.HuntIn(ctx, f, func(f outcome.Flight) outcome.Outcome { return c.flyOnce(ctx, f) })
	}
	return o
}

func (c *Carrier) flyOnce(ctx context.Context, f outcome.Flight) (o outcome.Outcome) {
	switch f.Kind {
	case plan.KindSurvey:
		o = c.survey(ctx, f)
	case plan.KindDelete:
		o = c.deleteRun(ctx, f)
	case plan.KindTree:
		o = c.treeRun(ctx, f)
	default:
		o = c.sendRun(ctx, f)
	}
	c.lookAround(ctx, &o)
	return o
}
