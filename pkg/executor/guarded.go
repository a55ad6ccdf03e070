package executor

import (
	"time"

	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/filterqueue"
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
func (l *Lane) guard(dir string, patterns []string, why failqueue.Cause, now time.Time) bool {
	if len(l.guarded.dirs) >= maxGuarded || l.dirty.Covers(dir) {
		return false
	}
	if l.guarded.dirs == nil {
		l.guarded.dirs = map[string]bool{}
	}
	l.guarded.patterns, l.guarded.dirs[dir] = patterns, true
	l.causes[dir] = why
	l.dirty.Mark(dir, filterqueue.Gone|filterqueue.Tree, now)
	return true
}

// directories are those among the candidates: they may go with all they hold.
func directories(extras []candidate) map[string]bool {
	dirs := map[string]bool{}
	for _, c := range extras {
		if c.dir {
			dirs[c.path] = true
		}
	}
	return dirs
}
