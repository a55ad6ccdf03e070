package executor

import (
	"time"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/status"
)

// A survey of one directory may find so many entries to delete that, if each were marked, they
// would collapse into the directory, which would then be surveyed again, and so on for ever. In
// that case the directory stays in flight, one run deletes those entries on the remote, and after
// that the directory is sent.

// manyGone is from how many entries on this is done. It is below the number that makes a directory
// collapse.
const manyGone = 1000

// lose has the entries deleted that a survey of a directory has found; more says that the survey
// has not named all of them.
func (s *surveys) lose(w plan.Work, gone []plan.Candidate, more bool, why audit.Cause) {
	if len(gone) > plan.MaxBatch {
		gone, more = gone[:plan.MaxBatch], true
	}
	w.Gone, w.More = gone, more
	for _, c := range gone {
		s.causes[c.Path] = why
	}
	s.queue[plan.KindDelete] = append(s.queue[plan.KindDelete], w)
}

// hasLost sends a directory after these entries were deleted, or surveys it again for the rest.
func (s *surveys) hasLost(w plan.Work, now time.Time) {
	gone := make(map[string]bool, len(w.Gone))
	for _, c := range w.Gone {
		gone[c.Path] = true
		delete(s.causes, c.Path)
		s.recorder.Transfer(status.Transfer{Time: now, Path: c.Path, Operation: status.Deleted, Duration: status.Seconds(now.Sub(w.Since))})
	}
	for _, path := range s.differs.below(status.Extras, w.Path) {
		if gone[path] || covered(path, gone) {
			s.differs.settle(path, false, status.Extras)
		}
	}
	w.Gone = nil
	if w.More {
		s.dirty.Return(w.Item, time.Time{})
		return
	}
	s.sendSurveyed(w)
}
