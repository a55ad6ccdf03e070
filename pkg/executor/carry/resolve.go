package carry

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/ledger"
	"github.com/sersync/sersync/pkg/transport"
)

// resolve asks the remote for its copies of the suspects of a flight, and sends the files that are
// to replace them.
func (v *versions) resolve(ctx context.Context, o *outcome.Outcome, suspects []suspect) {
	names := v.judge(ctx, o, suspects)
	o.Newer = append(o.Newer, names[differ]...)
	for _, which := range []verdict{offer, send, lift} {
		if len(names[which]) > 0 {
			names[which] = v.unchanged(o, suspects, names[which])
		}
		if len(names[which]) == 0 || o.Err != nil || o.Result.Class > transport.Again {
			continue
		}
		run := v.Base(transport.Send, o.Flight.Caps)
		run.Resume = o.Kind == plan.KindBig || o.Kind == plan.KindFull                                 // a full sync has files of any size
		run.Contents = (which != offer || o.Kind != plan.KindBig) && suspects[0].cause != byAttributes // an older copy differs; to read a big one through may take hours
		run.KeepSecond, run.LiftUpdate = which == offer && run.Contents, which == lift
		v.further(ctx, o, run, names[which])
	}
}

// unchanged are those names at which there is still the file that was judged. The others are looked
// at again, for the judgement was about another file.
func (v *versions) unchanged(o *outcome.Outcome, suspects []suspect, names []string) (same []string) {
	judged := make(map[string]disk.File, len(suspects))
	for _, s := range suspects {
		judged[s.Path] = s.File
	}
	for _, f := range v.Files(names) {
		if was := judged[f.Path]; f.Size == was.Size && f.Mtime.Equal(was.Mtime) && f.Change.Equal(was.Change) {
			same = append(same, f.Path)
		} else {
			o.Wait(f.Path, f.Change)
		}
	}
	return same
}

// judge asks the remote for its copies of the suspects of a flight, and decides what becomes of
// each: see standing. Suspects that have to wait are noted in o, and so is an answer that tells
// nothing.
func (v *versions) judge(ctx context.Context, o *outcome.Outcome, suspects []suspect) map[verdict][]string {
	refused := o.RefusesThere()
	suspects = slices.DeleteFunc(suspects, func(s suspect) bool { return refused(s.Path) })
	if len(suspects) == 0 || o.Flight.Caps.NoList || o.Err != nil || o.Result.Class > transport.Again {
		return nil
	}
	a, result, err := v.copies(ctx, o.Flight, suspects)
	if err == nil && (result.Class <= transport.Again || result.Class == transport.Partly) {
		result, err = stamps{v.way, v.scratch, v.log}.order(ctx, o.Flight, v.Base(transport.Stamps, o.Flight.Caps), suspects, &a)
	}
	if err != nil {
		o.Err = err
		return nil
	}
	if result.Class > transport.Again && result.Class != transport.Partly {
		o.Result = result // the question has failed, so the flight has: otherwise what -u has held back would stay so
		return nil
	}
	if len(a.silent) > 0 && o.Asks() {
		o.Result.Class, o.Result.Unclear, o.Result.Reason = transport.Partly, true, "the remote does not say what it has of some files"
		return nil
	}
	ours := v.sentLast(suspects, func(s suspect) ledger.Version {
		c := a.copies[s.Path]
		return ledger.Version{Path: s.Path, Size: c.Size, Mtime: c.Mtime.Unix()}
	})
	now := time.Now()
	names := map[verdict][]string{}
	var same []ledger.Version
	twins := map[string]bool{}
	for i, s := range suspects {
		c := a.copies[s.Path]
		stand := standing{
			cause: s.cause, size: s.Size, mtime: s.Mtime, change: s.Change, stands: a.stands(s.Path), thereSize: c.Size, there: c.Mtime,
			fine: a.orders[s.Path], ours: ours[i], update: v.Terms.Update, keepsSecond: o.Flight.KeepsSecond, peer: o.Flight.Peer,
		}
		becomes, until := stand.decide(now)
		if o.Kind == plan.KindFull && a.silent[s.Path] {
			becomes, until = wait, s.Change // the question is asked again by the file's name
		}
		if a.orders[s.Path] == sameTime && c.Size == s.Size && !c.Dir {
			same = append(same, s.Version())
		}
		o.Met = o.Met || s.arrived && stand.mirroredBack()
		switch {
		case c.Size != s.Size:
		case becomes == differ && a.orders[s.Path] == later, o.Flight.Peer && (becomes == send || becomes == lift) && a.orders[s.Path] == sameTime:
			twins[s.Path] = true
		}
		names[becomes] = append(names[becomes], s.Path)
		o.Judge(s.Path)
		if becomes == wait {
			o.Wait(s.Path, until)
		}
	}
	if v.ledger != nil && len(same) > 0 {
		v.ledger.Add(same) // the file has come from there, so both sides have had this version
	}
	v.withoutTwins(ctx, o, names, twins)
	return names
}

