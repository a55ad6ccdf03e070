package outcome

import (
	"slices"
	"strings"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport"
)

// Assign assigns the complaints to the works; nil when one of them belongs to no work.
func (o *Outcome) Assign() map[int][]transport.PathError {
	if o.Result.Unclear {
		return nil
	}
	index := make(map[string]int, len(o.Works))
	for i, w := range o.Works {
		for _, e := range w.Entries {
			index[e] = i
		}
		for _, c := range w.Gone {
			index[c.Path] = i
		}
		index[w.Path] = i
	}
	for other, name := range o.OtherOf {
		_, own := index[other]
		if i, ok := index[name]; ok && !own {
			index[other] = i
		}
	}
	bad := map[int][]transport.PathError{}
	for _, e := range slices.Concat(o.Result.Failed, o.Result.Races) {
		path, owners := Claimed(o.Works, index, e)
		if len(owners) == 0 {
			return nil
		}
		e.Path = path
		for _, i := range owners {
			bad[i] = append(bad[i], e)
		}
	}
	return bad
}

// Claimed finds the works that a complaint belongs to, and the path it is about. Where the name
// begins with an unknown prefix, longer and longer prefixes are removed until one fits.
func Claimed(works []plan.Work, index map[string]int, e transport.PathError) (path string, owned []int) {
	for rest, ok := e.Path, true; ok; _, rest, ok = strings.Cut(rest, "/") {
		if owned := owners(works, index, rest); len(owned) > 0 || !e.Elsewhere {
			return rest, owned
		}
	}
	return e.Path, nil
}

// owners finds the works that a path belongs to: the work of that name, or the tree around it, or,
// when a parent directory could not be made, the works below it.
func owners(works []plan.Work, index map[string]int, path string) []int {
	if i, ok := index[path]; ok {
		return []int{i}
	}
	for p := path; p != ""; {
		p = disk.ParentOf(p)
		if i, ok := index[p]; ok && encloses(works[i]) && (p != "" || len(works) == 1) {
			return []int{i}
		}
	}
	var below []int
	for i, w := range works {
		if strings.HasPrefix(w.Path, path+"/") {
			below = append(below, i)
		}
	}
	return below
}

// encloses tells whether a work brings over, or removes, everything below its path.
func encloses(w plan.Work) bool {
	return w.Flags&dirty.Tree != 0 || w.Found.State == fstree.Absent
}
