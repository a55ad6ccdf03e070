package follow

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestSmallAndLarge(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		wait()
		s.inSync(true)
		s.stream.publish(s.write("a", "1"), s.large("d/b", "22"))
		wait()
		s.has("a=1", "d/b=22")
		s.stream.publish(s.remove("a"))
		s.stream.publish(s.write("d/b", "3"))
		wait()
		s.has("d/b=3")
		s.inSync(true)
		if f := s.follower.Figures(); f.Done.Sequence != 3 || f.Done.Generation != 3 || f.Applied != 3 {
			t.Errorf("%+v", f)
		}
	})
}

// After a restart the edge goes on with the next message, and fetches what it had not fetched
// before.
func TestRestart(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		s.stream.publish(s.write("a", "1"))
		wait()
		s.fetcher.set(func() { s.fetcher.err = errors.New("no upstream") })
		s.stream.publish(s.large("b", "2"))
		wait()
		s.inSync(false)
		if f := s.follower.Figures(); f.Done.Sequence != 1 || f.Taken.Sequence != 2 || f.Failing != 1 || !strings.Contains(f.Trouble().String(), "no upstream") {
			t.Errorf("%+v", f)
		}
		s.stop()
		s.stream.publish(s.write("c", "3"))
		s.fetcher.set(func() { s.fetcher.err, s.fetcher.runs = nil, nil })
		s.start()
		wait()
		s.has("a=1", "b=2", "c=3")
		s.inSync(true)
		if !slices.Equal(s.fetcher.seen(), []string{"b"}) {
			t.Errorf("runs %q", s.fetcher.seen())
		}
	})
}

// A new edge compares everything and removes nothing before that has succeeded; then it goes on
// with the messages that have come meanwhile.
func TestNewEdge(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.tree.Adopt = true
		if err := os.WriteFile(s.edge+"/stray", []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		s.stream.publish(s.write("a", "1"))
		s.stream.publish(s.write("b", "2"))
		s.stream.forget(1)
		hold := make(chan struct{})
		s.fetcher.set(func() { s.fetcher.hold = hold })
		s.start()
		wait()
		if f := s.follower.Figures(); !f.Comparing || f.InSync() {
			t.Errorf("%+v", f)
		}
		s.stream.publish(s.write("c", "3"), s.remove("a"))
		wait()
		s.has("stray=x")
		if s.fetcher.needs != 2 {
			t.Errorf("a mirror of generation %d would do", s.fetcher.needs)
		}
		close(hold)
		wait()
		s.has("b=2", "c=3")
		s.inSync(true)
	})
}

// An older state of a file is being fetched when its newer, small state arrives: the older one does
// not replace the newer one.
func TestNoOlderStateComesLate(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		wait()
		hold := make(chan struct{})
		s.fetcher.set(func() { s.fetcher.hold = hold })
		s.stream.publish(s.large("a", "old"))
		wait()
		s.stream.publish(s.write("a", "new"), s.write("b", "2"))
		wait()
		s.has("b=2")
		close(hold)
		wait()
		s.has("a=new", "b=2")
	})
}

func TestTellsOfChanges(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		wait()
		e := s.write("a", "1")
		s.stream.publish(e)
		wait()
		s.stream.publish(e) // the same state once more
		s.stream.publish(s.remove("a"))
		wait()
		if !slices.Equal(s.told, []string{"a false", "a true"}) {
			t.Errorf("told %q", s.told)
		}
	})
}
