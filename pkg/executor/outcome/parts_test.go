package outcome

import (
	"errors"
	"slices"
	"testing"

	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/transport"
)

// A flight may need two runs. The works of the second run have arrived only if that run took place,
// and a path that the first run could not bring over has not arrived.
func TestInPartsTellsOfEveryPart(t *testing.T) {
	first, second := namedWork("first"), namedWork("second")
	complaint := func(path string) []transport.PathError { return []transport.PathError{{Path: path}} }
	lost := errors.New("lost")
	for _, c := range []struct {
		name   string
		a, b   Outcome
		runs   int
		class  transport.Class
		failed []string
		err    error
	}{
		{name: "both done", runs: 2},
		{
			name: "the first partly", runs: 2, class: transport.Partly, failed: []string{"first"},
			a: Outcome{Result: transport.Result{Class: transport.Partly, Failed: complaint("first")}},
		},
		{
			name: "the first again, the second partly", runs: 2, class: transport.Partly, failed: []string{"first", "second"},
			a: Outcome{Result: transport.Result{Class: transport.Again, Races: complaint("first")}},
			b: Outcome{Result: transport.Result{Class: transport.Partly, Failed: complaint("second")}},
		},
		{name: "the first in trouble", runs: 1, class: transport.Trouble, a: Outcome{Result: transport.Result{Class: transport.Trouble}}},
		{name: "the second stopped", runs: 2, class: transport.Stopped, b: Outcome{Result: transport.Result{Class: transport.Stopped}}},
		{name: "the first not started", runs: 1, err: lost, a: Outcome{Err: lost}},
	} {
		t.Run(c.name, func(t *testing.T) {
			runs := 0
			as := func(o Outcome) func(Flight) Outcome {
				return func(f Flight) Outcome {
					runs++
					o.Flight, o.Changed = f, map[string]transport.Change{f.Works[0].Path: {}}
					return o
				}
			}
			o := InParts(Flight{Works: []plan.Work{first, second}}, Part{[]plan.Work{first}, as(c.a)}, Part{nil, nil}, Part{[]plan.Work{second}, as(c.b)})
			if runs != c.runs || len(o.Works) != 2 || o.Result.Class != c.class || !errors.Is(o.Err, c.err) || len(o.Changed) != c.runs {
				t.Errorf("%d runs, %d works, class %v, error %v, %d changes", runs, len(o.Works), o.Result.Class, o.Err, len(o.Changed))
			}
			var failed []string
			for _, e := range append(slices.Clone(o.Result.Failed), o.Result.Races...) {
				failed = append(failed, e.Path)
			}
			if slices.Sort(failed); !slices.Equal(failed, c.failed) {
				t.Errorf("failed %q, want %q", failed, c.failed)
			}
		})
	}
}

func namedWork(path string) plan.Work {
	var w plan.Work
	w.Path = path
	return w
}
