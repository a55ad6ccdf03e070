package executor

import (
	"time"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
)

// A full sync with patterns of its own (crontabfilter) leaves out what they
// match, also on the target. rsync then says of a directory that is gone here
// which entries may go, and not that the directory may: it holds some that may
// not. To delete it as a whole, as a directory that is gone is deleted, would
// take these along, so such a directory is asked about again, with the patterns,
// and loses what is named.

// maxGuarded bounds the directories that wait for that; the next full sync
// finds the others.
const maxGuarded = 1000

// guarded are these directories. Owned by the loop.
type guarded struct {
	patterns []string
	dirs     map[string]bool
}

// guard has a directory that is gone lose only what the patterns let go. One that
// is dirty is none of it: its deletion was seen, or another scan has found it.
// It is false when there is nothing to do, or no room for it now.
func (d *desk) guard(dir string, patterns []string, why audit.Cause, now time.Time) bool {
	if len(d.guarded.dirs) >= maxGuarded || d.dirty.Covers(dir) {
		return false
	}
	if d.guarded.dirs == nil {
		d.guarded.dirs = map[string]bool{}
	}
	d.guarded.patterns, d.guarded.dirs[dir] = patterns, true
	d.causes[dir] = why
	d.dirty.Mark(dir, dirty.Gone|dirty.Tree, now)
	return true
}

// directories are those among the candidates: they may go with all they hold.
func directories(extras []plan.Candidate) map[string]bool {
	dirs := map[string]bool{}
	for _, c := range extras {
		if c.Dir {
			dirs[c.Path] = true
		}
	}
	return dirs
}
