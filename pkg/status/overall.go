package status

import (
	"fmt"
	"strings"
	"time"
)

// Level is the verdict over a snapshot, and the exit status of --status.
type Level int

// The levels, as exit statuses of a monitoring check. NotRunning is never the
// verdict over a snapshot: it says that there was none.
const (
	InSync     Level = 0
	Lagging    Level = 1
	Failing    Level = 2
	NotRunning Level = 3
)

// String is the level in one or two words.
func (l Level) String() string {
	switch l {
	case InSync:
		return "in sync"
	case Lagging:
		return "lagging"
	case Failing:
		return "failing"
	default:
		return "not running"
	}
}

// LagGrace is how long a change may be on its way before a lane counts as
// lagging. A busy tree always has a few changes in flight; a check every
// minute must not flap because of them. Settled knows no grace.
const LagGrace = 2 * time.Second

// Settled is true when every change has reached every remote: no lane has a
// path pending, in flight or failing, and every root is watched. A deploy
// script waits for this.
func Settled(s Snapshot) bool {
	if !s.Ready {
		return false
	}
	for _, r := range s.Roots {
		if r.State != RootWatched {
			return false
		}
	}
	for _, l := range s.Lanes {
		if l.State != LaneInSync || l.Pending+l.InFlight+l.Failing > 0 {
			return false
		}
	}
	return true
}

// Overall is the worst level of all roots, lanes, watches and plugins, with one
// line that says what it is about. The line holds no path names beside those
// of watch roots and destinations.
func Overall(s Snapshot) (Level, string) {
	v := verdict{}
	if !s.Ready {
		v.add(Lagging, "starting")
	}
	for _, r := range s.Roots {
		v.root(r)
	}
	for _, l := range s.Lanes {
		v.lane(l, s.Now)
	}
	if n := s.Watches.Uncovered; n > 0 {
		v.add(Lagging, fmt.Sprintf("%d directories have no watch and are covered by rescans", n))
	}
	for _, p := range s.Plugins {
		v.plugin(p, s.Now)
	}
	if v.level == InSync {
		return InSync, inSyncText(s)
	}
	const shown = 3
	parts := v.parts[v.level]
	if extra := len(parts) - shown; extra > 0 {
		parts = append(parts[:shown:shown], fmt.Sprintf("and %d more", extra))
	}
	return v.level, strings.Join(parts, "; ")
}

func inSyncText(s Snapshot) string {
	moving := 0
	for _, l := range s.Lanes {
		moving += l.Pending + l.InFlight
	}
	if moving > 0 {
		return fmt.Sprintf("in sync, %d changes on their way", moving)
	}
	return "everything is in sync"
}

type verdict struct {
	level Level
	parts [Failing + 1][]string
}

func (v *verdict) add(l Level, text string) {
	v.level = max(v.level, l)
	v.parts[l] = append(v.parts[l], text)
}

func (v *verdict) root(r Root) {
	name := Printable(r.Path)
	switch r.State {
	case RootGone, RootBraked:
		v.add(Failing, because(name+": "+string(r.State), r.Reason))
	case RootWatched:
	default:
		v.add(Lagging, name+": starting")
	}
}

func (v *verdict) lane(l Lane, now time.Time) {
	name := Printable(l.Root) + " to " + Printable(l.Remote)
	switch l.State {
	case LaneBackingOff, LaneDegraded:
		v.add(Failing, because(name+": "+strings.ReplaceAll(string(l.State), "-", " "), l.Reason))
		return
	case LaneStarting, LaneFullSync, LanePaused:
		v.add(Lagging, because(name+": "+strings.ReplaceAll(string(l.State), "-", " "), l.Reason))
	}
	if l.Failing > 0 {
		v.add(Failing, fmt.Sprintf("%s: %d paths fail", name, l.Failing))
		return
	}
	if lag := l.Lag(now); lag > LagGrace {
		v.add(Lagging, fmt.Sprintf("%s: %d changes wait, the oldest for %s", name, l.Pending+l.InFlight, Span(lag, English)))
	}
}

func (v *verdict) plugin(p Plugin, now time.Time) {
	if p.Pending == 0 || p.OldestPending.IsZero() || !p.LastFailure.After(p.LastSuccess) {
		return
	}
	if lag := now.Sub(p.OldestPending); lag > LagGrace {
		v.add(Lagging, fmt.Sprintf("plugin %s: %d events wait, the oldest for %s", Printable(p.Name), p.Pending, Span(lag, English)))
	}
}

func because(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + " (" + Printable(reason) + ")"
}
