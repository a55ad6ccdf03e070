package executor

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
)

// maxKnown bounds how many paths of one kind of known differences are kept by
// name; further ones are counted.
const maxKnown = 10_000

// known keeps the known differences, of which nothing is dirty, until runs have settled them. It
// belongs to the loop; the status reads what it has published.
type known struct {
	kinds map[status.DifferenceKind]*knownKind
	told  status.Differences // safe for concurrent use
}

// knownKind are the known differences of one kind.
type knownKind struct {
	paths map[string]bool
	more  int // further ones, whose names are not kept
	// untold: told does not have this yet.
	untold bool
}

func (k *known) of(kind status.DifferenceKind) *knownKind {
	if k.kinds == nil {
		k.kinds = map[status.DifferenceKind]*knownKind{}
	}
	if k.kinds[kind] == nil {
		k.kinds[kind] = &knownKind{paths: map[string]bool{}}
	}
	return k.kinds[kind]
}

// replace says that these paths, and so many more, are all the differences of this kind.
func (k *known) replace(kind status.DifferenceKind, paths []string, more int) {
	delete(k.kinds, kind)
	for _, p := range paths {
		k.add(kind, p)
	}
	set := k.of(kind)
	set.more += more
	set.untold = true
}

// add says that this path differs, too.
func (k *known) add(kind status.DifferenceKind, path string) {
	set := k.of(kind)
	switch {
	case set.paths[path]:
		return
	case len(set.paths) < maxKnown:
		set.paths[path] = true
	default:
		set.more++
	}
	set.untold = true
}

// settle says that a path no longer differs in these ways, nor, with tree, anything below it.
func (k *known) settle(path string, tree bool, kinds ...status.DifferenceKind) {
	for _, kind := range kinds {
		set := k.kinds[kind]
		if set == nil || len(set.paths) == 0 {
			continue
		}
		before := len(set.paths)
		delete(set.paths, path)
		if tree {
			maps.DeleteFunc(set.paths, func(p string, _ bool) bool { return path == "" || strings.HasPrefix(p, path+"/") })
		}
		set.untold = set.untold || len(set.paths) != before
	}
}

// below are the paths known by name that lie below a directory.
func (k *known) below(kind status.DifferenceKind, dir string) (paths []string) {
	for p := range k.of(kind).paths {
		if dir == "" || strings.HasPrefix(p, dir+"/") {
			paths = append(paths, p)
		}
	}
	return paths
}

// tell publishes the differences for the status.
func (k *known) tell(now time.Time) {
	for kind, set := range k.kinds {
		if set == nil || !set.untold {
			continue
		}
		set.untold = false
		k.told.Set(kind, len(set.paths)+set.more, slices.Sorted(maps.Keys(set.paths)), now)
	}
}

// inherit takes over what another lane knew.
func (k *known) inherit(before *known) {
	k.kinds = before.kinds
	k.told.Restore(before.told.Whole())
}

// restore takes over what an earlier process has published.
func (k *known) restore(list []status.Difference) {
	k.told.Restore(list)
	k.kinds = nil
	for _, d := range k.told.Whole() {
		set := k.of(d.Kind)
		for _, n := range d.Names {
			set.paths[n] = true
		}
		set.more = d.Count - len(set.paths)
	}
}

// settleKnown removes the known differences that a run has settled.
func (s *settler) settleKnown(w plan.Work, o outcome.Outcome) {
	deleted := o.Kind == plan.KindDelete
	update := s.terms.Update
	s.differs.settle(w.Path, deleted, status.Extras)
	// With -u a run leaves a newer copy as it is and says nothing: only a run that has sent the
	// file, or has asked for the remote's copy, shows that the remote has no newer one.
	if deleted || !update || o.Kind == plan.KindTree || o.Judged[w.Path] || o.WasSent(w.Path) {
		s.differs.settle(w.Path, deleted || w.Flags&dirty.Unsure != 0, status.Newer)
	}
	if deleted || !update || w.Touched() || w.Flags&dirty.Arrival != 0 || o.WasSent(w.Path) {
		s.differs.settle(w.Path, deleted, status.Differing)
	}
	if o.Kind != plan.KindTree {
		return
	}
	for _, path := range s.differs.below(status.Differing, w.Path) {
		if !update || o.WasSent(path) { // with -u a newer copy may still be there
			s.differs.settle(path, false, status.Differing)
		}
	}
}
