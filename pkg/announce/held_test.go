package announce

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/filterqueue"
)

func TestTakeEmptiesTheGate(t *testing.T) {
	var told int
	g := New(Options{Lanes: []string{"a", "b"}, Deliver: func(filterqueue.Notice) { told++ }})
	play(g, "+f@1 -g@2 a:g@3")
	var held []string
	for _, h := range g.Take() {
		slices.Sort(h.Lanes)
		held = append(held, fmt.Sprintf("%s deleted=%v at %d for %s", h.Notice.Path, h.Notice.Deleted, h.At.Unix()-start.Unix(), strings.Join(h.Lanes, ",")))
	}
	slices.Sort(held)
	play(g, "a:f@4 b:f@4 b:g@4 v:a v:b")
	if want := []string{"f deleted=false at 1 for a,b", "g deleted=true at 2 for b"}; !slices.Equal(held, want) || g.Waiting() != 0 || told != 0 {
		t.Errorf("taken %q, want %q; %d waiting, %d told", held, want, g.Waiting(), told)
	}
}

// TestInherit: a path that the first gate was holding back waits in the next one for those lanes
// that had not settled it, and for no others.
func TestInherit(t *testing.T) {
	for _, c := range []struct {
		name           string
		before         string // the steps of the first gate, whose lanes are a and b
		lanes          string // the lanes of the second gate
		first          string // the steps of the second gate before it inherits
		after          string
		all            bool
		soon, want     string // what Inherit itself delivers, and what is delivered in the end
		waiting, waits int    // how many paths wait after Inherit, and in the end
	}{
		{name: "nothing is settled", before: "+f@1", lanes: "a b", after: "a:f@2 b:f@2", want: "f", waiting: 1},
		{name: "one lane has it", before: "+f@1 a:f@2", lanes: "a b", after: "b:f@3", want: "f", waiting: 1},
		{name: "all: one lane has it", all: true, before: "+f@1 a:f@2", lanes: "a b", after: "b!f@3 b:f@4", want: "f", waiting: 1},
		{name: "all: one lane has it, not the one that is asked", all: true, before: "+f@1 a:f@2", lanes: "a b", after: "a:f@3", waiting: 1, waits: 1},
		{name: "a run that began after the change settles", before: "+f@1", lanes: "a", after: "a:f@1", want: "f", waiting: 1},
		{name: "a run that began before the change does not", before: "+f@5", lanes: "a", after: "a:f@4", waiting: 1, waits: 1},
		{name: "the last lane to wait for is gone", before: "+f@1 a:f@2", lanes: "a", soon: "f", want: "f"},
		{name: "all: the last lane to wait for is gone", all: true, before: "+f@1 a:f@2", lanes: "a", soon: "f", want: "f"},
		{name: "every lane is another one", all: true, before: "+f@1", lanes: "c d", soon: "f", want: "f"},
		{name: "a new lane is not waited for", all: true, before: "+f@1 a:f@2", lanes: "a b c", after: "b:f@3", want: "f", waiting: 1},
		{name: "a lane in trouble is not waited for", before: "+f@1", lanes: "a b", first: "v:b", after: "a:f@2", want: "f", waiting: 1},
		{name: "all: a lane in trouble is", all: true, before: "+f@1", lanes: "a b", first: "v:b", after: "a:f@2", waiting: 1, waits: 1},
		{name: "something newer stays", before: "+f@1", lanes: "a", first: "-f@3", after: "a:f@2 a:f@3", want: "-f", waiting: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			old := New(Options{Lanes: []string{"a", "b"}, All: c.all, Deliver: func(n filterqueue.Notice) { t.Errorf("the old one tells %q", n.Path) }})
			next := New(Options{Lanes: strings.Fields(c.lanes), All: c.all, Deliver: func(n filterqueue.Notice) {
				if n.Deleted {
					n.Path = "-" + n.Path
				}
				got = append(got, n.Path)
			}})
			play(old, c.before)
			play(next, c.first)
			next.Inherit(old.Take())
			if text := strings.Join(got, " "); text != c.soon || next.Waiting() != c.waiting || old.Waiting() != 0 {
				t.Errorf("inherited: told %q, %d waiting, %d left; want %q, %d, 0", text, next.Waiting(), old.Waiting(), c.soon, c.waiting)
			}
			play(next, c.after)
			if text := strings.Join(got, " "); text != c.want || next.Waiting() != c.waits {
				t.Errorf("in the end: told %q, %d waiting; want %q, %d", text, next.Waiting(), c.want, c.waits)
			}
		})
	}
}

// TestInheritKeepsTheBound: a path for which the next gate has no room is told at once; with All it
// is dropped and reported.
func TestInheritKeepsTheBound(t *testing.T) {
	for _, all := range []bool{false, true} {
		var told, full []string
		old := New(Options{Lanes: []string{"a"}, All: all, Deliver: func(filterqueue.Notice) {}})
		next := New(Options{Lanes: []string{"a"}, All: all, Max: 2, Deliver: func(n filterqueue.Notice) { told = append(told, n.Path) },
			Full: func(n filterqueue.Notice, _ uint64) { full = append(full, n.Path) }})
		play(old, "+f@1 +g@1 +h@1")
		play(next, "+x@1")
		next.Inherit(old.Take())
		if next.Waiting() != 2 || len(told)+len(full) != 2 || all != (len(full) == 2) || next.Dropped() != uint64(len(full)) {
			t.Errorf("all=%v: %d waiting, told %q, dropped %q (%d)", all, next.Waiting(), told, full, next.Dropped())
		}
	}
}
