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

// In is String in a language.
func (l Level) In(lang Lang) string {
	if w, ok := wordsIn(lang)[l.String()]; ok {
		return w
	}
	return l.String()
}

// LagGrace is how long a change may be on its way before a lane counts as lagging. A busy tree
// always has a few changes in flight; a check every minute must not flap because of them. AtRest
// allows no grace.
const LagGrace = 2 * time.Second

// AtRest is true when nothing is on its way and every root is watched: what
// differs then on a remote stays so until a person acts. A deploy script waits
// for this.
func AtRest(s Snapshot) bool {
	if !s.Ready {
		return false
	}
	for _, r := range s.Roots {
		if r.State != RootWatched || r.Undecided > 0 {
			return false
		}
	}
	for _, l := range s.Lanes {
		still := l.State == LaneInSync || l.State == LaneDegraded
		if !still || l.Pending+l.InFlight+l.Failing > 0 {
			return false
		}
	}
	return true
}

// Overall is the worst level of all roots, lanes, watches and plugins, with one
// line that says what it is about. The line holds no path names beside those
// of watch roots and destinations.
func Overall(s Snapshot) (Level, string) { return OverallIn(s, English) }

// OverallIn is Overall in a language; reasons stay as they are.
func OverallIn(s Snapshot, lang Lang) (Level, string) {
	v := verdict{lang: lang}
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
		v.add(Lagging, "%d directories have no watch and are covered by rescans", n)
	}
	for _, p := range s.Plugins {
		v.plugin(p, s.Now)
	}
	if n := len(s.ConfigProblems); n > 0 {
		first := s.ConfigProblems[0]
		v.add(Failing, "errors in the configuration: %d, the first in line %d (%s)", n, first.Line, Printable(first.Element))
	}
	if v.level == InSync {
		return InSync, v.inSync(s)
	}
	const shown = 3
	parts := v.parts[v.level]
	if extra := len(parts) - shown; extra > 0 {
		parts = append(parts[:shown:shown], v.say("and %d more", extra))
	}
	return v.level, strings.Join(parts, v.word("; "))
}

// Verdict is the level of one lane, with one line in a language that says what it is
// about, as in OverallIn.
func (l Lane) Verdict(now time.Time, lang Lang) (Level, string) {
	v := verdict{lang: lang}
	v.lane(l, now)
	return v.one(LaneName(l, lang))
}

// LaneName names a lane to people in a language.
func LaneName(l Lane, lang Lang) string {
	return fmt.Sprintf(word(lang, "%s to %s"), Printable(l.Root), Printable(l.Remote))
}

// Verdict is the level of one watch root, as that of a lane.
func (r Root) Verdict(lang Lang) (Level, string) {
	v := verdict{lang: lang}
	v.root(r)
	return v.one(Printable(r.Path))
}

// one is the level of the one lane or root that the verdict has looked at, and the line about it;
// name is what the line calls it.
func (v *verdict) one(name string) (Level, string) {
	if v.level == InSync {
		return InSync, v.say("%s: %s", name, v.word(InSync.String()))
	}
	return v.level, strings.Join(v.parts[v.level], v.word("; "))
}

type verdict struct {
	level Level
	parts [Failing + 1][]string
	lang  Lang
}

func (v *verdict) word(english string) string { return word(v.lang, english) }

// say is a text in the language; the formats of all languages take the same
// arguments.
func (v *verdict) say(english string, args ...any) string {
	return fmt.Sprintf(v.word(english), args...)
}

func (v *verdict) add(l Level, english string, args ...any) {
	v.level = max(v.level, l)
	v.parts[l] = append(v.parts[l], v.say(english, args...))
}

func (v *verdict) inSync(s Snapshot) string {
	moving, writing := 0, 0
	for _, r := range s.Roots {
		moving, writing = moving+r.Undecided, writing+r.Writing
	}
	for _, l := range s.Lanes {
		moving += l.Pending + l.InFlight
	}
	text := v.say("everything is in sync")
	if moving > 0 {
		text = v.say("in sync, %d changes on their way", moving)
	}
	if writing > 0 {
		text += v.word("; ") + v.say("new files that are still being written: %d", writing)
	}
	return text
}

func (v *verdict) root(r Root) {
	name := Printable(r.Path)
	switch r.State {
	case RootGone, RootBraked:
		v.add(Failing, "%s: %s", name, because(v.word(string(r.State)), r.Reason))
	case RootWatched:
	default:
		v.add(Lagging, "%s: %s", name, v.word(string(r.State)))
	}
}

func (v *verdict) lane(l Lane, now time.Time) {
	name := LaneName(l, v.lang)
	if n := l.Edges.amiss(); n > 0 {
		v.add(Lagging, "%s: %d of %d edges are in trouble or silent", name, n, l.Edges.Known)
	}
	state := v.word(string(l.State))
	if v.lang == English {
		state = strings.ReplaceAll(state, "-", " ")
	}
	switch l.State {
	case LaneBackingOff, LaneDegraded:
		text := because(state, l.Reason)
		if len(l.Differences) > 0 {
			text += v.word(", ") + differencesText(l.Differences, v.lang)
		}
		v.add(Failing, "%s: %s", name, text)
		return
	case LaneStarting, LaneFullSync, LanePaused:
		v.add(Lagging, "%s: %s", name, because(state, l.Reason))
	case LaneSyncing:
		if l.Reason != "" { // something of it is held: that is no short lag
			v.add(Lagging, "%s: %s", name, because(state, l.Reason))
		}
	case LaneInSync: // its changes and differences tell
	}
	if len(l.Differences) > 0 {
		v.add(Failing, "%s: %s", name, differencesText(l.Differences, v.lang))
		return
	}
	if l.Failing > 0 {
		v.add(Failing, "%s: %d paths fail", name, l.Failing)
		return
	}
	if lag := l.ChangeLag(now); lag > LagGrace && l.Reason == "" {
		v.add(Lagging, "%s: %d changes wait, the oldest for %s", name, l.Pending+l.InFlight, Span(lag, v.lang))
	}
}

func (v *verdict) plugin(p Plugin, now time.Time) {
	if p.Pending == 0 || p.OldestPending.IsZero() || !p.LastFailure.After(p.LastSuccess) {
		return
	}
	if lag := now.Sub(p.OldestPending); lag > LagGrace {
		v.add(Lagging, "plugin %s: %d events wait, the oldest for %s", Printable(p.Name), p.Pending, Span(lag, v.lang))
	}
}

func because(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + " (" + Printable(reason) + ")"
}
