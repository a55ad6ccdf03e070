package fetch

import (
	"cmp"
	"hash/fnv"
	"slices"

	"github.com/sersync/sersync/pkg/edge/edgexml"
)

// Order is the upstreams in the order in which the edge of that name tries them: by
// rendezvous hashing, so that one upstream more or less moves only its own share.
func Order(edge string, upstreams []edgexml.Upstream) []edgexml.Upstream {
	ordered := slices.Clone(upstreams)
	weight := func(u edgexml.Upstream) uint64 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(edge + "\x00" + u.Name()))
		// In FNV the last bytes have hardly any influence on the high bits.
		x := h.Sum64()
		x ^= x >> 33
		x *= 0xff51afd7ed558ccd
		return x ^ x>>33
	}
	slices.SortStableFunc(ordered, func(a, b edgexml.Upstream) int { return cmp.Compare(weight(b), weight(a)) })
	return ordered
}

// Eligible are the upstreams that have a generation, in their order. The source always has it;
// announced tells which generation a mirror has announced.
func Eligible(ordered []edgexml.Upstream, needs uint64, announced func(mirror string) (uint64, bool)) []edgexml.Upstream {
	var able []edgexml.Upstream
	for _, u := range ordered {
		if u.Mirror != "" {
			if has, ok := announced(u.Mirror); !ok || has < needs {
				continue
			}
		}
		able = append(able, u)
	}
	return able
}

// SourcesFirst puts the source before the mirrors: only the source knows for certain what the tree
// does not have.
func SourcesFirst(upstreams []edgexml.Upstream) []edgexml.Upstream {
	sorted := slices.Clone(upstreams)
	slices.SortStableFunc(sorted, func(a, b edgexml.Upstream) int {
		return cmp.Compare(min(len(a.Mirror), 1), min(len(b.Mirror), 1))
	})
	return sorted
}
