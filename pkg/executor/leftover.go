package executor

import (
	"slices"
	"syscall"
	"time"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

// The part of a large file that had arrived when its run ended is used up by the next run of that
// file. But where a link was cut silently the receiver of the first run learns late that it has
// ended, and only then stores its part; and a file that was deleted here meanwhile has no next run.
// Comparisons leave such a part out, so it is deleted by its name.
//
// A file that becomes shorter while it is sent leaves a part as well: the receiver
// keeps what fails its check, and rsync sends it once more at the end of the run. When
// the file is gone by then, or small in its next run, nobody takes the part up.

// leftoverWaits are the waits before each try to delete such parts: a receiver may notice that its
// peer is gone after some two minutes (TCP retransmissions), after the daemon's own timeout, often
// ten minutes, or after a little more than two hours (TCP keep-alive).
var leftoverWaits = [...]time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 15 * time.Minute, 3 * time.Hour}

const maxLeftovers = 500

// sweeper has things deleted that runs have left on the remote, and temporary files that were sent
// there. It belongs to the loop.
type sweeper struct{ *desk }

// leftovers are the directories that may hold parts. Owned by the loop.
type leftovers struct {
	dirs map[string]leftover
	next time.Time // of the next try; zero: none is due
}

type leftover struct {
	tries int
	at    time.Time
}

// noteLeftovers remembers where a run has left parts, or may have.
func (s *sweeper) noteLeftovers(o outcome.Outcome, now time.Time) {
	if p := s.terms; !s.opt.MayDelete || p.PartialDir || p.Inplace {
		return
	}
	if o.Kind == plan.KindBig || o.Kind == plan.KindFull {
		for _, e := range slices.Concat(o.Result.Races, o.Result.Failed, o.Unsent) {
			if e.Changed && e.Errno == syscall.ENODATA {
				s.noteLeftover(disk.ParentOf(e.Path), now)
			}
		}
	}
	if o.Result.Class > transport.Again && o.Run.Resume && o.Err == nil {
		s.noteSending(o, now)
	}
}

// noteSending remembers where a run that has failed was sending large files, or files of any size
// in a full sync.
func (s *sweeper) noteSending(o outcome.Outcome, now time.Time) {
	for _, w := range o.Works {
		s.noteLeftover(disk.ParentOf(w.Path), now)
	}
	if o.Kind == plan.KindFull {
		for _, dir := range o.Lately.Dirs() {
			s.noteLeftover(dir, now)
		}
	}
}

func (s *sweeper) noteLeftover(dir string, now time.Time) {
	if _, known := s.leftovers.dirs[dir]; !known && len(s.leftovers.dirs) >= maxLeftovers {
		return
	}
	if s.leftovers.dirs == nil {
		s.leftovers.dirs = map[string]leftover{}
	}
	s.leftovers.dirs[dir] = leftover{at: now.Add(leftoverWaits[0])}
	s.leftovers.plan()
}

func (f *leftovers) plan() {
	f.next = time.Time{}
	for _, d := range f.dirs {
		if f.next.IsZero() || d.at.Before(f.next) {
			f.next = d.at
		}
	}
}

// removeLeftovers makes the directories of parts dirty while no run is under way that could use a
// part.
func (s *sweeper) removeLeftovers(now time.Time) {
	f := &s.leftovers
	if f.next.IsZero() || now.Before(f.next) {
		return
	}
	held, _ := s.hours.waits(now, s.dirty.Covers)
	large := s.busy[plan.KindFull] > 0 || s.full.Want != nil || s.down() || held != ""
	for dir, d := range f.dirs {
		if now.Before(d.at) {
			continue
		}
		if large || s.turns.within(dir) {
			d.at = now.Add(leftoverWaits[0])
			f.dirs[dir] = d
			continue
		}
		s.removeParts(dir, now)
		if d.tries++; d.tries == len(leftoverWaits) {
			delete(f.dirs, dir)
			continue
		}
		d.at = now.Add(leftoverWaits[d.tries])
		f.dirs[dir] = d
	}
	f.plan()
}

func (s *sweeper) removeParts(dir string, now time.Time) {
	path := transport.PartialDir
	if dir != "" {
		path = dir + "/" + path
	}
	s.causes[path] = audit.CauseCatchUp
	s.dirty.Mark(path, dirty.Gone|dirty.Tree, now)
}

// maxTight bounds the files of which it is remembered that they did not fit.
const maxTight = 1000

// noteTight has the part of a file deleted that does not fit on the target. Until the file has
// fitted once, no part of it is kept.
func (s *sweeper) noteTight(path string, now time.Time) {
	if len(s.tight) < maxTight {
		s.tight[path] = true
	}
	if s.opt.MayDelete && !s.terms.PartialDir && !s.terms.Inplace {
		s.removeParts(disk.ParentOf(path), now)
	}
}

// resumable tells whether to keep the part of a big file that has arrived when its run is
// interrupted.
func (s *sweeper) resumable(w plan.Work) bool {
	return !s.tight[w.Path] && (w.Found.Stat.Size > bigFile || s.speed.within(bigTime) > 0)
}
