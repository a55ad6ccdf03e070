package executor

import (
	"slices"

	"github.com/sersync/sersync/pkg/failqueue"
)

// audit passes what a run has deleted on to the audit log, by cause: found by
// a scan or mirror run, or seen as an event.
func (l *Lane) audit(o outcome) {
	byCause := map[failqueue.Cause][]string{}
	for path, c := range o.changed {
		if !c.Deleted {
			continue
		}
		why := failqueue.CauseEvent
		for p := path; p != ""; p = parentOf(p) {
			if found, ok := l.causes[p]; ok {
				why = found
				break
			}
		}
		byCause[why] = append(byCause[why], path)
	}
	for _, w := range o.works {
		delete(l.causes, w.Path)
	}
	if l.opt.Deletions == nil {
		return
	}
	for why, paths := range byCause {
		slices.Sort(paths)
		l.opt.Deletions(why, paths)
	}
}
