package plan

import (
	"path"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/health"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
)

// Deed is what is to be done about a dirty path.
type Deed uint8

// The deeds.
const (
	Settle      Deed = iota // nothing: the remote has it, or must not have it
	Enqueue                 // it waits for a run of Step.Kind
	Instead                 // another path stands for it: Step.At is dirty with Step.Flags
	Postpone                // the path is looked at again at Step.Until
	LookTwice               // it is gone: it is looked at again before that is believed
	KeepDeleted             // it is gone, and the brake holds the deletion
	Failing                 // it fails for Step.Why
)

// Step is a deed with what belongs to it.
type Step struct {
	Deed
	Kind  Kind
	Work  Work // the work as changed by the decision
	At    string
	Flags dirty.Flags
	Until time.Time
	Why   Failure
}

// Planner decides from a look at a path what is to be done about it. It is pure: it
// asks no disk, no remote and no clock.
type Planner struct {
	*disk.Disk // for what is excluded
	MayDelete  bool
	Held       func(path string, event bool) string // as Options.Held
}

// Facts are what a lane knows at the moment of a plan.
type Facts struct {
	Now      time.Time
	NoDelete bool  // the remote takes no deletions
	Peer     bool  // the remote mirrors back
	Big      int64 // size in bytes above which a file goes by itself
	Large    int64 // size in bytes above which files have busy hours; 0: none have
	// Hangs tells whether a file is to go through the queue of those that hang, and Resumes whether
	// to keep the part of a big file that has arrived.
	Hangs, Resumes func(Work) bool
	// Guarded tells of a directory that is gone here whether only those entries of it may be
	// deleted that the patterns of a full sync do not match, and Spares whether it may hold entries
	// that have to stay on the remote although nothing excludes them now.
	Guarded, Spares func(path string) bool
	// Movable tells of a work whether it is known what the remote has at its old place. Awaited
	// tells of a path that is gone whether something from there is being moved to another place, so
	// that the remote has to keep it until then.
	Movable func(Work) bool
	Awaited func(path string, tree bool) bool
	// Left tells of a path that is gone whether it is the old place of something that was linked to
	// another place: it may have been a directory, even if its mark does not say so.
	Left func(path string) bool
}

// Plan decides about a path that was looked at.
func (p *Planner) Plan(w Work, f Facts) Step {
	if w.From != "" && !p.reuses(w, f) {
		w.From = ""
	}
	s := p.decide(w, f)
	if s.Work.From != "" && s.Deed != Postpone && (s.Deed != Enqueue || s.Kind != KindTree && s.Kind != KindBig) {
		s.Work.From = ""
	}
	return s
}

// reuses tells whether the remote is to link what it has at the old place of a work: for a small
// work that would cost more than sending it.
func (p *Planner) reuses(w Work, f Facts) bool {
	const unseen = dirty.Gone | dirty.Unsure | dirty.Arrival | dirty.Extras
	named := p.Terms.Reuses // of the directories, and not of the name of a file, which goes on a list
	switch {
	case named == nil || !p.MayDelete || f.NoDelete || f.Large > 0 || w.Found.State != fstree.Present || w.Flags&unseen != 0 || p.Excludes(w.From, w.Found.Dir()) || !f.Movable(w):
		return false
	case w.Found.Dir():
		return w.Flags&dirty.Tree != 0 && w.Entries == nil && !w.Little && named(w.From, w.Path)
	case !w.Found.Regular() || w.Found.Stat.Size <= f.Big || w.Found.Stat.Nlink > 1:
		return false
	default:
		return w.Renamed() || path.Base(w.Path) == path.Base(w.From) && named(disk.ParentOf(w.From), disk.ParentOf(w.Path))
	}
}

func (p *Planner) decide(w Work, f Facts) Step {
	switch {
	case w.Found.State == fstree.Unknown:
		return fails(w, Failure{Reason: "cannot be looked at here", Detail: w.Found.Err.Error(), Remedy: "let the user that runs sersync read it, or exclude it"})
	case w.Found.State == fstree.Obstructed:
		// No path leads through a link or a file, so the path does not exist; what has to be sent
		// is the obstacle itself.
		return Step{Deed: Instead, Work: w, At: w.Found.At, Flags: dirty.Content}
	case w.Found.State == fstree.Absent:
		return p.absent(w, f)
	case p.Unwanted(w):
		if p.hides(w, f) {
			w.Way, w.Entries = Hiding, []string{w.Path}
			return queued(KindDelete, w)
		}
		return Step{Deed: Settle, Work: w}
	case disk.TooLong(w.Path):
		return fails(w, Failure{Reason: "the path is longer than rsync can take", Remedy: "shorten or exclude it", Lasting: true})
	default:
		return p.present(w, f)
	}
}

func queued(kind Kind, w Work) Step      { return Step{Deed: Enqueue, Kind: kind, Work: w} }
func fails(w Work, why Failure) Step     { return Step{Deed: Failing, Work: w, Why: why} }
func again(w Work, until time.Time) Step { return Step{Deed: Postpone, Work: w, Until: until} }

// Unwanted tells whether a work is excluded, or of a kind that the user's parameters do not send.
func (p *Planner) Unwanted(w Work) bool {
	dir := w.Found.Dir()
	if p.Excludes(w.Path, dir) {
		return true
	}
	switch w.Found.Stat.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		return !p.Terms.Links && !p.Terms.FollowLinks
	case unix.S_IFBLK, unix.S_IFCHR:
		return !p.Terms.Devices
	case unix.S_IFIFO, unix.S_IFSOCK:
		return !p.Terms.Specials
	default:
		return false
	}
}

