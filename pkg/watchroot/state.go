package watchroot

import (
	"time"

	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/lanestate"
	"github.com/sersync/sersync/pkg/status"
)

// choiceKey is the name, among the capabilities of the state file, of the digest of what the
// configuration selects.
const choiceKey = "choice"

// peerKey is the name there of the fact that a remote mirrors back.
const peerKey = "peer"

// Chosen is the digest (laneconf.Choice) under which a lane's state was saved;
// empty: it is not known.
func Chosen(state lanestate.State) string { return state.Capabilities[choiceKey] }

// Recall sets, in the options of a lane of the root, what the lane remembers from before a restart,
// and gives the brake what it remembers.
func (r *Root) Recall(opt *executor.Options, state lanestate.State) {
	r.guard.recall(state.RootIdentity)
	opt.Caps = opt.Caps.Recall(state.Capabilities)
	opt.Mirrored, opt.MirrorScope = state.MirrorDone, state.MirrorScope
	opt.Peer = state.Capabilities[peerKey] != ""
	opt.Moved = nil
	for _, m := range state.Moved {
		opt.Moved = append(opt.Moved, executor.Moved(m))
	}
	opt.Differences = nil
	for _, d := range state.Differences {
		opt.Differences = append(opt.Differences, status.Difference{Kind: status.DifferenceKind(d.Kind), Count: d.Count, Since: d.Since, Names: d.Names})
	}
}

// StateOf is what a lane of the root has to know after a restart at now; choice is
// laneconf.Choice.
func (r *Root) StateOf(l *executor.Lane, choice string, now time.Time) lanestate.State {
	mark := earliest(now, r.queue.Stats().Oldest, r.links.Oldest())
	// A program that was stopped (SIGSTOP), and ended as soon as it went on, has not read the
	// changes of that time.
	if read := r.opt.Ticks.LastGood(); read.Before(mark) {
		mark = read
	}
	m := l.Remember(now)
	switch {
	case r.guard.hidden():
		m.Watermark = time.Time{}
		r.unmarked.Store(true)
	case m.Watermark.After(mark):
		m.Watermark = mark
	}
	learnt := m.Caps.Remember()
	learnt[choiceKey] = choice
	if m.Peer {
		learnt[peerKey] = peerKey
	}
	state := lanestate.State{
		Lane: l.ID(), Watermark: m.Watermark, MirrorDone: m.Mirrored, MirrorScope: m.MirrorScope,
		RootIdentity: r.guard.remembered(), Capabilities: learnt, LastSuccess: m.LastOK,
		History: l.History(now),
	}
	for _, moved := range m.Moved {
		state.Moved = append(state.Moved, lanestate.Moved(moved))
	}
	for _, d := range m.Differences {
		state.Differences = append(state.Differences, lanestate.Difference{Kind: string(d.Kind), Count: d.Count, Since: d.Since, Names: d.Names})
	}
	return state
}

// Reappeared tells once that the lanes' states are to be saved again: one was
// saved without a watermark, because a part of the tree could not be seen, and now
// all of it can. Without a watermark nothing but size and time tells after a crash
// what has changed.
func (r *Root) Reappeared() bool { return !r.guard.hidden() && r.unmarked.CompareAndSwap(true, false) }

// earliest is the earliest time that a change which is not marked yet may have: that of changes
// that have waited since the times in oldest; zero times do not count.
func earliest(now time.Time, oldest ...time.Time) time.Time {
	first := now
	for _, then := range oldest {
		if then.IsZero() {
			continue
		}
		if t := OnFiles(then, now); t.Before(first) {
			first = t
		}
	}
	return first
}
