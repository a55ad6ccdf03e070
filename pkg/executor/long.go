package executor

import (
	"time"

	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/fstree"
)

// rsync sends the files of a run one after the other, so that one that takes hours holds up all
// behind it, and whatever waits for the run. So every run leaves such files out (also runs of small
// files, since a file may become that large between the look at it and the run), and they go by
// their own names, as big files do.

// longest is the size above which files are left out of runs for trees.
func (s *speed) longest() int64 { return s.notLarge(s.upTo(minutes)) }

// markLeftOut makes the files dirty that a run has left out.
func (d *desk) markLeftOut(o outcome.Outcome, now time.Time) {
	for _, left := range o.Left {
		d.dirty.Mark(left.Path, left.Flags, now)
		d.owe(left.Since)
	}
}

// leaveOutTheFat has the next try of a full sync that the target's full disk has ended leave out
// files that did not fit; false when these are not known.
func (fs *fulls) leaveOutTheFat(o outcome.Outcome, now time.Time) bool {
	if fs.full.Want.Verify || len(fs.full.Want.Excludes) > 0 {
		return false
	}
	before := fs.full.Most
	for _, e := range o.Result.Failed {
		path, f := o.ComplainedOf(e)
		if !e.Remote || f.State != fstree.Present || !f.Regular() || f.Stat.Size == 0 {
			continue
		}
		if size := f.Stat.Size - 1; fs.full.Most == 0 || size < fs.full.Most {
			fs.full.Most = size
		}
		fs.sweeper.noteTight(path, now)
	}
	return fs.full.Most != before
}
