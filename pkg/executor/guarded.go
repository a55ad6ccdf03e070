package executor

import (
	"time"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
)

// A full sync with patterns of its own (crontabfilter) leaves out what they match, also on the
// target. Of a directory that is gone here rsync then names the entries that may be deleted, but
// not the directory itself, if it has entries that the patterns match. To delete the directory as a
// whole, as is usual for one that is gone, would also delete these. So such a directory is surveyed
// again, with the patterns, and only the entries that the survey names are deleted.

// maxGuarded bounds the directories that wait for such a survey; the next full sync finds the
// others.
const maxGuarded = 1000

// guarded are the directories that wait for such a survey. Owned by the loop.
type guarded struct {
	patterns []string
	dirs     map[string]bool
}

// guard has only those entries of a directory that is gone here deleted that the patterns do not
// match. A directory that is dirty already is not guarded: its deletion was seen, or another scan
// has found it. guard returns false when there is nothing to do, or no room for the directory now.
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

// directories are the directories among the candidates, which may be deleted with everything in
// them.
func directories(extras []plan.Candidate) map[string]bool {
	dirs := map[string]bool{}
	for _, c := range extras {
		if c.Dir {
			dirs[c.Path] = true
		}
	}
	return dirs
}
