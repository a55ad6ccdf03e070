package executor

import (
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/beneath"
	"github.com/sersync/sersync/pkg/filterqueue"
)

// A new directory goes as a tree, with whatever temporary files another
// program has in it at that moment; events about such files are dropped, so
// nobody would notice that they are gone again. They are looked for until they
// are, or have stayed for so long that they are what somebody wants.
//
// So is what only the target has under a name that a receiver's own temporary
// file might have: as long as a run is under way it could be one.

const (
	litterFirst = 2 * time.Second
	litterLast  = 5 * time.Minute
	maxLitter   = 10_000
)

// litter are temporary files that went with trees, by path. Owned by the
// loop.
type litter struct {
	waits map[string]time.Duration
	next  time.Time // of the next look; zero: none is due
}

// noteLitter remembers the temporary files among what a run has sent.
func (l *Lane) noteLitter(o outcome, now time.Time) {
	for path, c := range o.changed {
		if !c.Dir && !c.Deleted && filterqueue.TempName(path[strings.LastIndexByte(path, '/')+1:]) {
			l.litter.note(path, now)
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

// lookForLitter makes dirty what is gone.
func (l *Lane) lookForLitter(now time.Time) {
	if l.litter.next.IsZero() || now.Before(l.litter.next) {
		return
	}
	l.litter.next = time.Time{}
	for path, wait := range l.litter.waits {
		if _, found := l.causes[path]; l.arriving(path) || found && l.opt.Held(path, false) != "" {
			l.litter.next = now.Add(litterFirst)
			continue
		}
		if l.stillThere(path).State == beneath.Absent {
			l.dirty.Mark(path, filterqueue.Gone, now)
			delete(l.litter.waits, path)
			continue
		}
		if wait *= 2; wait > litterLast {
			delete(l.litter.waits, path)
			continue
		}
		l.litter.waits[path] = wait
		if at := now.Add(wait); l.litter.next.IsZero() || at.Before(l.litter.next) {
			l.litter.next = at
		}
	}
}
