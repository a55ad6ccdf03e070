package executor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/rsync"
	"github.com/sersync/sersync/pkg/status"
)

func TestInheritTakesWhatIsDirty(t *testing.T) {
	b := newBed(t, with{})
	b.Complete()
	must(t, b.Pause(t.Context(), true))
	b.write("f", "1")
	b.stop()
	next := NewLane(b.opt)
	next.state.caps = rsync.Capabilities{}
	if !next.Inherit(b.Lane, true) {
		t.Error("what was known is lost")
	}
	if s := next.dirty.Stats(); s.Pending != 1 || s.Oldest.After(time.Now()) {
		t.Errorf("%+v", s)
	}
}

// A lane that carries something else than the one before knows what is dirty, and
// nothing of what the target has.
func TestInheritOfAnotherChoiceKnowsNothing(t *testing.T) {
	b := newBed(t, with{})
	b.Complete()
	b.stop()
	next := NewLane(b.opt)
	if next.Inherit(b.Lane, false); !next.Remember(time.Now()).Watermark.IsZero() {
		t.Error("it has a watermark before everything was compared")
	}
}

// held makes every rsync of a bed wait at its start until release is called;
// begun tells how many have started.
func held(t *testing.T) (change func(*Options), begun func() int, release func()) {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "rsync")
	must(t, os.WriteFile(program, []byte(fmt.Sprintf(`#!/bin/sh
: >'%[1]s'/begun.$$
while [ ! -e '%[1]s'/go ]; do sleep 0.02; done
exec rsync "$@"
`, dir)), 0o755))
	begun = func() int {
		found, _ := filepath.Glob(dir + "/begun.*")
		return len(found)
	}
	return func(o *Options) { o.Program = program }, begun, func() { put(t, dir, "go", "") }
}

// stopping ends the lane as a reload does, and calls meanwhile once it takes no
// new work any more; it returns when nothing of the lane runs.
func (b *bed) stopping(meanwhile func()) {
	b.Helper()
	ended := make(chan struct{})
	go func() { b.stop(); close(ended) }()
	<-b.waits.over
	meanwhile()
	<-ended
}

// TestInheritTakesWhatWaitedForItsKind: what was claimed and had found no slot
// when the lane was stopped is dirty in the next one.
func TestInheritTakesWhatWaitedForItsKind(t *testing.T) {
	change, begun, release := held(t)
	b := newBed(t, with{options: change})
	b.Complete()
	for i := range 3 {
		name := filepath.Join(b.src, fmt.Sprint("big", i))
		must(t, os.WriteFile(name, nil, 0o644))
		must(t, os.Truncate(name, bigFile+1))
		b.Mark(fmt.Sprint("big", i), filterqueue.Content)
	}
	testkit.Eventually(t, patient, "the first is being sent", func() bool {
		s := b.dirty.Stats()
		return begun() == 1 && s.InFlight == 3
	})
	b.stopping(release)
	b.noteLeftover("dir", time.Now())
	if b.there("big0") == "<none>" {
		t.Error("what ran was not let finish")
	}
	next := NewLane(b.opt)
	if !next.Inherit(b.Lane, true) {
		t.Error("what was known is lost")
	}
	if s := next.dirty.Stats(); s.Pending != 2 || s.InFlight != 0 {
		t.Errorf("%+v, want two pending", s)
	}
	if len(next.leftovers.dirs) != 1 || next.leftovers.next.IsZero() {
		t.Errorf("the parts that may be left on the target are forgotten: %+v", next.leftovers)
	}
}

// TestRequestsWhileStopping: what is asked for while a lane ends, and after it,
// is carried out by the one that inherits.
func TestRequestsWhileStopping(t *testing.T) {
	change, begun, release := held(t)
	b := newBed(t, with{options: change})
	b.Complete()
	b.write("f", "1")
	testkit.Eventually(t, patient, "it is being sent", func() bool { return begun() == 1 })
	b.stopping(func() {
		must(t, b.Pause(t.Context(), true))
		must(t, b.FullSync(t.Context(), Full{Mirror: true}))
		release()
	})
	if err := b.Pause(t.Context(), false); !errors.Is(err, ErrStopped) {
		t.Errorf("asked of a lane without an heir: %v, want ErrStopped", err)
	}
	b.Leave()
	must(t, b.FullSync(t.Context(), Full{Verify: true}))
	next := NewLane(b.opt)
	next.Inherit(b.Lane, true)
	if next.full.want == nil || !next.full.want.Mirror || len(next.full.again) != 1 || !next.full.again[0].Verify {
		t.Errorf("the full syncs are lost: %+v, %+v", next.full.want, next.full.again)
	}
	if s := next.Snapshot(time.Now()); s.State != status.LanePaused {
		t.Errorf("the pause is lost: %+v", s)
	}
}
