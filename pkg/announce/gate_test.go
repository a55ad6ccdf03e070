package announce

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/filterqueue"
)

// start is the moment at which each case begins; the seconds of its steps count from it.
var start = time.Unix(1_700_000_000, 0)

func at(second int) time.Time { return start.Add(time.Duration(second) * time.Second) }

// play carries out steps, one per word. At second S, "+PATH@S" tells the gate of a change,
// "-PATH@S" of a deletion and "?PATH@S" of a change that lanes did not mark; "LANE:PATH@S" says
// that a lane has settled a path, "LANE!PATH@S" that it has failed, "LANE*PATH@S" that it has
// settled a tree. "v:LANE" and "^:LANE" say that a lane is in trouble, and out of it.
func play(g *Gate, steps string) {
	for step := range strings.FieldsSeq(steps) {
		text, when, _ := strings.Cut(step, "@")
		var second int
		_, _ = fmt.Sscan(when, &second)
		switch {
		case strings.HasPrefix(text, "v:"), strings.HasPrefix(text, "^:"):
			g.Down(text[2:], text[0] == 'v')
		case strings.ContainsAny(text[:1], "+-?"):
			g.Changed(filterqueue.Notice{Path: text[1:], Deleted: text[0] == '-', Marked: text[0] != '?'}, at(second))
		default:
			path := strings.Trim(text[2:], "~") // "~" alone is the watch root
			g.Settled(text[:1], path, text[1] == '*', text[1] != '!', at(second))
		}
	}
}

func TestGate(t *testing.T) {
	for _, c := range []struct {
		name, steps string
		all         bool
		want        string // what is delivered, in this order
		waiting     int
	}{
		{name: "told once every lane has it", steps: "+f@1 a:f@2 b:f@3", want: "f"},
		{name: "held back until the last lane", steps: "+f@1 a:f@2", waiting: 1},
		{name: "told once, whatever comes later", steps: "+f@1 a:f@2 b:f@2 a:f@3 b:f@3", want: "f"},
		{name: "a failure counts as settled", steps: "+f@1 a!f@2 b:f@2", want: "f"},
		{name: "all: a failure does not count", all: true, steps: "+f@1 a!f@2 b:f@2", waiting: 1},
		{name: "all: success after a failure", all: true, steps: "+f@1 a!f@2 b:f@2 a:f@3", want: "f"},
		{name: "a run that looked before the change settles nothing", steps: "+f@5 a:f@4 b:f@4", waiting: 1},
		{name: "a run that looked at the very time settles", steps: "+f@5 a:f@5 b:f@5", want: "f"},
		{name: "a later change waits anew", steps: "+f@1 a:f@2 +f@3 b:f@4", waiting: 1},
		{name: "a later change is told once", steps: "+f@1 a:f@2 -f@3 a:f@4 b:f@4", want: "-f"},
		{name: "not marked: at once", steps: "?f@1", want: "f"},
		{name: "a tree settles what is below", steps: "+d/x@1 +d/y/z@1 +dd@1 a*d@2 b*d@2", want: "d/x d/y/z", waiting: 1},
		{name: "a file settles nothing below", steps: "+d/x@1 a:d@2 b:d@2", waiting: 1},
		{name: "the root as a tree settles everything", steps: "+f@1 +d/x@1 a*~@2 b*~@2", want: "d/x f"},
		{name: "a lane in trouble is not waited for", steps: "+f@1 v:a b:f@2", want: "f"},
		{name: "trouble after the others have it", steps: "+f@1 b:f@2 v:a", want: "f"},
		{name: "trouble before the change", steps: "v:a +f@1 b:f@2", want: "f"},
		{name: "every lane in trouble: at once", steps: "v:a v:b +f@1", want: "f"},
		{name: "a lane that is back is waited for again", steps: "v:a ^:a +f@1 b:f@2", waiting: 1},
		{name: "all: trouble is waited for", all: true, steps: "v:a +f@1 b:f@2", waiting: 1},
		{name: "all: told when the lane is back and has it", all: true, steps: "+f@1 v:a b:f@2 ^:a a:f@9", want: "f"},
		{name: "a lane of another root settles nothing", steps: "+f@1 c:f@2", waiting: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			g := New(Options{Lanes: []string{"a", "b"}, All: c.all, Deliver: func(n filterqueue.Notice) {
				if n.Deleted {
					n.Path = "-" + n.Path
				}
				got = append(got, n.Path)
			}})
			play(g, c.steps)
			slices.Sort(got) // the paths of a tree are settled in no fixed order
			if text := strings.Join(got, " "); text != c.want || g.Waiting() != c.waiting {
				t.Errorf("told %q, %d waiting; want %q, %d", text, g.Waiting(), c.want, c.waiting)
			}
		})
	}
}

func TestFullGateDoesNotGrow(t *testing.T) {
	for _, all := range []bool{false, true} {
		var told []string
		g := New(Options{Lanes: []string{"a"}, All: all, Max: 2, Deliver: func(n filterqueue.Notice) { told = append(told, n.Path) }})
		play(g, "+f@1 +g@1 +h@1 +f@2") // the gate holds f already: the second change needs no room
		if g.Waiting() != 2 {
			t.Errorf("all=%v: %d wait, want 2", all, g.Waiting())
		}
		wantTold, wantDropped := []string{"h"}, uint64(0)
		if all {
			wantTold, wantDropped = nil, 1
		}
		if !slices.Equal(told, wantTold) || g.Dropped() != wantDropped {
			t.Errorf("all=%v: told %q, dropped %d; want %q, %d", all, told, g.Dropped(), wantTold, wantDropped)
		}
		play(g, "a:f@3 a:g@3 +i@4 a:i@5")
		if !slices.Equal(told, append(wantTold, "f", "g", "i")) {
			t.Errorf("all=%v: there is room again, told %q", all, told)
		}
	}
}

// Deliver may call the gate, for example to write a log line or a status.
func TestDeliverIsCalledWithoutTheLock(t *testing.T) {
	var g *Gate
	waiting := -1
	g = New(Options{Lanes: []string{"a"}, Deliver: func(filterqueue.Notice) { waiting = g.Waiting() }})
	play(g, "+f@1 a:f@2")
	if waiting != 0 {
		t.Errorf("waiting during Deliver: %d", waiting)
	}
}
