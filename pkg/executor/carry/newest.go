package carry

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/ledger"
	"github.com/sersync/sersync/pkg/transport"
)

// With -u a receiver keeps its copy when that is newer, exits 0 and says nothing: a file that was
// replaced by an older one (cp -p, tar, a roll-back) would never arrive. Here the newest *action*
// wins: a file that was written or replaced here after the target's copy was written is sent again
// without -u; a copy that was written on the target later than that stays.

// sinceSlack is how far the clock of ctime may lie behind the one of marks.
const sinceSlack = 2 * time.Second

// versions settles which of two versions of a file stays: the one here, or the
// remote's copy. Its methods run beside the lane's loop, as part of a flight.
type versions struct {
	*runner
	scratch string // as Options.Scratch
}

// newest sends again what -u has held back, as part of the flight o. touched and held are files
// below its trees that may have been held back: those that events have touched, and those that a
// comparison without -u names.
func (v *versions) newest(ctx context.Context, o *outcome.Outcome, touched, held []suspect) {
	if !v.mayKeepSecond(o) {
		touched = slices.DeleteFunc(touched, func(s suspect) bool { return !s.Replaced() })
	}
	v.resolve(ctx, o, slices.Concat(v.suspects(o), touched, held))
}

// suspects lists the files among the works of a flight that its run has not listed as sent and that
// -u may have held back. A file that was simply written is newer than any copy, unless the copy has
// a time in the future; but then the copy is not the version that the ledger knows.
func (v *versions) suspects(o *outcome.Outcome) (out []suspect) {
	var unknown []suspect
	for _, w := range o.Works {
		if w.Entries != nil && w.Flags&dirty.Unsure != 0 && o.Kind != plan.KindTree { // see heldInTrees
			unknown = append(unknown, v.filesFound(byScan, o.NotSent(w.Entries))...)
		}
		if !w.Found.Regular() || o.WasSent(w.Path) {
			continue
		}
		s := suspectOf(w.Path, &w.Found.Stat)
		switch {
		case w.Flags&dirty.Content != 0 && s.Replaced():
			out = append(out, s)
		case w.Flags&dirty.Content != 0:
			unknown = append(unknown, s)
		case w.Flags&dirty.Unsure != 0:
			s.cause = byScan
			unknown = append(unknown, s)
		}
	}
	return append(out, v.notSentLast(unknown, v.mayKeepSecond(o))...)
}

// mayKeepSecond tells whether the remote may have kept copies of the same second.
func (v *versions) mayKeepSecond(o *outcome.Outcome) bool {
	return o.Flight.KeepsSecond || o.Run.KeepSecond
}

// notSentLast removes the files whose present version, by size and second, is the one that was sent
// last. Without a ledger nothing is known of any file, and the remote is not asked. Where the
// remote may have kept a copy of the same second, the ledger tells nothing.
func (v *versions) notSentLast(files []suspect, keepsSecond bool) (out []suspect) {
	if keepsSecond {
		return files
	}
	if v.ledger == nil {
		return nil
	}
	for i, known := range v.sentLast(files, suspect.Version) {
		if !known {
			out = append(out, files[i])
		}
	}
	return out
}

// sentLast tells of each file whether the version of it was sent last.
func (v *versions) sentLast(files []suspect, version func(suspect) ledger.Version) []bool {
	if v.ledger == nil {
		return make([]bool, len(files))
	}
	versions := make([]ledger.Version, len(files))
	for i, s := range files {
		versions[i] = version(s)
	}
	sent, err := v.ledger.Sent(versions)
	if err != nil {
		v.log.Warn("what was sent before is unknown, so newer files on the remote are not replaced by older ones of this host", zap.Error(err))
		return make([]bool, len(files))
	}
	return sent
}

// touchedInTrees looks below directories that have absorbed content events for files that these
// events may have been about and that the run did not list as sent; the rename of a directory above
// changes no file.
func (v *versions) touchedInTrees(ctx context.Context, o *outcome.Outcome) []suspect {
	return v.changedInTrees(ctx, o, dirty.Content, func(w plan.Work) time.Time { return w.Since })
}

// scannedInTrees looks below directories that a scan has found for files that have changed since
// the time from which on the scan has looked for changes.
func (v *versions) scannedInTrees(ctx context.Context, o *outcome.Outcome) []suspect {
	return v.changedInTrees(ctx, o, dirty.Unsure, o.Flight.StandsFor)
}

// changedInTrees returns the files below those trees that have the flag, which
// have changed since and which the run did not list as sent.
func (v *versions) changedInTrees(ctx context.Context, o *outcome.Outcome, flag dirty.Flags, since func(plan.Work) time.Time) (out []suspect) {
	for _, w := range o.Works {
		if both := flag | dirty.Tree; w.Flags&both != both || !w.Found.Dir() {
			continue
		}
		from := since(w).Add(-sinceSlack)
		unsent := func(rel string) bool { return !o.WasSent(rel) && !disk.TooLong(rel) && !v.Excludes(rel, false) }
		v.RegularFiles(ctx, w.Path, unsent, func(rel string, st *unix.Stat_t) {
			s := suspectOf(rel, st)
			s.arrived = w.Flags&dirty.Arrival != 0 && s.Replaced() && s.Change.After(w.Since.Add(-sinceSlack))
			if s.Change.After(from) && (o.Run.MaxSize == 0 || st.Size <= o.Run.MaxSize) {
				out = append(out, s)
			}
		})
	}
	return out
}

// twins compares the contents of files that were written or replaced and have the same size and
// time as the remote's copy, so that the run before took the two for equal. Where nanoseconds are
// compared, a file that was simply written has a time of its own and needs no comparison.
func (v *versions) twins(ctx context.Context, o *outcome.Outcome, touched []suspect) {
	run := v.Base(transport.Send, o.Flight.Caps)
	fine := !v.Terms.Update && !v.Terms.SizeOnly && o.Flight.Caps.Takes(transport.Nanoseconds) && o.Flight.Caps.Grain <= transport.GrainNanosecond
	var names []string
	for _, s := range touched {
		if !fine || s.Change.Sub(s.Mtime).Abs() >= disk.ReplacedGap {
			names = append(names, s.Path)
		}
	}
	if len(names) == 0 {
		return
	}
	run.Contents, run.Resume = true, o.Kind == plan.KindBig
	v.further(ctx, o, run, names)
}

// further sends names in one more run of the same flight.
func (v *versions) further(ctx context.Context, o *outcome.Outcome, run transport.Batch, names []string) {
	o.Join(v.execute(ctx, outcome.Flight{Kind: o.Kind, Works: o.Works, Caps: o.Flight.Caps, Lease: o.Flight.Lease, Most: o.Flight.Most}, run, names))
}

// suspect is a file that a run has not sent, although it may differ from the remote's copy.
type suspect struct {
	disk.File
	cause cause
	// arrived: a receiver has put the file here since it became dirty.
	arrived bool
}

func suspectOf(path string, st *unix.Stat_t) suspect { return suspect{File: disk.FileOf(path, st)} }

// filesFound are the files among the names, and how they were found.
func (r *runner) filesFound(by cause, names []string) []suspect {
	files := r.Files(names)
	suspects := make([]suspect, len(files))
	for i, f := range files {
		suspects[i] = suspect{File: f, cause: by}
	}
	return suspects
}
