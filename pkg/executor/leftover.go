package executor

import (
	"time"

	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/rsync"
)

// The part of a large file that had arrived when its run ended goes with the
// next run of that file. But where a link was cut silently the receiver of the
// first run learns of its end late, and writes its part down after that; and a
// file that was deleted here meanwhile has no next run. No comparison sees such
// a part, so it is removed by its name.

// leftoverWaits are the waits before each try to remove what was left: the
// kernel of a peer that has gone keeps trying to say so for some two minutes, a
// daemon's own timeout is often ten, and TCP's keep-alive gives up after some
// more than two hours.
var leftoverWaits = [...]time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 15 * time.Minute, 3 * time.Hour}

const maxLeftovers = 100

// leftovers are the directories that may hold parts. Owned by the loop.
type leftovers struct {
	dirs map[string]leftover
	next time.Time // of the next try; zero: none is due
}

type leftover struct {
	tries int
	at    time.Time
}

// noteLeftovers remembers where a run that has failed was sending large files.
func (l *Lane) noteLeftovers(o outcome, now time.Time) {
	p := l.opt.Target.Params
	if !o.run.Resume || o.err != nil || !l.opt.MayDelete || p.PartialDir || p.Inplace {
		return
	}
	for _, w := range o.works {
		l.noteLeftover(parentOf(w.Path), now)
	}
	if o.kind == kindFull && o.last != "" {
		l.noteLeftover(parentOf(o.last), now)
	}
}

func (l *Lane) noteLeftover(dir string, now time.Time) {
	if _, known := l.leftovers.dirs[dir]; !known && len(l.leftovers.dirs) >= maxLeftovers {
		return
	}
	if l.leftovers.dirs == nil {
		l.leftovers.dirs = map[string]leftover{}
	}
	l.leftovers.dirs[dir] = leftover{at: now.Add(leftoverWaits[0])}
	l.leftovers.plan()
}

func (f *leftovers) plan() {
	f.next = time.Time{}
	for _, d := range f.dirs {
		if f.next.IsZero() || d.at.Before(f.next) {
			f.next = d.at
		}
	}
}

// removeLeftovers makes the directories of parts dirty, while nothing is under
// way that could use one.
func (l *Lane) removeLeftovers(now time.Time) {
	f := &l.leftovers
	if f.next.IsZero() || now.Before(f.next) {
		return
	}
	large := l.busy[kindBig]+l.busy[kindFull] > 0 || l.full.want != nil || l.inTrouble().attempt > 0
	for dir, d := range f.dirs {
		if now.Before(d.at) {
			continue
		}
		if large {
			d.at = now.Add(leftoverWaits[0])
			f.dirs[dir] = d
			continue
		}
		path := rsync.PartialDir
		if dir != "" {
			path = dir + "/" + path
		}
		l.causes[path] = failqueue.CauseCatchUp
		l.dirty.Mark(path, filterqueue.Gone|filterqueue.Tree, now)
		if d.tries++; d.tries == len(leftoverWaits) {
			delete(f.dirs, dir)
			continue
		}
		d.at = now.Add(leftoverWaits[d.tries])
		f.dirs[dir] = d
	}
	f.plan()
}
