package outcome

import (
	"maps"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport"
)

func here(mode uint32) fstree.Found {
	return fstree.Found{State: fstree.Present, Stat: unix.Stat_t{Mode: mode}}
}

// TestVerdicts: the verdict about the work "d" after a run that has done only a part.
func TestVerdicts(t *testing.T) {
	const tree = dirty.Tree
	refused := func(path string) transport.PathError {
		return transport.PathError{Path: path, Remote: true, Errno: syscall.EACCES, Text: "Permission denied"}
	}
	changed := func(path string) transport.PathError { return transport.PathError{Path: path, Changed: true} }
	hung := func(path string) transport.PathError {
		return transport.PathError{Path: path, Changed: true, Errno: syscall.EINTR}
	}
	notEmpty := transport.PathError{Path: "d", Remote: true, Errno: syscall.ENOTEMPTY}
	seen := map[string]fstree.Found{"d": here(unix.S_IFDIR), "d/f": here(unix.S_IFREG), "d/sub": here(unix.S_IFDIR)}
	link := map[string]fstree.Found{"d": here(unix.S_IFLNK)}
	type list = []transport.PathError
	for _, c := range []struct {
		name             string
		kind             plan.Kind
		flags            dirty.Flags
		attempt          int
		way              plan.Way
		failed, withheld list
		seen             map[string]fstree.Found
		followed         bool
		fate             Fate
		places           map[string]dirty.Flags
		lasting          bool
	}{
		{name: "no complaint", fate: Arrived},
		{name: "a file that is refused", failed: list{refused("d")}, fate: Failed},
		{name: "a name too long for the remote", failed: list{{Path: "d", Remote: true, Errno: syscall.ENAMETOOLONG}}, fate: Failed, lasting: true},
		{name: "a file that changed", failed: list{changed("d")}, attempt: 2, fate: AtOnce},
		{name: "a file that keeps changing", failed: list{changed("d")}, attempt: 3, fate: Failed},
		{name: "it changed, and something is refused", failed: list{changed("d"), refused("d")}, fate: Failed},
		{name: "a link that leads nowhere", failed: list{changed("d")}, attempt: 3, seen: link, followed: true, fate: Arrived},
		{name: "a link that is sent as one", failed: list{changed("d")}, attempt: 3, seen: link, fate: Failed},
		{
			name: "a tree that fails in two places", kind: plan.KindTree, flags: tree | dirty.Content, failed: list{refused("d/f"), refused("d/sub")},
			fate: Narrowed, places: map[string]dirty.Flags{"d/f": dirty.Content, "d/sub": tree | dirty.Content},
		},
		{name: "a tree that fails itself", kind: plan.KindTree, flags: tree, failed: list{refused("d/f"), refused("d")}, fate: Failed},
		{name: "a tree that fails at something gone", kind: plan.KindTree, flags: tree, failed: list{refused("d/gone")}, fate: Failed},
		{name: "a tree that the brake holds", kind: plan.KindTree, flags: tree, way: plan.Braked, failed: list{refused("d/f")}, fate: Failed},
		{
			name: "a tree with a fifo in it", kind: plan.KindTree, flags: tree, failed: list{hung("d/f")},
			fate: Narrowed, places: map[string]dirty.Flags{"d/f": dirty.Unsure},
		},
		{name: "a tree that changed", kind: plan.KindTree, flags: tree, failed: list{changed("d/f")}, fate: AtOnce},
		{
			name: "a tree that keeps changing", kind: plan.KindTree, flags: tree, failed: list{changed("d/f")}, attempt: 3,
			fate: Narrowed, places: map[string]dirty.Flags{"d/f": dirty.Unsure},
		},
		{name: "deletions left out for another tree", kind: plan.KindTree, flags: tree | dirty.Gone, withheld: list{refused("other")}, fate: AskInside},
		{name: "deletions left out, and a place fails", kind: plan.KindTree, flags: tree | dirty.Gone, failed: list{refused("d/f")}, withheld: list{refused("d/f")}, fate: AskInside},
		{name: "nothing was to be deleted", kind: plan.KindTree, flags: tree, withheld: list{refused("other")}, fate: Arrived},
		{name: "the brake has left the deletions out", kind: plan.KindTree, flags: tree | dirty.Gone, way: plan.Braked, withheld: list{refused("other")}, fate: Arrived},
		{name: "a deletion that was left out", kind: plan.KindDelete, flags: dirty.Gone, withheld: list{refused("other")}, fate: Failed},
		{name: "a deletion of a directory that is not empty", kind: plan.KindDelete, flags: tree, failed: list{notEmpty}, fate: AtOnce},
		{name: "it is not empty again", kind: plan.KindDelete, flags: tree, attempt: 1, failed: list{notEmpty}, fate: Arrived},
		{name: "it may not be deleted", kind: plan.KindDelete, flags: tree, failed: list{refused("d")}, fate: Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := namedWork("d")
			w.Flags, w.Attempt, w.Way = c.flags, c.attempt, c.way
			o := Outcome{Flight: Flight{Kind: c.kind, Works: []plan.Work{w}}, Withheld: c.withheld}
			o.Result.Failed, o.Seen = c.failed, seen
			if c.seen != nil {
				o.Seen = c.seen
			}
			got := o.Verdicts(c.followed)
			if len(got) != 1 || got[0].Fate != c.fate || !maps.Equal(got[0].Places, c.places) || got[0].Failure.Lasting != c.lasting {
				t.Fatalf("%+v, want fate %d, places %v", got, c.fate, c.places)
			}
			if (got[0].Failure.Reason != "") != (c.fate == Failed) {
				t.Errorf("reason %q", got[0].Failure.Reason)
			}
		})
	}
}

// A complaint about a path that belongs to none of the works leaves all of them open.
func TestVerdictsOfAComplaintOfSomethingElse(t *testing.T) {
	o := Outcome{Flight: Flight{Works: []plan.Work{namedWork("a"), namedWork("b")}}}
	o.Result.Failed = []transport.PathError{{Path: "c", Errno: syscall.EIO}}
	if v := o.Verdicts(false); v != nil {
		t.Errorf("%+v", v)
	}
}
