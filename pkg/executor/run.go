package executor

import (
	"context"
	"fmt"
	"slices"
	"syscall"

	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/rsync"
)

// base is a run of the kind with everything that holds for all of them.
func (l *Lane) base(k rsync.Kind, caps rsync.Capabilities) rsync.Run {
	return rsync.Run{Kind: k, Target: l.opt.Target, Caps: caps, MayDelete: l.opt.MayDelete && !caps.NoDelete, RemoteShell: l.remoteShell()}
}

// remoteShell makes ssh use the lane's one connection, never ask, and leave out
// what is no error: a banner stands between rsync's complaints otherwise.
func (l *Lane) remoteShell() string {
	if !l.opt.Target.SSH {
		return ""
	}
	shell := "ssh -o BatchMode=yes -o LogLevel=ERROR -o ConnectTimeout=10 -o ServerAliveInterval=15 -o ServerAliveCountMax=4"
	if l.opt.Target.SSHPort != 0 {
		shell += fmt.Sprintf(" -p %d", l.opt.Target.SSHPort)
	}
	if l.opt.ControlPath != "" {
		shell += " -o ControlMaster=no -o ControlPath=" + l.opt.ControlPath
	}
	return shell
}

// sendRun sends files, single directories and small trees: through the standby
// when there is one, else cold. What an event says was written or put in its
// place goes with --ignore-times. Size and time alone do not tell two contents
// apart: two writes within one tick of the kernel's clock have one time, and so
// do two files of one archive, of which one may replace the other. What was only
// found by a scan, or had its attributes changed, is compared as rsync does.
func (l *Lane) sendRun(ctx context.Context, f flight) outcome {
	root, entries := split(f.works, func(w work) bool { return w.Path == "" })
	compared, touched := split(entries, func(w work) bool { return w.found.Regular() && !rewritten(w, f) })
	if !slices.ContainsFunc(touched, func(w work) bool { return w.found.Regular() || w.entries != nil }) {
		compared, touched = entries, nil // one run is enough
	}
	again := l.base(rsync.Send, f.caps)
	again.IgnoreTimes = true
	return inParts(f,
		part{compared, func(f flight) outcome { return l.sendList(ctx, f, l.base(rsync.Send, f.caps)) }},
		part{touched, func(f flight) outcome { return l.sendList(ctx, f, again) }},
		part{root, func(f flight) outcome { return l.sendRoot(ctx, f) }},
	)
}

// sendRoot sends the watch root itself and nothing that is in it.
func (l *Lane) sendRoot(ctx context.Context, f flight) outcome {
	run := l.base(rsync.Send, f.caps)
	run.RootAlone = true
	return l.execute(ctx, f, run, []string{""})
}

// rewritten tells whether a file's content may differ whatever its size and
// time say. A big one is read through on both sides for that, so one that was
// written in place, and has a new time, is left to the comparison.
func rewritten(w work, f flight) bool {
	if w.Flags&filterqueue.Content == 0 {
		return false
	}
	return f.kind != kindBig || f.caps.SecondsOnly || stamp(w.found.Stat.Ctim).Sub(stamp(w.found.Stat.Mtim)) >= suspectGap
}

func (l *Lane) sendList(ctx context.Context, f flight, run rsync.Run) outcome {
	run.Resume = f.kind == kindBig
	names := make([]string, 0, len(f.works))
	for _, w := range f.works {
		if w.entries != nil {
			names = append(names, w.entries...)
			continue
		}
		names = append(names, w.Path)
	}
	if l.opt.Target.Params.HardLinks && l.opt.Names != nil {
		names = l.withOtherNames(ctx, f.works, names)
	}
	o := l.execute(ctx, f, run, l.whole(run, names))
	if o.err == nil && l.opt.Target.Params.Update && o.result.Class <= rsync.Again {
		l.newest(ctx, &o, l.touchedInTrees(&o))
	}
	return o
}

