package executor

import (
	"maps"
	"time"

	"github.com/sersync/sersync/pkg/executor/health"
	"github.com/sersync/sersync/pkg/executor/plan"
)

// Inherit takes over what a lane of the same id knew and had not brought to the remote: what is
// dirty, the full syncs that are wanted, what it has learnt, what an operator sees. The other
// lane's Run must have returned, and nobody may mark or request anything there any more; this
// lane's Run must not have begun. same says that filter and parameters of both are the same: only
// then it is known what the target has. Inherit returns false when the other lane knew nothing yet:
// then this lane has to begin as after a start.
func (l *Lane) Inherit(before *Lane, same bool) bool {
	learnt := before.learnt
	maps.Copy(learnt.causes, l.causes)
	learnt.hours = l.hours
	learnt.hours.lifted = before.hours.lifted
	l.learnt = learnt
	if !same {
		l.unanswered = map[string]int{} // the new configuration may ask these questions in another way
	}
	l.speed.known = before.speed.known
	l.dirty.TakeFrom(before.dirty, time.Now(), func(it plan.Item) time.Time { return it.Since })
	l.marks.Add(1)
	l.differs.inherit(&before.differs)
	before.mu.Lock()
	old := before.state
	before.mu.Unlock()
	l.mu.Lock()
	l.state = old.goOn(l.state, same, time.Now())
	if old.mirror.done && l.opt.MayDelete {
		l.state.mirror = newMirror(true, old.mirror.scope, l.opt.Scope, l.terms.Matcher)
	}
	down := l.state.health.Down()
	l.mu.Unlock()
	l.full.Inherit(&before.full, same)
	l.loop.fulls.tellFull()
	if down && l.opt.Trouble != nil {
		l.opt.Trouble(true)
	}
	return l.full.Want != nil || old.complete
}

// goOn is the state of a lane that was made with fresh and goes on after one that has ended with s.
// Everything of s is kept except what belongs to the configuration, or to the Run that has ended.
func (s state) goOn(fresh state, same bool, now time.Time) state {
	s.caps, s.mirror = s.caps.On(fresh.caps), fresh.mirror
	// A watermark saved before everything was compared would say that it had been.
	s.complete = s.complete && same
	s.holding = fresh.holding
	s.progress = nil
	// The new configuration may have corrected what kept the remote from serving.
	s.health = s.health.After(health.Resumed, now)
	return s
}
