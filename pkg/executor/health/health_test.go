package health

import (
	"testing"
	"time"
)

var now = time.Unix(1_700_000_000, 0)

func TestAfter(t *testing.T) {
	backing := State{Phase: BackingOff, Attempt: 1, Next: now}
	probing := State{Phase: Probing, Attempt: 2}
	trying := State{Phase: TryingAgain, Attempt: 3, Breaks: 1}
	for _, c := range []struct {
		name            string
		from            State
		event           Event
		phase           Phase
		attempt, breaks int
	}{
		{"the first failure", State{}, Failed, BackingOff, 1, 0},
		{"the first break", State{}, Broke, BackingOff, 1, 1},
		{"a success of what serves", State{}, Served, Serving, 0, 0},
		{"an answer of what serves", State{}, Answered, Serving, 0, 0},
		{"silence of what has served meanwhile", State{}, Silent, Serving, 0, 0},
		{"a question to what serves", State{}, Asked, Serving, 0, 0},
		{"another run that was under way fails", backing, Failed, BackingOff, 1, 0},
		{"another run that was under way breaks off", backing, Broke, BackingOff, 1, 1},
		{"another run that was under way succeeds", backing, Served, Serving, 0, 0},
		{"it is asked", backing, Asked, Probing, 1, 0},
		{"a run fails while it is asked", probing, Broke, Probing, 2, 1},
		{"a run succeeds while it is asked", probing, Served, Serving, 0, 0},
		{"it answers", probing, Answered, TryingAgain, 2, 0},
		{"it is silent", probing, Silent, BackingOff, 3, 0},
		{"who was asking has ended", probing, Resumed, BackingOff, 2, 0},
		{"the run that was let through succeeds", trying, Served, Serving, 0, 0},
		{"the run that was let through fails", trying, Failed, BackingOff, 4, 0},
		{"the run that was let through breaks off", trying, Broke, BackingOff, 4, 2},
		{"it goes on where it was let through", trying, Resumed, TryingAgain, 3, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := c.from.After(c.event, now)
			if s.Phase != c.phase || s.Attempt != c.attempt || s.Breaks != c.breaks {
				t.Errorf("%+v, want phase %d, attempt %d, breaks %d", s, c.phase, c.attempt, c.breaks)
			}
			if s.Phase == BackingOff && s.Attempt > c.from.Attempt && (!s.Next.After(now) || s.Next.After(now.Add(8*time.Second))) {
				t.Errorf("asked again at %v", s.Next)
			}
		})
	}
}

func TestWhatMayBeDone(t *testing.T) {
	soon := now.Add(time.Second)
	for _, c := range []struct {
		State
		down, blocked, due bool
	}{
		{State: State{}},
		{State: State{Phase: BackingOff, Next: soon}, down: true, blocked: true},
		{State: State{Phase: BackingOff, Next: now}, down: true, blocked: true, due: true},
		{State: State{Phase: BackingOff, Next: soon}.After(Hurried, now), down: true, blocked: true, due: true},
		{State: State{Phase: Probing, Next: now}, down: true, blocked: true},
		{State: State{Phase: TryingAgain, Next: now}, down: true},
	} {
		if c.Down() != c.down || c.Blocked() != c.blocked || c.Due(now) != c.due {
			t.Errorf("%+v: down %v, blocked %v, due %v", c.State, c.Down(), c.Blocked(), c.Due(now))
		}
	}
}

// Where every run breaks, a batch is halved ever more rarely.
func TestHuntsBecomeRare(t *testing.T) {
	var s State
	hunts := 0
	for range 1000 {
		s = s.After(Broke, now).After(Asked, now)
		if s.MayHunt() {
			t.Fatal("it has not answered yet")
		}
		if s = s.After(Answered, now); s.MayHunt() {
			hunts++
		}
	}
	if hunts != 10 {
		t.Errorf("%d hunts in 1000 breaks, want 10", hunts)
	}
}
