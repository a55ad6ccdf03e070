package transporttest

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/sersync/sersync/pkg/transport"
)

// Tree brings files, directories and symbolic links from one directory of this host to another one,
// by the rules of rsync and without a process: its Carry is for a Fake. The suite checks that it
// does what an rsync does. It does not support devices, owners, and exclusions by the receiver.
type Tree struct {
	Here, There string
	// Update and HardLinks are those of the terms.
	Update, HardLinks bool
	// Matcher is Terms.Matcher, for the patterns of a batch; nil: none excludes anything.
	Matcher func(patterns []string) func(path string, dir bool) bool
}

// Carry carries a call.
func (t *Tree) Carry(ctx context.Context, c transport.Call) transport.Result {
	began := time.Now()
	r := &ride{Tree: t, ctx: ctx, call: c, excluded: func(string, bool) bool { return false }, dirs: map[string]time.Time{}, leaders: map[uint64]string{}}
	if t.Matcher != nil && len(c.Batch.Excludes) > 0 {
		r.excluded = t.Matcher(c.Batch.Excludes)
	}
	r.carry()
	r.stampDirs()
	switch res := &r.result; {
	case r.over():
		*res = transport.Result{Class: transport.Stopped}
	case len(res.Failed) > 0:
		res.Class, res.Reason = transport.Partly, "some of it failed"
	case len(res.Races) > 0:
		res.Class = transport.Again
	}
	r.result.Took = time.Since(began)
	r.options()
	return r.result
}

// options notes which of the options the batch would have had as a run of rsync.
func (r *ride) options() {
	b, wants := r.call.Batch, transport.Options(0)
	if b.Kind < transport.Times && (b.Attributes || !r.updates()) && b.Caps.Grain <= transport.GrainNanosecond {
		wants = wants.With(transport.Nanoseconds)
	}
	if b.Kind == transport.Delete && !b.Exact || b.Kind == transport.Tree && b.DeleteInside && b.MayDelete {
		wants = wants.With(transport.MissingArgs)
	}
	if b.Linked || b.Similar {
		wants = wants.With(transport.Elsewhere)
	}
	for o := range transport.OptionCount {
		switch {
		case wants.Has(o) && b.Caps.Takes(o):
			r.result.Added = r.result.Added.With(o)
		case wants.Has(o):
			r.result.Spared = r.result.Spared.With(o)
		}
	}
}

// ride is one call on its way.
type ride struct {
	*Tree
	ctx      context.Context //nolint:containedctx // of the one call
	call     transport.Call
	excluded func(path string, dir bool) bool
	result   transport.Result
	dirs     map[string]time.Time // directories that have a time to get at the end
	leaders  map[uint64]string    // by inode number: the name under which the remote has a hard-linked file now
}

func (r *ride) here(name string) string  { return filepath.Join(r.Here, name) }
func (r *ride) there(name string) string { return filepath.Join(r.There, name) }

func (r *ride) over() bool {
	select {
	case <-r.call.Stop:
		return true
	default:
		return r.ctx.Err() != nil
	}
}

func (r *ride) tell(c transport.Change) {
	if r.call.Changed != nil {
		r.call.Changed(c)
	}
}

// fail records a complaint; about a path that vanished here meanwhile it is a race.
func (r *ride) fail(name string, remote bool, err error) {
	e := transport.PathError{Path: name, Remote: remote, Text: err.Error()}
	_ = errors.As(err, &e.Errno)
	if !remote && (e.Errno == syscall.ENOENT || e.Errno == syscall.ENOTDIR) {
		e.Changed = true
		r.result.Races = append(r.result.Races, e)
		return
	}
	r.result.Failed = append(r.result.Failed, e)
}

// carry goes through the names. A survey is a comparison that also tells what would be
// deleted.
func (r *ride) carry() {
	b := r.call.Batch
	for _, name := range r.tops() {
		if r.over() {
			return
		}
		switch b.Kind {
		case transport.Send:
			r.sendListed(name)
		case transport.Tree, transport.Full:
			r.sendTree(name)
		case transport.Delete:
			r.remove(name)
		case transport.Survey:
			r.extras(name, true)
			r.call.Batch.Verify = true
			r.sendTree(name)
		case transport.SurveyTrees:
			r.extras(name, true)
			r.call.Batch.Verify = true
			r.sendTree(name)
		case transport.SurveyFlat:
			r.extras(name, false)
			r.call.Batch.Verify = true
			r.sendFlat(name)
		case transport.SurveyGone:
			r.told(name)
		case transport.Times:
			r.copied(name)
		case transport.Stamps:
			r.stamp(name)
		}
	}
}

func (r *ride) tops() []string {
	if r.call.Batch.Kind == transport.Full || r.call.Batch.Kind == transport.Survey {
		return []string{""}
	}
	names := slices.Clone(r.call.Names)
	if r.call.Batch.Kind == transport.Delete { // what is inside goes before what it is in
		slices.Sort(names)
		slices.Reverse(names)
	}
	return names
}

// asks tells whether the batch is a survey.
func (r *ride) asks() bool {
	return r.call.Batch.Kind >= transport.Survey && r.call.Batch.Kind <= transport.SurveyGone
}
