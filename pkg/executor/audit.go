package executor

import (
	"slices"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/outcome"
)

// audit passes the paths that a run has deleted on to the audit log, by cause: found by a scan or a
// mirror run, or seen as an event.
func (s *settler) audit(o outcome.Outcome) {
	byCause := map[audit.Cause][]string{}
	for path, c := range o.Changed {
		if !c.Deleted {
			continue
		}
		why := audit.CauseEvent
		for p := path; p != ""; p = disk.ParentOf(p) {
			if found, ok := s.causes[p]; ok {
				why = found
				break
			}
		}
		byCause[why] = append(byCause[why], path)
	}
	for _, w := range o.Works {
		delete(s.causes, w.Path)
	}
	if s.opt.Deletions == nil {
		return
	}
	for why, paths := range byCause {
		slices.Sort(paths)
		s.opt.Deletions(why, paths)
	}
}
