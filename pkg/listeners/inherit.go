package listeners

import (
	"slices"

	"go.uber.org/zap"
)

// Inherit has each plugin go on where the earlier plugin of the same name has stopped: with what
// that one had not delivered, what waited at its gates, and the directories that were to be listed
// for it. successor is the root that stands for the localpath of a root before; nil: the
// configuration has it no more. The set before must not run any more.
func (s *Set) Inherit(before *Set, successor func(Root) Root) {
	heirs := map[*listener]*listener{}
	for i, old := range before.list {
		next := s.heir(old, heirs)
		if next < 0 {
			left := old.runner.Stats().Pending
			for _, gates := range before.gates {
				left += gates[i].Waiting()
			}
			if left > 0 {
				s.log.Warn("plugin was taken out of the configuration before everything was delivered",
					zap.String("plugin", old.name), zap.Int("undelivered", left))
			}
			continue
		}
		x := s.list[next]
		heirs[old] = x
		for _, ev := range old.runner.Take() {
			x.runner.Add(ev)
		}
		for _, o := range before.roots {
			held := before.gates[o][i].Take()
			if r := successor(o); r != nil {
				s.gates[r][next].Inherit(held)
				continue
			}
			for _, h := range held { // no remote is left to wait for
				s.tell(x, o, h.Notice)
			}
		}
	}
	for _, f := range before.finder.take() {
		if f.x = heirs[f.x]; f.x == nil {
			continue
		}
		if r := successor(f.root); r != nil {
			f.root = r
		}
		s.finder.add(f)
	}
}

// heir is the index of a plugin with old's name that has not inherited yet; -1: there is none.
func (s *Set) heir(old *listener, heirs map[*listener]*listener) int {
	return slices.IndexFunc(s.list, func(x *listener) bool {
		if x.name != old.name {
			return false
		}
		for _, taken := range heirs {
			if taken == x {
				return false
			}
		}
		return true
	})
}
