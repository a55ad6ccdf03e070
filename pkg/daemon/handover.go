package daemon

import (
	"slices"

	"github.com/sersync/sersync/pkg/listeners"
	"github.com/sersync/sersync/pkg/watchroot"
)

// inherit takes over what the old site had not brought to its remotes, and what it had not told its
// plugins. The old site no longer runs and gets no events either, since the watches already serve
// the new roots.
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

// successor is the root of this site for the localpath of o; nil when the configuration no longer
// has that localpath. It need not have the same watch: a changed filter makes another watch, while
// the lanes and what they have to send stay.
func (s *site) successor(o *watchroot.Root) *watchroot.Root {
	i := slices.IndexFunc(s.roots, func(r *watchroot.Root) bool { return r.Same(o) })
	if i < 0 {
		return nil
	}
	return s.roots[i]
}

// predecessor is the root of old for the localpath of r; nil when there was none.
func predecessor(old *site, r *watchroot.Root) *watchroot.Root {
	i := slices.IndexFunc(old.roots, r.Same)
	if i < 0 {
		return nil
	}
	return old.roots[i]
}

// bridge makes up for changes that happen between the end of a watch and the start of the one that
// replaces it.
func (s *site) bridge(old *site, started []*watchroot.Root) {
	for _, start := range s.starts {
		if start.inherited && slices.Contains(started, start.root) {
			start.root.Bridge(predecessor(old, start.root))
		}
	}
}