// withoutTwins takes those twins out of the names that are as here on the remote: nanoseconds alone
// are no difference to be told, and a file that is equal is not sent to a peer, whose next version
// may come here before rsync reads the file.
func (v *versions) withoutTwins(ctx context.Context, o *outcome.Outcome, names map[verdict][]string, twins map[string]bool) {
	if len(twins) == 0 {
		return
	}
	answer, ok := v.differ(ctx, o, slices.Sorted(maps.Keys(twins)), o.Flight.Caps.Grain, true)
	if !ok {
		return
	}
	for which, equal := range map[verdict]func(transport.Change) bool{
		differ: func(c transport.Change) bool { return !c.Sent },
		send:   func(c transport.Change) bool { return c == transport.Change{} },
		lift:   func(c transport.Change) bool { return c == transport.Change{} },
	} {
		names[which] = slices.DeleteFunc(names[which], func(path string) bool { return twins[path] && equal(answer[path]) })
	}
}

// newerThere removes, from what a comparison has found, the files that -u keeps on the remote, for
// a full sync would not send them.
func (v *versions) newerThere(ctx context.Context, o *outcome.Outcome) {
	if !v.Terms.Update {
		return
	}
	var files []string
	for path, c := range o.Changed {
		if c.Sent && !c.Dir {
			files = append(files, path)
		}
	}
	o.Newer = v.judge(ctx, o, v.filesFound(byComparison, files))[differ]
	for _, path := range o.Newer {
		delete(o.Changed, path)
	}
}

// copiesThere is what a remote says of its copies of some files.
type copiesThere struct {
	copies map[string]transport.Copy // files, and directories in their places
	orders map[string]order          // of those copies that are of the same second; and noTimes
	// silent are the files about which the remote says neither that there is a copy, nor that there
	// is none.
	silent map[string]bool
}

// stands tells what the remote has at a path.
func (a copiesThere) stands(path string) place {
	c, ok := a.copies[path]
	switch {
	case a.orders[path] == noTimes:
		return aLink
	case !ok:
		return nothing
	case c.Dir:
		return aDirectory
	default:
		return aFile
	}
}

// copies asks for the sizes and times of the remote's copies. The error says why it could not ask.
func (v *versions) copies(ctx context.Context, f outcome.Flight, suspects []suspect) (a copiesThere, result transport.Result, err error) {
	run := v.Base(transport.Times, f.Caps)
	a = copiesThere{copies: map[string]transport.Copy{}, orders: map[string]order{}, silent: map[string]bool{}}
	names := make([]string, len(suspects))
	for i, s := range suspects {
		names[i], a.silent[s.Path] = s.Path, true
	}
	if err := f.Lease.Take(ctx); err != nil {
		return a, transport.Result{Class: transport.Stopped}, nil
	}
	trip, err := v.way.Do(ctx, transport.Call{Batch: run, Names: names, Copied: func(c transport.Copy) {
		if c.Other {
			a.orders[c.Path] = noTimes
		} else {
			a.copies[c.Path] = c
		}
		delete(a.silent, c.Path)
	}})
	if err != nil {
		return a, result, err
	}
	result = trip.Result
	for _, e := range result.Failed {
		if e.Errno != unix.ENOENT && e.Errno != unix.ENOTDIR {
			continue
		}
		for rest, ok := e.Path, true; ok; _, rest, ok = strings.Cut(rest, "/") {
			if delete(a.silent, rest); !e.Elsewhere {
				break
			}
		}
	}
	if len(a.silent) == 0 && result.Class == transport.Trouble {
		// When the remote has none of the files, rsync ends with a complaint about the connection.
		result.Class = transport.Partly
	}
	return a, result, nil
}

// asksFirst tells whether the remote has to be asked about a file before it is sent, and why:
// another host's rsync has put the file here, or may have done so unseen. A receiver that writes in
// place leaves no trace but a time that was set after the write; if the user's parameters write in
// place, those of the other host probably do so, too.
func asksFirst(w plan.Work, p transport.Terms) (why cause, asks bool) {
	if w.Found.Dir() || w.Flags&dirty.Tree != 0 {
		return byEvent, false
	}
	// With -H the other names of a file have to be sent with it.
	keeps := p.Update && w.Found.Regular() && !(p.HardLinks && w.Found.Stat.Nlink > 1)
	switch {
	case w.Flags&dirty.Unsure != 0:
		return byScan, w.Flags&dirty.Content == 0 && keeps
	case w.Flags&dirty.Arrival != 0:
		return byArrival, true
	case w.Flags&(dirty.Gone|dirty.Content) == dirty.Gone:
		return byScan, keeps // it was gone, and no event says how it came back
	case w.Flags&dirty.Content == 0:
		return byAttributes, keeps
	case w.Flags&dirty.Gone != 0:
		return byEvent, false
	}
	return byArrival, p.Inplace && w.Found.Regular() && suspectOf(w.Path, &w.Found.Stat).Replaced()
}

