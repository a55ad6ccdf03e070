package executor

import (
	"context"
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
)

// A new directory goes as a tree, with whatever temporary files another program has in it at that
// moment; events about such files are dropped, so no event says that they are gone again. They are
// looked at again until they are gone, or have stayed for so long that somebody seems to want them.
//
// So is what only the target has under a name that a receiver's own temporary
// file might have: as long as a run is under way it could be one.

const (
	litterFirst = 2 * time.Second
	litterLast  = 5 * time.Minute
	maxLitter   = 10_000
)

// litter are temporary files that were sent with trees, by path. Owned by the loop.
type litter struct {
	waits map[string]time.Duration
	next  time.Time // of the next look; zero: none is due
}

// noteLitter remembers the temporary files among what a run has sent.
func (s *settler) noteLitter(o outcome.Outcome, now time.Time) {
	for path, c := range o.Changed {
		if !c.Dir && !c.Deleted && filterqueue.TempName(path[strings.LastIndexByte(path, '/')+1:]) {
			s.litter.note(path, now)
		}
	}
}

func (l *litter) note(path string, now time.Time) {
	if len(l.waits) >= maxLitter {
		return
	}
	if l.waits == nil {
		l.waits = map[string]time.Duration{}
	}
	l.waits[path] = litterFirst
	l.next = now.Add(litterFirst)
}

// lookForLitter looks, beside the loop, which of the files are gone.
func (l *loop) lookForLitter(ctx context.Context, now time.Time) {
	if l.litter.next.IsZero() || now.Before(l.litter.next) {
		return
	}
	l.litter.next = time.Time{}
	var paths []string
	for path := range l.litter.waits {
		if _, found := l.causes[path]; l.arriving(path) || found && l.opt.Held(path, false) != "" {
			l.litter.next = now.Add(litterFirst)
			continue
		}
		paths = append(paths, path)
	}
	if len(paths) == 0 {
		return
	}
	found := map[string]fstree.Found{}
	l.errand(ctx, func(ctx context.Context) {
		_ = l.disk.Looks(ctx, paths, func(path string, f fstree.Found) { found[path] = f })
	}, func() { l.sweeper.takeLitter(found, time.Now()) })
}

// takeLitter makes the files dirty that are gone.
func (s *sweeper) takeLitter(found map[string]fstree.Found, now time.Time) {
	for path, f := range found {
		if f.State == fstree.Absent {
			s.dirty.Mark(path, dirty.Gone, now)
			delete(s.litter.waits, path)
		} else {
			s.litter.later(path, now)
		}
	}
}

// later has a file that is still there looked at again after a longer wait, or not again.
func (l *litter) later(path string, now time.Time) {
	wait := 2 * l.waits[path]
	if wait > litterLast {
		delete(l.waits, path)
		return
	}
	l.waits[path] = wait
	if at := now.Add(wait); l.next.IsZero() || at.Before(l.next) {
		l.next = at
	}
}
