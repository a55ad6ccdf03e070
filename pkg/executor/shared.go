package executor

import (
	"maps"
	"slices"
	"time"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
)

// What was moved is linked on the remote at its new place and then deleted at its old one. Between
// the two, files there share their contents and attributes. If something comes back to the old
// place, equal files in it would stay shared for ever, and a chmod of one would change the other:
// then the new place is sent anew. This is remembered over a restart.

// Moved is a move whose new place may share files on the remote with the old one.
type Moved struct{ From, To string }

// shared are the moves of which the remote may have both the old and the new place. Guarded by
// board.mu.
type shared struct {
	moves map[string]string // the old place, by the new one
	anew  map[string]bool   // of these new places, those to be sent anew
}

func newShared(moves []Moved) shared {
	s := shared{moves: map[string]string{}, anew: map[string]bool{}}
	for _, m := range moves {
		s.moves[m.To] = m.From
	}
	return s
}

func (s shared) list() (moves []Moved) {
	for _, to := range slices.Sorted(maps.Keys(s.moves)) {
		moves = append(moves, Moved{From: s.moves[to], To: to})
	}
	return moves
}

// overlap tells whether one path is the other one, or lies in it.
func overlap(a, b string) bool { return a == b || disk.Inside(a, b) || disk.Inside(b, a) }

// movable tells whether the lane is in a state in which it is known what the remote has at the old
// place of a work, so that it can be linked.
func (d *desk) movable(w plan.Work) bool {
	if !d.dirty.Moves().Useful(w.Path, w.From) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !d.state.complete || d.full.Running || d.full.Want != nil:
		return false
	case w.Found.Regular() && w.Renamed():
		return true
	case d.state.peer:
		// A watcher on the remote does not take a link for an arrival: it would count as a change
		// of that host, later than what was written here a moment ago.
		return false
	}
	for to, from := range d.state.shared.moves {
		for _, path := range []string{w.Path, w.From} {
			if (overlap(path, to) || overlap(path, from)) && (w.Path != to || w.From != from) {
				return false
			}
		}
	}
	return true
}

// moving notes that the remote is about to have both places of a move.
func (d *desk) moving(w plan.Work) {
	d.mu.Lock()
	_, known := d.state.shared.moves[w.Path]
	d.state.shared.moves[w.Path] = w.From
	d.mu.Unlock()
	if !known {
		d.save()
	}
}

// hasLeft tells whether a path is the old place of a move whose new place may share files with it.
func (d *desk) hasLeft(path string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, from := range d.state.shared.moves {
		if from == path {
			return true
		}
	}
	return false
}

// sendsAnew tells whether a path is to be sent anew.
func (d *desk) sendsAnew(path string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state.shared.anew[path]
}

// apart is called when the remote has a path as it is here. What was deleted or sent anew no longer
// shares files; and if something has come to the old place of a move, the new one has to be sent
// anew.
func (d *desk) apart(w plan.Work) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.state.shared
	if len(s.moves) == 0 {
		return
	}
	gone := w.Found.State == fstree.Absent
	maps.DeleteFunc(s.moves, func(to, from string) bool {
		return w.Anew && w.Path == to || gone && (w.Path == to || w.Path == from || disk.Inside(to, w.Path) || disk.Inside(from, w.Path))
	})
	maps.DeleteFunc(s.anew, func(to string, _ bool) bool { _, still := s.moves[to]; return !still })
	now := time.Now()
	for to, from := range s.moves {
		if w.Found.State == fstree.Present && !s.anew[to] && (w.Path == from || disk.Inside(w.Path, from) || w.Flags&dirty.Tree != 0 && disk.Inside(from, w.Path)) {
			s.anew[to] = true
			d.dirty.Mark(to, dirty.Tree, now)
		}
	}
}

// takeUpMoves makes the places of moves dirty whose old place an earlier process has not deleted
// yet. If the old place exists again, that is no reason to delete anything in it.
func (d *desk) takeUpMoves(moves []Moved, now time.Time) {
	for _, m := range moves {
		d.dirty.Mark(m.From, dirty.Gone, now)
	}
}