// sendAsked sends, of the files that may have arrived here, those that the remote does not have, or
// has in an older version. The remote is asked first: -u compares whole seconds only, and the files
// may have come from the remote itself. A version that was written there since then, within the
// same second, would be replaced by the earlier one.
func (v *versions) sendAsked(ctx context.Context, f outcome.Flight) outcome.Outcome {
	o := outcome.NewOutcome(f)
	o.Run = v.Base(transport.Send, f.Caps)
	suspects := make([]suspect, 0, len(f.Works))
	for _, w := range f.Works {
		s := suspectOf(w.Path, &w.Found.Stat)
		s.cause, _ = asksFirst(w, v.Terms)
		s.arrived = s.cause == byArrival || w.Flags&dirty.Arrival != 0
		suspects = append(suspects, s)
	}
	v.resolve(ctx, &o, suspects)
	return o
}

// settleTree asks, after trees were sent with a -u that keeps copies of the same second, about all
// files in them that this may have held back.
func (v *versions) settleTree(ctx context.Context, o *outcome.Outcome, run transport.Batch) {
	suspects := slices.Concat(v.scannedInTrees(ctx, o), v.touchedInTrees(ctx, o))
	known := map[string]bool{}
	for i := range suspects {
		suspects[i].cause = byScan
		known[suspects[i].Path] = true
	}
	for _, s := range v.heldInTrees(ctx, o, run) {
		if !known[s.Path] {
			suspects, known[s.Path] = append(suspects, s), true
		}
	}
	o.Met = o.Met || v.metInTrees(ctx, o, known)
	v.resolve(ctx, o, suspects)
	v.sendTimes(ctx, o)
}

// metInTrees tells whether the trees of a run have files that a receiver has put here since the
// trees became dirty, and that are the same on the remote although this lane has not sent them.
// differ are the files that may differ there.
func (v *versions) metInTrees(ctx context.Context, o *outcome.Outcome, differ map[string]bool) bool {
	if o.Flight.Peer || v.ledger == nil || o.Err != nil || o.Result.Class > transport.Again {
		return false
	}
	arrived := slices.DeleteFunc(v.changedInTrees(ctx, o, dirty.Arrival, func(w plan.Work) time.Time { return w.Since }),
		func(s suspect) bool { return !s.arrived || differ[s.Path] })
	// A chain of hosts passes on what arrives: this lane may have sent the file itself.
	return slices.Contains(v.sentLast(arrived, suspect.Version), false)
}

// heldInTrees asks, after trees were sent in which something may have happened without an event,
// which files below them differ on the remote: without -u the same comparison names the files that
// -u has held back, and those that were taken for equal because whole seconds were compared. A
// directory that the run has newly made on the remote has no such files.
func (v *versions) heldInTrees(ctx context.Context, o *outcome.Outcome, run transport.Batch) []suspect {
	asked, _ := outcome.Split(o.Works, func(w plan.Work) bool {
		return w.MayHoldArrivals() && !o.WasSent(w.Path)
	})
	if len(asked) == 0 {
		return nil
	}
	run.Verify, run.LiftUpdate, run.Contents = true, true, false
	return v.held(ctx, o, run, plan.NamesOf(asked))
}

// held runs a comparison without -u and returns the files that it names.
func (v *versions) held(ctx context.Context, o *outcome.Outcome, run transport.Batch, names []string) []suspect {
	ask := outcome.NewOutcome(o.Flight)
	ask.Run = run
	v.carry(ctx, names, v.newReader(&ask))
	if ask.Err != nil || ask.Result.Class > transport.Again {
		o.Err, o.Result = ask.Err, ask.Result
		return nil
	}
	var files []string
	for path, c := range ask.Changed {
		switch {
		case c.Sent && !c.Dir:
			files = append(files, path)
		case v.untimed(c):
			o.Untimed = append(o.Untimed, path)
		}
	}
	return v.filesFound(byComparison, files)
}

// untimed tells whether a comparison has found an entry without content that differs only in its
// time. A killed receiver leaves such entries, and the --modify-window under which -u keeps copies
// of the same second hides a difference of one second.
func (r *runner) untimed(c transport.Change) bool {
	return c.OnlyTime && !c.Sent && !c.Dir && r.Terms.Update && !r.Terms.SizeOnly && !r.Excludes(c.Path, false)
}

// sendTimes sends the entries whose times a run with such a window may not have set.
func (v *versions) sendTimes(ctx context.Context, o *outcome.Outcome) {
	if len(o.Untimed) == 0 || o.Err != nil || o.Result.Class > transport.Again {
		return
	}
	run := v.Base(transport.Send, o.Flight.Caps)
	run.Attributes = true // so that nanoseconds are set; otherwise the next comparison would name them again
	v.further(ctx, o, run, o.Untimed)
}
