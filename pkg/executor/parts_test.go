package executor

import (
	"errors"
	"slices"
	"testing"

	"github.com/sersync/sersync/pkg/rsync"
)

// Of two runs for one flight the first may bring over a part only. The works of
// the second have arrived only if the second has run, and what the first could
// not bring over has not.
func TestInPartsTellsOfEveryPart(t *testing.T) {
	first, second := namedWork("first"), namedWork("second")
	complaint := func(path string) []rsync.PathError { return []rsync.PathError{{Path: path}} }
	lost := errors.New("lost")
	for _, c := range []struct {
		name   string
		a, b   outcome
		runs   int
		class  rsync.Class
		failed []string
		err    error
	}{
		{name: "both done", runs: 2},
		{
			name: "the first partly", runs: 2, class: rsync.Partly, failed: []string{"first"},
			a: outcome{result: rsync.Result{Class: rsync.Partly, Failed: complaint("first")}},
		},
		{
			name: "the first again, the second partly", runs: 2, class: rsync.Partly, failed: []string{"first", "second"},
			a: outcome{result: rsync.Result{Class: rsync.Again, Races: complaint("first")}},
			b: outcome{result: rsync.Result{Class: rsync.Partly, Failed: complaint("second")}},
		},
		{name: "the first in trouble", runs: 1, class: rsync.Trouble, a: outcome{result: rsync.Result{Class: rsync.Trouble}}},
		{name: "the second stopped", runs: 2, class: rsync.Stopped, b: outcome{result: rsync.Result{Class: rsync.Stopped}}},
		{name: "the first not started", runs: 1, err: lost, a: outcome{err: lost}},
	} {
		t.Run(c.name, func(t *testing.T) {
			runs := 0
			as := func(o outcome) func(flight) outcome {
				return func(f flight) outcome {
					runs++
					o.flight, o.changed = f, map[string]rsync.Change{f.works[0].Path: {}}
					return o
				}
			}
			o := inParts(flight{works: []work{first, second}}, part{[]work{first}, as(c.a)}, part{nil, nil}, part{[]work{second}, as(c.b)})
			if runs != c.runs || len(o.works) != 2 || o.result.Class != c.class || !errors.Is(o.err, c.err) || len(o.changed) != c.runs {
				t.Errorf("%d runs, %d works, class %v, error %v, %d changes", runs, len(o.works), o.result.Class, o.err, len(o.changed))
			}
			var failed []string
			for _, e := range append(slices.Clone(o.result.Failed), o.result.Races...) {
				failed = append(failed, e.Path)
			}
			if slices.Sort(failed); !slices.Equal(failed, c.failed) {
				t.Errorf("failed %q, want %q", failed, c.failed)
			}
		})
	}
}

func namedWork(path string) work {
	var w work
	w.Path = path
	return w
}
