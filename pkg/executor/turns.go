package executor

import (
	"context"
	"time"

	"github.com/sersync/sersync/pkg/busyhours"
	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/plan"
)

// Each file that takes long goes in a run of its own. These files are divided into classes by how
// long they will take, and each class has room of its own: a file that takes a minute does not wait
// for one that takes a day. Within a class the owners of files take turns.

// bigClass is how long a big file takes.
type bigClass int

const (
	minutes bigClass = iota // at most about one minute
	hours
	days
	bigClasses
)

// bigLimits bound the classes: how long a file of the class takes on the link,
// how large it is on any link, and how many runs there are at one time.
var bigLimits = [bigClasses]struct {
	takes time.Duration
	size  int64
	runs  int
}{
	minutes: {time.Minute, 1 << 30, 1},
	hours:   {time.Hour, 64 << 30, 1},
	days:    {0, 0, 3},
}

// overdue: a run that has taken so many times as long as its class allows counts for the next
// class, if that has room.
const overdue = 2

// bigClass tells how long a file of that size will take.
func (s *speed) bigClass(size int64) bigClass {
	for c := range days {
		if size <= s.upTo(c) {
			return c
		}
	}
	return days
}

// upTo is the size of the largest files of a class.
func (s *speed) upTo(c bigClass) int64 {
	limit := bigLimits[c].size
	if n := s.within(bigLimits[c].takes); n > 0 {
		limit = min(limit, max(n, leastBig))
	}
	return limit
}

// turns decides which big file is sent next. Owned by the loop.
type turns struct {
	running map[string]bigRun // by path
	served  map[uint32]uint64 // by owner: when a file of theirs was begun last
	count   uint64
}

// bigRun is one run of a big file.
type bigRun struct {
	class bigClass
	owner uint32
	size  int64
	began time.Time
	rule  busyhours.Rule     // that holds for it
	stop  context.CancelFunc // ends it
}

// maxServed bounds the owners that are remembered.
const maxServed = 1000

// next is the index, among the waiting files, of the one to begin; -1: there is room for none of
// them.
func (t *turns) next(waiting []plan.Work, s *speed, now time.Time) int {
	t.promote(now)
	best := -1
	for i, w := range waiting {
		if !t.room(s.bigClass(w.Found.Stat.Size), w.Found.Stat.Uid) {
			continue
		}
		if best < 0 || t.served[w.Found.Stat.Uid] < t.served[waiting[best].Found.Stat.Uid] {
			best = i
		}
	}
	return best
}

// room tells whether a file of that class and owner may begin. Of the runs that take days an owner
// gets one only, since all such files may belong to one owner.
func (t *turns) room(c bigClass, owner uint32) bool {
	n := 0
	for _, run := range t.running {
		if run.class != c {
			continue
		}
		if n++; c == days && run.owner == owner {
			return false
		}
	}
	return n < bigLimits[c].runs
}

// promote moves runs that take longer than their class allows to the next class.
func (t *turns) promote(now time.Time) {
	for path, run := range t.running {
		if run.class < days && !now.Before(run.overdue()) && t.room(run.class+1, run.owner) {
			run.class++
			t.running[path] = run
		}
	}
}

func (b bigRun) overdue() time.Time { return b.began.Add(overdue * bigLimits[b.class].takes) }

// changes is when a run becomes overdue; zero: none will.
func (t *turns) changes() (at time.Time) {
	for _, run := range t.running {
		if run.class < days && t.room(run.class+1, run.owner) && (at.IsZero() || run.overdue().Before(at)) {
			at = run.overdue()
		}
	}
	return at
}

// begin records a run that begins now; class, rule and stop of run are set.
func (t *turns) begin(w plan.Work, run bigRun, now time.Time) {
	if t.running == nil || len(t.served) >= maxServed {
		t.served = map[uint32]uint64{}
	}
	if t.running == nil {
		t.running = map[string]bigRun{}
	}
	t.count++
	run.owner, run.size, run.began = w.Found.Stat.Uid, w.Found.Stat.Size, now
	t.running[w.Path] = run
	t.served[w.Found.Stat.Uid] = t.count
}

func (t *turns) end(works []plan.Work) {
	for _, w := range works {
		if run, ok := t.running[w.Path]; ok {
			run.stop()
			delete(t.running, w.Path)
		}
	}
}

// within tells whether a big file of that directory is under way.
func (t *turns) within(dir string) bool {
	for path := range t.running {
		if disk.ParentOf(path) == dir {
			return true
		}
	}
	return false
}
