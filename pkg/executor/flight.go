package executor

import (
	"context"
	"slices"
	"time"

	"github.com/sersync/sersync/pkg/rsync"
)

// flight is one batch on its way: the works of one kind that one run, or a
// few in a row, bring to the remote.
type flight struct {
	lease *lease
	kind  int
	works []work
	caps  rsync.Capabilities
	// paths is how many names the lists held.
	paths int
	// patterns are those of a full sync that guarded works were found by.
	patterns []string
	// fulls is how many full syncs had ended when this began.
	fulls uint64
	// mayHunt: when the run breaks off, its culprits are to be found.
	mayHunt bool
}

// outcome is what a flight reports when it has ended.
type outcome struct {
	flight
	result  rsync.Result
	run     rsync.Run
	argv    []string
	sent    int64 // content bytes
	files   int
	last    string // the file that was begun last
	began   time.Time
	ended   time.Time
	extras  []candidate // surveys
	cut     bool        // there are more of them
	changed map[string]rsync.Change
	also    hashes // what was sent and does not fit changed
	err     error  // the run could not be started
	// warm says that a standby was used; lostSession that one was found dead:
	// the remote may have been restarted, or replaced.
	warm, lostSession bool
	// withheld are complaints for which a run has left out all its deletions.
	withheld []rsync.PathError
	// sentAll: the sending half of a full sync is done, but for unsent. The
	// next try has only the question left, and no complaint to tell of them.
	sentAll bool
	unsent  []rsync.PathError
	hunt    *hunt // what was found after the run broke off; nil: nothing
}

// startQueued starts what waits for a kind's slot.
func (l *Lane) startQueued(ctx context.Context, kind int) {
	if len(l.queue[kind]) == 0 || l.busy[kind] >= l.limits[kind] {
		return
	}
	now, later := l.apart(l.queue[kind])
	// As few as the last batch that failed as a whole has left: else what is
	// claimed piece by piece comes together again here.
	n := min(len(now), l.batch)
	if kind == kindBig {
		n = 1 // one at a time, so that a failure costs one file's bytes
	}
	l.queue[kind] = slices.Concat(now[n:], later)
	l.launchWaiting(ctx, kind, now[:n:n])
}

// launch runs works; their slot is held, or taken when it is needed.
func (l *Lane) launch(ctx context.Context, kind int, works []work, hold *lease) {
	l.busy[kind]++
	f := flight{kind: kind, works: works, caps: l.state.caps, lease: hold, mayHunt: l.mayHunt(), fulls: l.full.ends}
	l.runs.Go(func() {
		o := l.fly(ctx, f)
		hold.release()
		l.outcomes <- o
	})
}

// lease is the slot of one flight. A flight that a waiting standby carries
// needs none: its process runs already, and one change to fifty remotes should
// not go in waves. It takes one when it has to start a process after all. It
// belongs to the flight's goroutine.
type lease struct {
	lane *Lane
	held bool
}

func (s *lease) take(ctx context.Context) error {
	if s == nil || s.held {
		return nil
	}
	if err := s.lane.slot(ctx); err != nil {
		return err
	}
	s.held = true
	return nil
}

func (s *lease) release() {
	if s.held {
		s.lane.opt.Slots.Release()
		s.held = false
	}
}

// launchWaiting waits for a slot first.
func (l *Lane) launchWaiting(ctx context.Context, kind int, works []work) {
	l.busy[kind]++
	f := flight{kind: kind, works: works, caps: l.state.caps, mayHunt: l.mayHunt(), patterns: l.guarded.patterns, fulls: l.full.ends}
	l.runs.Go(func() {
		o := outcome{flight: f, err: context.Canceled}
		if l.slot(ctx) == nil {
			o = l.fly(ctx, f)
			l.opt.Slots.Release()
		}
		l.outcomes <- o
	})
}

// fly brings one flight to its end.
func (l *Lane) fly(ctx context.Context, f flight) outcome {
	o := l.flyOnce(ctx, f)
	if f.mayHunt && o.err == nil && o.result.Broken && len(f.works) > 1 {
		o.hunt = l.hunt(ctx, f)
	}
	return o
}

func (l *Lane) flyOnce(ctx context.Context, f flight) outcome {
	switch f.kind {
	case kindSurvey:
		return l.survey(ctx, f)
	case kindDelete:
		return l.deleteRun(ctx, f)
	case kindTree:
		return l.treeRun(ctx, f)
	default:
		return l.sendRun(ctx, f)
	}
}
