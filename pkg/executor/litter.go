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
		if c.Dir || c.Deleted || len(l.litter.waits) >= maxLitter || !filterqueue.TempName(path[strings.LastIndexByte(path, '/')+1:]) {
			continue
		}
		if l.litter.waits == nil {
			l.litter.waits = map[string]time.Duration{}
		}
		l.litter.waits[path] = litterFirst
		l.litter.next = now.Add(litterFirst)
	}
}

// lookForLitter makes dirty what is gone.
func (l *Lane) lookForLitter(now time.Time) {
	if l.litter.next.IsZero() || now.Before(l.litter.next) {
		return
	}
	l.litter.next = time.Time{}
	for path, wait := range l.litter.waits {
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
