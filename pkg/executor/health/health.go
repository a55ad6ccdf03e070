// Package health keeps the state of a lane's remote: whether it serves, and, while it does not,
// when it is asked again. It is pure: the clock is passed in.
package health

import (
	"math/bits"
	"time"

	"github.com/sersync/sersync/pkg/backoff"
)

// Phase is what a lane may do with its remote.
type Phase uint8

// The phases.
const (
	// Serving: runs succeed.
	Serving Phase = iota
	// BackingOff: runs have failed, and nothing is asked before State.Next.
	BackingOff
	// Probing: a probe asks whether the remote answers at all.
	Probing
	// TryingAgain: it answers, and runs are let through again. The first success ends
	// the trouble, the first failure goes on counting.
	TryingAgain
)

// State is the health of one remote. The zero value serves.
type State struct {
	Phase   Phase
	Attempt int       // failures in a row; those of runs that were under way together count once
	Breaks  int       // runs in a row that broke off
	Next    time.Time // when it is asked again, while it is BackingOff
}

// Down tells whether the remote has failed since it last served.
func (s State) Down() bool { return s.Phase != Serving }

// Blocked tells whether no run may start.
func (s State) Blocked() bool { return s.Phase == BackingOff || s.Phase == Probing }

// Due tells whether it is time for a probe.
func (s State) Due(now time.Time) bool { return s.Phase == BackingOff && !now.Before(s.Next) }

// MayHunt tells whether a batch that breaks off now may be halved until the path is found that
// breaks it. That is allowed once the remote answers again, and each further time only after the
// number of breaks has doubled: where every run breaks, the remote must not be flooded with halves.
func (s State) MayHunt() bool {
	return s.Phase == TryingAgain && bits.OnesCount(uint(s.Breaks)) == 1
}

// Event is what happens to a remote's health.
type Event uint8

// The events.
const (
	Failed   Event = iota // a run has failed because of the remote
	Broke                 // a run has failed, and its connection broke off
	Served                // a run has succeeded
	Asked                 // a probe begins
	Answered              // the probe was answered
	Silent                // the probe was not answered
	Hurried               // somebody wants a probe at once
	Resumed               // another lane goes on with this state; a probe that was under way has ended
)

// After is the state after an event at now.
func (s State) After(e Event, now time.Time) State {
	switch e {
	case Served:
		return State{}
	case Failed, Broke:
		return s.failed(e, now)
	case Asked:
		if s.Phase == BackingOff {
			s.Phase = Probing
		}
	case Answered:
		if s.Phase == Probing {
			s.Phase = TryingAgain
		}
	case Silent:
		if s.Phase == Probing {
			s = s.later(now)
		}
	case Hurried:
		s.Next = now
	case Resumed:
		s.Next = now
		if s.Phase == Probing {
			s.Phase = BackingOff
		}
	}
	return s
}

// failed counts a failure. Runs that were under way together fail for one cause, which counts once,
// and does not end a probe that is under way.
func (s State) failed(e Event, now time.Time) State {
	s.Breaks++
	if e == Failed {
		s.Breaks = 0
	}
	if s.Phase == Serving || s.Phase == TryingAgain {
		s = s.later(now)
	}
	return s
}

// later backs off for longer than before.
func (s State) later(now time.Time) State {
	s.Attempt++
	s.Phase, s.Next = BackingOff, now.Add(Wait(s.Attempt))
	return s
}

// Wait is how long a remote is left alone after so many failures in a row. It is asked
// again at the latest after 8 s, so that a remote that answers again has everything
// within 10 s.
func Wait(attempt int) time.Duration {
	return backoff.Exponential{Min: 500 * time.Millisecond, Max: 8 * time.Second}.Next(attempt)
}
