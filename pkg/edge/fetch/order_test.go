package fetch

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sersync/sersync/pkg/edge/edgexml"
)

func upstreams(n int) (all []edgexml.Upstream) {
	for i := range n {
		all = append(all, edgexml.Upstream{Host: fmt.Sprint("host", i), Module: "m"})
	}
	return all
}

func TestOrderSpreadsEdges(t *testing.T) {
	first := map[string]int{}
	moved := 0
	const edges = 1000
	for e := range edges {
		name := fmt.Sprint("web-", e)
		order := Order(name, upstreams(5))
		first[order[0].Host]++
		if !slices.Equal(order, Order(name, upstreams(5))) {
			t.Fatal("an edge's order changes")
		}
		if Order(name, upstreams(6))[0] != order[0] {
			moved++
		}
	}
	for host, n := range first {
		if n < 130 || n > 270 {
			t.Errorf("%s comes first for %d of %d edges", host, n, edges)
		}
	}
	if len(first) != 5 || moved < 110 || moved > 230 {
		t.Errorf("%d come first; one more moves %d edges", len(first), moved)
	}
}

func TestEligible(t *testing.T) {
	all := []edgexml.Upstream{{Host: "m1", Mirror: "m1"}, {Host: "s"}, {Host: "m2", Mirror: "m2"}, {Host: "m3", Mirror: "m3"}}
	announced := func(mirror string) (uint64, bool) {
		g, ok := map[string]uint64{"m1": 5, "m2": 9}[mirror]
		return g, ok
	}
	hosts := func(list []edgexml.Upstream) (names []string) {
		for _, u := range list {
			names = append(names, u.Host)
		}
		return names
	}
	for needs, want := range map[uint64][]string{0: {"m1", "s", "m2"}, 5: {"m1", "s", "m2"}, 6: {"s", "m2"}, 10: {"s"}} {
		if got := hosts(Eligible(all, needs, announced)); !slices.Equal(got, want) {
			t.Errorf("%d: %q, want %q", needs, got, want)
		}
	}
	if got := hosts(SourcesFirst(all)); !slices.Equal(got, []string{"s", "m1", "m2", "m3"}) {
		t.Errorf("%q", got)
	}
}
