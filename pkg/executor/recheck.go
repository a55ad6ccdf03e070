package executor

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/status"
)

// A file that is newer on the remote may become equal without any event on this host: a receiver
// here sets nothing but its time, which is an event only where attributes are watched, or somebody
// changes the remote's copy. So the remote is asked about such files again, at growing intervals.
const (
	recheckFirst = 15 * time.Second
	recheckLast  = time.Hour
)

// recheck says when the remote is asked again about the files that count as newer there.
type recheck struct {
	next  time.Time // zero: no file counts as newer
	wait  time.Duration
	files int // how many counted as newer at the last look
}

// due tells whether the remote is to be asked now, while so many files count as newer there. When
// their number has grown, the intervals begin anew.
func (r *recheck) due(files int, now time.Time) bool {
	grown := files > r.files
	r.files = files
	switch {
	case files == 0:
		*r = recheck{}
		return false
	case grown:
		r.wait = recheckFirst
	case now.Before(r.next):
		return false
	default:
		r.wait = min(2*r.wait, recheckLast)
	}
	r.next = now.Add(r.wait)
	return !grown
}

// recheckNewer makes those files dirty that count as newer on the remote and are still here, when
// the remote is to be asked about them again. A file that is gone here is left alone: whether its
// copy may be deleted is for an event, or for a scan, to decide.
func (l *loop) recheckNewer(ctx context.Context, now time.Time) {
	newer := l.differs.of(status.Newer).paths
	if !l.recheck.due(len(newer), now) || l.opt.Gone() {
		return
	}
	var here []string
	paths := slices.Collect(maps.Keys(newer))
	l.errand(ctx, func(ctx context.Context) {
		_ = l.disk.Looks(ctx, paths, func(path string, f fstree.Found) {
			if f.Regular() {
				here = append(here, path)
			}
		})
	}, func() {
		now := time.Now()
		for _, path := range here {
			l.dirty.Mark(path, dirty.Unsure, now)
		}
	})
}