// withOtherNames adds the other names of hard-linked files: with -H rsync can
// link only what it sees in one run.
func (l *Lane) withOtherNames(ctx context.Context, works []work, names []string) []string {
	linked := map[uint64]bool{}
	for _, w := range works {
		if w.found.Regular() && w.found.Stat.Nlink > 1 {
			linked[w.found.Stat.Ino] = true
		}
	}
	if len(linked) == 0 {
		return names
	}
	listed := make(map[string]bool, len(names))
	for _, n := range names {
		listed[n] = true
	}
	for _, n := range l.opt.Names(ctx, linked) {
		if !listed[n] && !tooLong(n) && !(l.opt.Excluded != nil && l.opt.Excluded(n, false)) && !l.opt.Target.Params.Rules.Excludes(n, false) {
			names = append(names, n)
		}
	}
	return names
}

// treeRun sends directories with all below them. What was deleted and stands
// here again replaces what the target has: no equal size and time is believed.
// Where deletions may go, it is as if this one had gone first: -u is lifted, and
// the run deletes inside, unless what it is to delete there is asked for and
// named. What follows no deletion must do none of that: they do not share a run.
func (l *Lane) treeRun(ctx context.Context, f flight) outcome {
	for i, w := range f.works {
		// Not when it was looked at: since then it has waited for its turn.
		f.works[i].held = w.deletesInside() && l.opt.MayDelete && l.opt.Held(w.Path, true) != ""
	}
	replaced, rest := split(f.works, func(w work) bool { return w.Flags&filterqueue.Gone != 0 })
	deleted, kept := split(replaced, func(w work) bool { return !w.held && l.opt.MayDelete && !f.caps.NoDelete })
	inside, named := split(deleted, work.deletesInside)
	plain := l.base(rsync.Tree, f.caps)
	comparing := plain
	comparing.IgnoreTimes = true
	replacing := comparing
	replacing.LiftUpdate = true
	deleting := replacing
	deleting.DeleteInside = true
	return inParts(f,
		part{rest, func(f flight) outcome { return l.sendTrees(ctx, f, plain) }},
		part{kept, func(f flight) outcome { return l.sendTrees(ctx, f, comparing) }},
		part{named, func(f flight) outcome { return l.sendTrees(ctx, f, replacing) }},
		part{inside, func(f flight) outcome { return l.sendTrees(ctx, f, deleting) }},
	)
}

// sendTrees sends the trees of one run.
func (l *Lane) sendTrees(ctx context.Context, f flight, run rsync.Run) outcome {
	var names []string
	for _, w := range f.works {
		if w.entries != nil {
			run.Kind = rsync.Send
			names = append(names, w.entries...)
			continue
		}
		names = append(names, w.Path)
	}
	o := l.execute(ctx, f, run, names)
	if o.err != nil || run.LiftUpdate || o.result.Class > rsync.Again {
		return o
	}
	touched := l.touchedInTrees(&o)
	if !run.IgnoreTimes {
		l.twins(ctx, &o, touched)
	}
	if o.err == nil && l.opt.Target.Params.Update && o.result.Class <= rsync.Again {
		l.newest(ctx, &o, touched)
	}
	return o
}

// deleteRun removes what is gone. Between the second look and this moment a
// path may have come back: rsync lists what exists as sent, and it is looked at
// again.
func (l *Lane) deleteRun(ctx context.Context, f flight) outcome {
	// Patterns for whole trees and for single names cannot share a run.
	exact, whole := split(f.works, func(w work) bool { return w.entries != nil })
	return inParts(f,
		part{whole, func(f flight) outcome { return l.deleteTrees(ctx, f) }},
		part{exact, func(f flight) outcome { return l.deleteNames(ctx, f) }},
	)
}

func (l *Lane) deleteTrees(ctx context.Context, f flight) outcome {
	names := make([]string, len(f.works))
	for i, w := range f.works {
		names[i] = w.Path
	}
	return l.execute(ctx, f, l.base(rsync.Delete, f.caps), names)
}

// deleteNames removes single names. That a directory among them is not empty is
// no failure: it holds what the filter keeps.
func (l *Lane) deleteNames(ctx context.Context, f flight) outcome {
	run := l.base(rsync.Delete, f.caps)
	run.Exact = true
	var names []string
	for _, w := range f.works {
		if w.hidden {
			run.Hidden = append(run.Hidden, w.Path)
		}
		names = append(names, w.entries...)
	}
	o := l.execute(ctx, f, run, names)
	o.result.Failed = slices.DeleteFunc(o.result.Failed, func(e rsync.PathError) bool { return e.Errno == syscall.ENOTEMPTY })
	return o
}
