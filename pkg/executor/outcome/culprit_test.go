package outcome

import (
	"fmt"
	"math/bits"
	"testing"

	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

// Wherever the culprits are in a batch, next to each other or at its beginning, one of the next
// hunts finds paths that do not break a run.
func TestAHuntFindsWhatDoesNotBreak(t *testing.T) {
	for name, culprit := range map[string]func(i int) bool{
		"the first five":  func(i int) bool { return i < 5 },
		"the first ten":   func(i int) bool { return i < 10 },
		"the last five":   func(i int) bool { return i >= 50 },
		"every other one": func(i int) bool { return i%2 == 0 },
	} {
		var f Flight
		for i := range 55 {
			f.Works = append(f.Works, plan.Work{Item: plan.Item{Path: fmt.Sprint(i), Flags: dirty.Content}})
		}
		fly := func(f Flight) Outcome {
			o := Outcome{Flight: f}
			for _, w := range f.Works {
				var i int
				_, _ = fmt.Sscan(w.Path, &i)
				if culprit(i) {
					o.Result = transport.Result{Class: transport.Trouble, Broken: true}
				}
			}
			return o
		}
		const hunts = 12
		found := 0
		for range hunts {
			h := &Hunt{patience: bits.Len(uint(len(f.Works))) + 1, fly: fly}
			h.halve(t.Context(), f)
			done := 0
			for _, o := range h.Done {
				done += len(o.Works)
			}
			if done+len(h.Culprits)+len(h.Left) != len(f.Works) {
				t.Fatalf("%s: %d done, %d culprits, %d left of %d", name, done, len(h.Culprits), len(h.Left), len(f.Works))
			}
			if done > 0 {
				found++
			}
		}
		if found == 0 {
			t.Errorf("%s: none of %d hunts has found one that does not break", name, hunts)
		}
	}
}
