package follow

import (
	"os"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/edge/edgexml"
)

func TestDeletionPolicies(t *testing.T) {
	for policy, want := range map[edgexml.Deletions][]string{
		edgexml.DeleteAll:  {"b=2"},
		edgexml.DeleteSaid: {"b=2", "stray=x"},
		edgexml.DeleteNone: {"b=2", "stray=x", "a=1"},
	} {
		test(t, func(t *testing.T, s *scene) {
			s.tree.Adopt, s.tree.Deletions = true, policy
			if err := os.WriteFile(s.edge+"/stray", []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
			s.stream.publish(s.write("a", "1"), s.write("b", "2"))
			s.start()
			wait()
			s.stream.publish(s.remove("a"))
			wait()
			s.has(want...)
			s.inSync(true)
		})
	}
}

// An upstream whose module is empty does not empty the edge.
func TestEmptyUpstream(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		s.stream.publish(s.write("a", "1"), s.write("b", "2"))
		wait()
		if err := os.Rename(s.source, s.source+".away"); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(s.source, 0o755); err != nil {
			t.Fatal(err)
		}
		s.stream.publish(change.Entry{State: change.Tree, Exact: true})
		wait()
		s.has("a=1", "b=2")
		s.inSync(false)
		if f := s.follower.Figures(); !strings.Contains(f.Trouble().String(), "nothing is removed") {
			t.Errorf("%+v", f)
		}
	})
}

// A comparison that was requested without removals removes nothing.
func TestComparisonWithoutRemovals(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		s.stream.publish(s.write("a", "1"), s.write("b", "2"))
		wait()
		s.remove("a")
		s.stream.publish(change.Entry{State: change.Tree})
		wait()
		s.has("a=1", "b=2")
		s.stream.publish(change.Entry{State: change.Tree, Exact: true})
		wait()
		s.has("b=2")
		s.inSync(true)
	})
}
