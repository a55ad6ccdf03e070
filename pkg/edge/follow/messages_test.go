package follow

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sersync/sersync/pkg/change"
)

// The stream no longer holds the messages that the edge has missed, or it was made anew: the edge
// compares everything.
func TestLostMessages(t *testing.T) {
	for name, lose := range map[string]func(s *scene){
		"limit": func(s *scene) {
			s.stream.publish(s.write("c", "3"))
			s.stream.publish(s.remove("a"))
			s.stream.publish(s.write("d", "4"))
			s.stream.forget(4)
		},
		"epoch": func(s *scene) {
			s.stream.epoch, s.stream.generation = change.Epoch{2}, 0
			s.write("c", "3")
			s.remove("a")
			s.stream.publish(s.write("d", "4"))
		},
		"made anew": func(s *scene) {
			s.stream.forget(2)
			s.stream.first, s.stream.epoch, s.stream.generation = 1, change.Epoch{3}, 0
			s.write("c", "3")
			s.remove("a")
			s.stream.publish(s.write("d", "4"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(t *testing.T, s *scene) {
				s.start()
				s.stream.publish(s.write("a", "1"))
				s.stream.publish(s.write("b", "2"))
				wait()
				s.stop()
				s.fetcher.forget()
				lose(s)
				s.start()
				wait()
				s.has("b=2", "c=3", "d=4")
				s.inSync(true)
				if !slices.Equal(s.fetcher.seen(), []string{""}) {
					t.Errorf("runs %q", s.fetcher.seen())
				}
			})
		})
	}
}

func TestRefusedMessages(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		s.stream.publish(s.write("a", "1"))
		wait()
		s.fetcher.forget()
		s.write("unsaid", "x")
		s.stream.add(Delivery{Err: change.ErrDamaged})
		s.stream.publish(s.write("b", "2"))
		wait()
		if f := s.follower.Figures(); f.Refused != 1 || f.Taken.Sequence != 3 {
			t.Errorf("%+v", f)
		}
		// The change that the damaged message named is found by a comparison.
		s.has("a=1", "b=2", "unsaid=x")
		for range 100 {
			s.stream.add(Delivery{Err: change.ErrFuture})
		}
		wait()
		if !slices.Equal(s.fetcher.seen(), []string{""}) {
			t.Errorf("runs %q", s.fetcher.seen())
		}
		time.Sleep(unsureEvery)
		synctest.Wait()
		if len(s.fetcher.seen()) != 2 {
			t.Errorf("runs %q", s.fetcher.seen())
		}
	})
}

func TestConnectionLost(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		s.stream.publish(s.write("a", "1"))
		wait()
		s.stream.fail(errors.New("no hub"))
		wait()
		s.inSync(false)
		if f := s.follower.Figures(); !strings.Contains(f.Trouble().String(), "no hub") {
			t.Errorf("%+v", f)
		}
		s.stream.publish(s.write("b", "2"))
		s.stream.fail(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		s.has("a=1", "b=2")
		s.inSync(true)
	})
}
