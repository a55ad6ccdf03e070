package inotify

import (
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/fsevent"

	"github.com/sersync/sersync/pkg/fsevent/watchertest"
)

// TestTooManyJobs: once jobs are refused, one walk over everything, which stands for all of them,
// is queued although the queue is full.
func TestTooManyJobs(t *testing.T) {
	w, err := New("/", Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(w)
	s.t.rootWd, s.t.root = 1, s.t.create(1)
	for wd := range int32(maxPending + 1) {
		s.addJob(&job{key: jobKey{wd: 1 + wd, name: "d"}, op: fsevent.Create})
	}
	if !s.jobs.refused {
		t.Fatal("no job was refused")
	}
	s.stepRepair(&watchertest.Told{}, time.Now())
	root := s.jobs.pending[jobKey{wd: 1}]
	if root == nil || !root.is(walkAll) || !root.is(reportBack) {
		t.Errorf("the walk over everything: %+v", root)
	}
	if s.repair.phase != walking || s.jobs.refused {
		t.Errorf("phase %d, refused %v", s.repair.phase, s.jobs.refused)
	}
}

// TestJobsMerge: two jobs for one name become one job with the purposes of both, and a sweep counts
// each name once.
func TestJobsMerge(t *testing.T) {
	key := jobKey{1, "d"}
	q := newJobs()
	q.add(&job{key: key, op: fsevent.Create, appeared: true})
	q.add(&job{key: key, purpose: walkBelow | sweepUp})
	q.add(&job{key: key, purpose: sweepUp})
	if j := q.next(); j.op != fsevent.Create || !j.appeared || j.purpose != walkBelow|sweepUp || q.sweeps != 1 {
		t.Errorf("%+v, %d sweeps", j, q.sweeps)
	}
	q.waiting = []*job{{key: key, op: fsevent.MovedTo, purpose: sweepUp, tries: 2}}
	q.add(&job{key: key, purpose: sweepUp | checkMount})
	tree := newTree()
	tree.epoch += 2
	q.wake(tree, time.Now())
	if j := q.next(); j.op != fsevent.MovedTo || j.purpose != sweepUp|checkMount || j.tries != 2 || q.sweeps != 1 {
		t.Errorf("%+v, %d sweeps", j, q.sweeps)
	}
	if q.next() != nil || !q.idle() {
		t.Error("the queue is not empty")
	}
}

// TestRepairPhases: after which events a walk over everything may begin, and when.
func TestRepairPhases(t *testing.T) {
	for name, c := range map[string]struct {
		r      repair
		sweeps int
		begins bool
	}{
		"nothing wanted":          {repair{}, 0, false},
		"wanted":                  {repair{wanted: true}, 0, true},
		"a walk goes on":          {repair{wanted: true, phase: walking}, 0, false},
		"a sweep has jobs":        {repair{wanted: true, phase: sweeping}, 3, false},
		"a sweep without jobs":    {repair{wanted: true, phase: sweeping}, 0, true},
		"the number starts again": {repair{wanted: true, gen: 1<<16 - 1}, 0, true},
	} {
		before := c.r
		j := c.r.begin(1, c.sweeps)
		if (j != nil) != c.begins {
			t.Errorf("%s: begins %v", name, j != nil)
		}
		if c.begins && (c.r.phase != walking || c.r.wanted || c.r.gen == before.gen || c.r.gen == 0) {
			t.Errorf("%s: %+v", name, c.r)
		}
	}
}
