package executor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/executor/health"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

func TestInheritTakesWhatIsDirty(t *testing.T) {
	onBed(t, with{}, func(t *testing.T, b *bed) {
		b.Complete()
		must(t, b.Pause(t.Context(), true))
		b.write("f", "1")
		b.stop()
		next := NewLane(b.again())
		next.state.caps = transport.Capabilities{}
		if !next.Inherit(b.Lane, true) {
			t.Error("what was known is lost")
		}
		if s := next.dirty.Stats(); s.Pending != 1 || s.Oldest.After(time.Now()) {
			t.Errorf("%+v", s)
		}
	})
}

// A lane that chooses other files than the lane before it inherits what is dirty, but does not know
// what the target has.
func TestInheritOfAnotherChoiceKnowsNothing(t *testing.T) {
	onBed(t, with{}, func(t *testing.T, b *bed) {
		b.Complete()
		b.stop()
		next := NewLane(b.again())
		if next.Inherit(b.Lane, false); !next.Remember(time.Now()).Watermark.IsZero() {
			t.Error("the next lane has a watermark before everything was compared")
		}
	})
}

// held makes every batch of a bed wait until the gate opens.
func held(may **gate) with {
	return with{options: func(*Options) { *may = newGate() }, carry: heldUp(may, func(transport.Call) bool { return true })}
}

// stopping ends the lane as a reload does. It calls meanwhile when the lane takes no new work any
// more, and returns when nothing of the lane runs.
func (b *bed) stopping(meanwhile func()) {
	b.Helper()
	ended := make(chan struct{})
	go func() { b.stop(); close(ended) }()
	<-b.Lane.slots.Stopped()
	meanwhile()
	<-ended
}

// TestInheritTakesWhatWaitedForItsKind: a path that was taken and still waited for a slot when the
// lane was stopped is dirty in the next lane.
func TestInheritTakesWhatWaitedForItsKind(t *testing.T) {
	var may *gate
	onBed(t, held(&may), func(t *testing.T, b *bed) {
		b.Complete()
		for i := range 3 {
			name := filepath.Join(b.src, fmt.Sprint("big", i))
			must(t, os.WriteFile(name, nil, 0o644))
			must(t, os.Truncate(name, bigFile+1))
			b.Mark(fmt.Sprint("big", i), dirty.Content)
		}
		b.until("the first is being sent", func() bool {
			s := b.dirty.Stats()
			return b.ran() == 1 && s.InFlight == 3
		})
		b.stopping(may.open)
		b.loop.sweeper.noteLeftover("dir", time.Now())
		if b.there("big0") == "<none>" {
			t.Error("the run that was under way was not allowed to finish")
		}
		next := NewLane(b.again())
		if !next.Inherit(b.Lane, true) {
			t.Error("what was known is lost")
		}
		if s := next.dirty.Stats(); s.Pending != 2 || s.InFlight != 0 {
			t.Errorf("%+v, want two pending", s)
		}
		if len(next.leftovers.dirs) != 1 || next.leftovers.next.IsZero() {
			t.Errorf("the parts that may be left on the target are forgotten: %+v", next.leftovers)
		}
	})
}

// TestRequestsWhileStopping: a request that comes while a lane ends, or after its end, is carried
// out by the lane that inherits from it.
func TestRequestsWhileStopping(t *testing.T) {
	var may *gate
	onBed(t, held(&may), func(t *testing.T, b *bed) {
		b.Complete()
		b.write("f", "1")
		b.until("it is being sent", func() bool { return b.ran() == 1 })
		b.stopping(func() {
			must(t, b.Pause(t.Context(), true))
			must(t, b.FullSync(t.Context(), fullsync.Request{Mirror: true}))
			may.open()
		})
		if err := b.Pause(t.Context(), false); !errors.Is(err, ErrStopped) {
			t.Errorf("asked of a lane without an heir: %v, want ErrStopped", err)
		}
		b.Leave()
		must(t, b.FullSync(t.Context(), fullsync.Request{Excludes: []string{"x"}}))
		next := NewLane(b.again())
		next.Inherit(b.Lane, true)
		if next.full.Want == nil || !next.full.Want.Mirror || len(next.full.Again) != 1 || len(next.full.Again[0].Excludes) != 1 {
			t.Errorf("the full syncs are lost: %+v, %+v", next.full.Want, next.full.Again)
		}
		if s := next.Snapshot(time.Now()); s.State != status.LanePaused {
			t.Errorf("the pause is lost: %+v", s)
		}
	})
}

// TestInheritLosesNothing: the next lane inherits what a lane has learnt and what fails; only what
// follows from the configuration is new.
func TestInheritLosesNothing(t *testing.T) {
	before := NewLane(Options{ID: "a", Transport: &transporttest.Fake{}, Logger: zap.NewNop()})
	now := time.Now()
	before.culprits["dies"], before.tight["large"] = true, true
	before.unanswered["asked"] = 3
	before.excludedThere.add("theirs")
	before.batch = 7
	before.causes["gone"] = audit.CauseMirror
	st := &before.state
	st.failStatus["dies"] = plan.Failure{Reason: "the receiver dies"}
	st.unwanted, st.release = 1, transport.Release{Name: "3.1.2"}
	st.health, st.why = health.State{Phase: health.Probing, Attempt: 5, Breaks: 2, Next: now.Add(time.Hour)}, plan.Failure{Reason: "refused"}
	st.progress, st.holds = &status.Progress{}, 3
	before.full.Want = &fullsync.Request{Unknown: true}
	before.full.Attempt, before.full.Why = fullTries, plan.Failure{Reason: "breaks off"}

	var down []bool
	next := NewLane(Options{ID: "a", Transport: &transporttest.Fake{}, Logger: zap.NewNop(), Trouble: func(d bool) { down = append(down, d) }})
	next.Suspect(now) // the next watch root has requested a scan
	next.Inherit(before, true)
	if !reflect.DeepEqual(next.learnt, before.learnt) {
		t.Errorf("learnt: %+v, before %+v", next.learnt, before.learnt)
	}
	got := next.state
	if !got.health.Due(time.Now()) {
		t.Errorf("the remote is not tried at once: %+v", got.health)
	}
	if got.holds != 1 || got.progress != nil {
		t.Errorf("the next lane inherits from the Run that has ended: %d holds, progress %v", got.holds, got.progress)
	}
	got.health.Next, got.health.Phase = st.health.Next, st.health.Phase
	got.holds, got.holdSince, got.progress = st.holds, st.holdSince, st.progress
	got.wanted = st.wanted
	if !reflect.DeepEqual(got, *st) {
		t.Errorf("state: %+v, before %+v", got, *st)
	}
	if s := next.Snapshot(now); s.State != status.LaneBackingOff || s.Reason != "refused" {
		t.Errorf("an operator sees %s: %s", s.State, s.Reason)
	}
	if next.full.Attempt != fullTries || !next.full.Next.IsZero() {
		t.Errorf("the full sync: %+v", next.full)
	}
	if len(down) != 1 || !down[0] {
		t.Errorf("plugins were told that the remote is down: %v", down)
	}

	other := NewLane(Options{ID: "a", Transport: &transporttest.Fake{}, Logger: zap.NewNop()})
	if other.Inherit(before, false); len(other.unanswered) != 0 || other.full.Attempt != 0 || !other.culprits["dies"] {
		t.Errorf("another choice: %+v, %+v", other.learnt, other.full)
	}
}