// hides tells whether an excluded directory has taken the name of something
// that was not excluded, because the expression is about directories alone:
// "cache/" lets a file called cache through.
func (p *Planner) hides(w Work, f Facts) bool {
	return w.Found.Dir() && w.Flags&dirty.Gone != 0 && p.MayDelete && !f.NoDelete &&
		p.Held(w.Path, true) == "" && !p.Excludes(w.Path, false)
}

// present decides about a path that exists and is not excluded.
func (p *Planner) present(w Work, f Facts) Step {
	switch {
	case w.Way == Followed:
		w.Flags |= dirty.Tree
		return queued(KindTree, w)
	case !w.Found.Dir():
		return p.file(w, f)
	case p.Surveyed(w, f.NoDelete):
		return queued(KindSurvey, w)
	case w.Flags&dirty.Tree != 0 && w.Entries == nil:
		return queued(KindTree, w)
	default:
		return queued(KindSend, w)
	}
}

// file decides about a path that is no directory.
func (p *Planner) file(w Work, f Facts) Step {
	if until := p.written(w); !until.IsZero() {
		return again(w, until)
	}
	if until := untold(w); f.Peer && !until.IsZero() {
		return again(w, until)
	}
	switch {
	case f.Hangs(w):
		return queued(KindSlow, w)
	case w.Found.Regular() && w.Found.Stat.Size > f.Big:
		if f.Resumes(w) {
			w.Way = Resumable
		}
		return queued(KindBig, w)
	default:
		return queued(KindSend, w)
	}
}

// Surveyed tells whether the remote is asked what only it has in a directory before
// the directory is sent.
func (p *Planner) Surveyed(w Work, noDelete bool) bool {
	return p.MayDelete && !noDelete && (w.Flags&dirty.Extras != 0 || p.replaced(w))
}

// replaced tells whether a directory was deleted or moved away and another one has taken its place.
// A run that is given every entry by name would not delete what only the old one had.
func (p *Planner) replaced(w Work) bool {
	const both = dirty.Tree | dirty.Gone
	return p.ListsTrees() && w.Flags&both == both
}

// inPlaceQuiet is how long after its last change a file waits that a receiver may have written in
// place: a receiver sets the time of a file a moment after closing it.
const inPlaceQuiet = 50 * time.Millisecond

// written tells until when a file that may have been written in place has to wait; zero: it need
// not.
func (p *Planner) written(w Work) time.Time {
	if w.Flags&dirty.Content == 0 || !p.Terms.Inplace || !w.Found.Regular() {
		return time.Time{}
	}
	until := disk.Stamp(w.Found.Stat.Ctim).Add(inPlaceQuiet)
	if w.Taken.Before(until) && until.Sub(w.Taken) <= inPlaceQuiet {
		return until
	}
	return time.Time{}
}

// untoldFor is how long the event of a change may take to get here on a busy machine.
const untoldFor = time.Second

// untold tells until when a file waits that came to its place after the latest event about it: by
// the events so far it was changed on this host, but it may be an arrival by now, which the next
// event will say. Zero: it need not wait. Of a file that was simply written mtime and ctime are
// equal.
func untold(w Work) time.Time {
	if w.Flags&dirty.Content == 0 || !w.Found.Regular() || w.Found.Stat.Mtim == w.Found.Stat.Ctim {
		return time.Time{}
	}
	placed := disk.Stamp(w.Found.Stat.Ctim)
	until := placed.Add(untoldFor)
	if placed.After(w.Last) && w.Taken.Before(until) && until.Sub(w.Taken) <= untoldFor {
		return until
	}
	return time.Time{}
}

// awaitedStep is how often a deletion that waits for a move is looked at again. It is also looked
// at when the move has ended.
const awaitedStep = time.Second

// absent decides about a path that our own lookup has found absent.
func (p *Planner) absent(w Work, f Facts) Step {
	if f.Guarded(w.Path) {
		w.Way = Sparing
	}
	switch {
	case !p.MayDelete, len(w.Found.At) >= unix.PathMax: // such a path never arrived
		return Step{Deed: Settle, Work: w}
	case f.Awaited(w.Path, w.Flags&dirty.Tree != 0):
		return again(w, f.Now.Add(awaitedStep))
	case w.Found.At != w.Path:
		return Step{Deed: Instead, Work: w, At: w.Found.At, Flags: w.Flags | dirty.Gone | dirty.Tree}
	case !w.Looked:
		w.Looked = true
		return Step{Deed: LookTwice, Work: w}
	case p.Held(w.Path, true) != "":
		return Step{Deed: KeepDeleted, Work: w, Until: f.Now.Add(health.Wait(20))}
	case f.NoDelete:
		return fails(w, Failure{Reason: "the daemon refuses deletions", Remedy: p.Terms.AllowDeletions})
	default:
		return p.deletable(w, f)
	}
}

// deletable decides about a path that may be deleted on the target.
func (p *Planner) deletable(w Work, f Facts) Step {
	asDir, asFile := p.Spared(w.Path, true), p.Spared(w.Path, false)
	tree := w.Flags&dirty.Tree != 0 || f.Left(w.Path)
	switch {
	case asDir && !asFile:
		// The expression matches directories only: what was deleted here, and what the target has,
		// may have been a file of that name, or a directory.
		return queued(KindSurvey, w)
	case tree && asDir || !tree && asFile:
		return Step{Deed: Settle, Work: w}
	case (p.ListsTrees() || p.Terms.Patterned || w.Way == Sparing || f.Spares(w.Path)) && tree && !disk.Partial(w.Path):
		// The directory may hold entries that a filter excludes: ask the target.
		return queued(KindSurvey, w)
	default:
		return queued(KindDelete, w)
	}
}
