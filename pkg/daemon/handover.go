package daemon

import (
	"slices"

	"go.uber.org/zap"
)

// inherit takes over what the site before had not brought to its remotes, and
// what it had not told its plugins. Nothing of that site runs any more, and the
// watches already serve the new roots, so nothing is added to it either.
func (s *site) inherit(old *site) {
	for _, r := range old.roots {
		r.queue.Flush()
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
			r.links.inherit(o.links)
		}
	}
	s.inheritPlugins(old)
}

// successor is the root that stands for the localpath of o in this site; nil
// when the configuration has it no more. The watch is not what counts: another
// filter makes another one, and the lanes and what they owe stay.
func (s *site) successor(o *root) *root {
	i := slices.IndexFunc(s.roots, func(r *root) bool { return r.dir == o.dir && r.number == o.number })
	if i < 0 {
		return nil
	}
	return s.roots[i]
}

// bridge covers what happens between the end of a watch and the start of the
// one that replaces it: begin asks for the scan once the new one stands. What
// the scan of the watch before was to find is to be found by it, too.
func (s *site) bridge(old *site, started []*root) {
	for _, start := range s.starts {
		r := start.root
		if !start.inherited || r.bridged || !slices.Contains(started, r) {
			continue
		}
		r.bridged = true
		since := s.daemon.ticks.lastGood()
		for _, o := range old.roots {
			if asked, holds := o.scanWanted(); s.successor(o) == r && holds > 0 && asked.Before(since) {
				since = asked
			}
		}
		r.suspect(since)
	}
}

// inheritPlugins has each plugin go on with what the one of its name had not
// delivered, with what waited at its gates, and with the directories that were
// to be listed for it.
func (s *site) inheritPlugins(old *site) {
	heirs := map[*extension]*extension{}
	taken := map[*extension]bool{}
	for _, before := range old.plugins.list {
		i := slices.IndexFunc(s.plugins.list, func(e *extension) bool { return e.name == before.name && !taken[e] })
		if i < 0 {
			if left := before.runner.Stats().Pending + old.plugins.waiting(before); left > 0 {
				s.log.Warn("plugin was taken out of the configuration before everything was delivered",
					zap.String("plugin", before.name), zap.Int("undelivered", left))
			}
			continue
		}
		next := s.plugins.list[i]
		heirs[before], taken[next] = next, true
		for _, ev := range before.runner.Take() {
			next.runner.Add(ev)
		}
		for _, o := range old.roots {
			held := old.plugins.gate(o, before).Take()
			if r := s.successor(o); r != nil {
				s.plugins.gate(r, next).Inherit(held)
				continue
			}
			for _, h := range held { // no remote is left to wait for
				s.tell(next, o, h.Notice)
			}
		}
	}
	for _, f := range old.plugins.finder.take() {
		if f.x = heirs[f.x]; f.x == nil {
			continue
		}
		if r := s.successor(f.root); r != nil {
			f.root = r
		}
		s.plugins.finder.add(f)
	}
}

// waiting counts what a plugin's gates hold back.
func (x *extensions) waiting(e *extension) (n int) {
	i := slices.Index(x.list, e)
	for _, gates := range x.gates {
		n += gates[i].Waiting()
	}
	return n
}
