package daemon

import (
	"slices"

	"github.com/sersync/sersync/pkg/listeners"
	"github.com/sersync/sersync/pkg/watchroot"
)

// inherit takes over what the site before had not brought to its remotes, and
// what it had not told its plugins. Nothing of that site runs any more, and the
// watches already serve the new roots, so nothing is added to it either.
func (s *site) inherit(old *site) {
	for _, r := range old.roots {
		r.Flush()
	}
	for _, start := range s.starts {
		before := old.lanes[start.lane.ID()]
		if before == nil {
			continue
		}
		start.inherited = start.lane.Inherit(before, !start.changed)
	}
	for _, o := range old.roots {
		if r := s.successor(o); r != nil {
			r.Inherit(o)
		}
	}
	s.plugins.Inherit(old.plugins, func(o listeners.Root) listeners.Root {
		for _, r := range s.roots {
			if before, ok := o.(*watchroot.Root); ok && r.Same(before) {
				return r
			}
		}
		return nil
	})
}

// successor is the root that stands for the localpath of o in this site; nil
// when the configuration has it no more. The watch is not what counts: another
// filter makes another one, and the lanes and what they owe stay.
func (s *site) successor(o *watchroot.Root) *watchroot.Root {
	i := slices.IndexFunc(s.roots, func(r *watchroot.Root) bool { return r.Same(o) })
	if i < 0 {
		return nil
	}
	return s.roots[i]
}

// predecessor is the root of old that r stands for now; nil when there was none.
func predecessor(old *site, r *watchroot.Root) *watchroot.Root {
	i := slices.IndexFunc(old.roots, r.Same)
	if i < 0 {
		return nil
	}
	return old.roots[i]
}

// bridge covers what happens between the end of a watch and the start of the one
// that replaces it.
func (s *site) bridge(old *site, started []*watchroot.Root) {
	for _, start := range s.starts {
		if start.inherited && slices.Contains(started, start.root) {
			start.root.Bridge(predecessor(old, start.root))
		}
	}
}
