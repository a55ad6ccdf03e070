package executor

import (
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
)

// strays are directories that the filter excludes and that this lane has made on the remote all the
// same: when the lane looked the name was a file, which is not excluded, and when rsync ran it had
// become a directory. An excluded entry on a remote is not deleted, because somebody else has put
// it there; but strays were put there by this lane.
type strays map[string]bool

// mostStrays bounds them. Further ones stay on the remote as empty directories.
const mostStrays = 10_000

// noteStrays finds the strays that a run has made.
func (s *settler) noteStrays(o outcome.Outcome) {
	if s.opt.Excluded == nil || o.Kind == plan.KindFull && s.full.Want.Verify {
		return
	}
	for path, c := range o.Changed {
		if c.Dir && c.Sent && path != "" && len(s.strays) < mostStrays && s.opt.Excluded(path, true) {
			s.strays[path] = true
		}
	}
}

// lost forgets strays that a run has deleted.
func (s strays) lost(w plan.Work) {
	delete(s, w.Path)
	for _, name := range w.Entries {
		delete(s, name)
	}
}
