package executor

import (
	"maps"
	"time"

	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/fstree"
)

// A file that rsync tries in vain to open (see child.Command.OpenPatience) costs its run a second.
// Somebody who keeps changing a name into a fifo and back could cost every run that second. So from
// then on such a path goes through a queue of its own, in which only paths of that kind wait, and
// rsync gets more time for it. When many paths of one owner hang, everything of that owner goes
// through that queue.

const (
	// hangMemory is how long a path that has hung goes through that queue.
	hangMemory = 10 * time.Minute
	// fewHangs is how many paths of one owner may hang before all paths of that owner are kept
	// apart.
	fewHangs = 8
	// maxHangs bounds the paths that are remembered.
	maxHangs = 1000
)

// hangs remembers which paths hang. Owned by the loop.
type hangs struct {
	paths  map[string]hang
	owners map[uint32]int // how many of the paths belong to each owner
	sweep  time.Time      // when the first of them may be forgotten
}

type hang struct {
	owner uint32
	last  time.Time
}

// note remembers that a path of that owner has hung.
func (h *hangs) note(path string, owner uint32, now time.Time) {
	h.forget(now)
	before, known := h.paths[path]
	switch {
	case known:
		h.leave(before.owner)
	case len(h.paths) >= maxHangs:
		return
	case h.paths == nil:
		h.paths, h.owners, h.sweep = map[string]hang{}, map[uint32]int{}, now.Add(hangMemory)
	}
	h.paths[path] = hang{owner, now}
	h.owners[owner]++
}

// apart tells whether a file is to go with the queue of those that hang.
func (h *hangs) apart(path string, owner uint32, now time.Time) bool {
	if len(h.paths) == 0 {
		return false
	}
	h.forget(now)
	_, known := h.paths[path]
	return known || h.owners[owner] > fewHangs
}

// forget drops what has not hung for long.
func (h *hangs) forget(now time.Time) {
	if now.Before(h.sweep) {
		return
	}
	h.sweep = now.Add(hangMemory)
	maps.DeleteFunc(h.paths, func(_ string, p hang) bool {
		if now.Sub(p.last) < hangMemory {
			h.sweep = minTime(h.sweep, p.last.Add(hangMemory))
			return false
		}
		h.leave(p.owner)
		return true
	})
}

func (h *hangs) leave(owner uint32) {
	if h.owners[owner]--; h.owners[owner] <= 0 {
		delete(h.owners, owner)
	}
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// noteHangs remembers the files that a run has tried in vain to open.
func (s *settler) noteHangs(o outcome.Outcome, now time.Time) {
	for _, e := range o.Result.Races {
		if !e.Hung() {
			continue
		}
		path, f := o.ComplainedOf(e)
		if f.State == fstree.Present {
			s.hangs.note(path, f.Stat.Uid, now)
		}
	}
}

// blocksFull tells whether a path that is sent beside the running full sync could make the remote
// wait for ever: the receiver of the full sync may be about to open the file of that name, and
// waits in open(2) if a fifo has taken its place, which cannot be interrupted from here. So a name
// at which there has been something else than a file counts as special until the full sync has
// ended.
func (l *loop) blocksFull(w plan.Work) bool {
	if !l.fullWrites() {
		return false
	}
	if w.Found.Regular() || w.Found.Symlink() || w.Found.Dir() {
		return l.full.Specials[w.Path]
	}
	if l.full.Specials == nil {
		l.full.Specials = map[string]bool{}
	}
	if len(l.full.Specials) < maxHangs {
		l.full.Specials[w.Path] = true
	}
	return true
}

// fullWrites tells whether a full sync runs that opens files on the remote.
func (l *loop) fullWrites() bool { return l.full.Running && !l.full.Want.Verify }
