package plan

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport"
)

var now = time.Unix(1_700_000_000, 0)

func present(mode uint32, size int64) fstree.Found {
	return fstree.Found{State: fstree.Present, Stat: unix.Stat_t{Mode: mode, Size: size, Nlink: 1}}
}

func absent(at string) fstree.Found { return fstree.Found{State: fstree.Absent, At: at} }

// lane is the part of a lane's configuration and state that a test changes.
type lane struct {
	terms    transport.Terms
	excluded func(path string, dir bool) bool
	keep     bool // <delete> is off
	noDelete bool // the remote refuses deletions
	held     string
	slow     bool
	guarded  bool
	spares   bool
	peer     bool
	awaited  bool
	left     bool
	unknown  bool  // the lane does not know what the remote has at old places
	large    int64 // Facts.Large
}

func (l lane) plan(w Work) Step {
	p := &Planner{
		Disk: &disk.Disk{Terms: l.terms, Excluded: l.excluded}, MayDelete: !l.keep,
		Held: func(string, bool) string { return l.held },
	}
	return p.Plan(w, Facts{
		Now: now, NoDelete: l.noDelete, Peer: l.peer, Big: 1000,
		Hangs: func(Work) bool { return l.slow }, Resumes: func(w Work) bool { return w.Found.Stat.Size > 2000 },
		Guarded: func(string) bool { return l.guarded }, Spares: func(string) bool { return l.spares },
		Large: l.large, Movable: func(Work) bool { return !l.unknown }, Awaited: func(string, bool) bool { return l.awaited },
		Left: func(string) bool { return l.left },
	})
}

func TestPlan(t *testing.T) {
	const both = dirty.Tree | dirty.Gone
	file, dir := present(unix.S_IFREG, 10), present(unix.S_IFDIR, 0)
	links := transport.Terms{Links: true, FollowLinks: true}
	onlyDirs := func(path string, dir bool) bool { return dir && path == "d" }
	nothing := func(string, bool) bool { return false }
	for _, c := range []struct {
		name  string
		lane  lane
		flags dirty.Flags
		found fstree.Found
		work  Work // the expected Looked, Way and Entries
		deed  Deed
		kind  Kind
		way   Way
		at    string
	}{
		{name: "a file", found: file, deed: Enqueue, kind: KindSend},
		{name: "a big file", found: present(unix.S_IFREG, 1001), deed: Enqueue, kind: KindBig},
		{name: "a big file worth resuming", found: present(unix.S_IFREG, 2001), deed: Enqueue, kind: KindBig, way: Resumable},
		{name: "a file that hangs", lane: lane{slow: true}, found: present(unix.S_IFREG, 2001), deed: Enqueue, kind: KindSlow},
		{name: "a directory by itself", found: dir, deed: Enqueue, kind: KindSend},
		{name: "a tree", found: dir, flags: dirty.Tree, deed: Enqueue, kind: KindTree},
		{name: "a small tree", found: dir, flags: dirty.Tree, work: Work{Entries: []string{"d"}}, deed: Enqueue, kind: KindSend},
		{name: "entries may have gone unseen", found: dir, flags: dirty.Extras, deed: Enqueue, kind: KindSurvey},
		{name: "the same, nothing is deleted", lane: lane{keep: true}, found: dir, flags: dirty.Extras, deed: Enqueue, kind: KindSend},
		{name: "the same, the remote refuses it", lane: lane{noDelete: true}, found: dir, flags: dirty.Extras | dirty.Tree, deed: Enqueue, kind: KindTree},
		{name: "a tree in another's place", found: dir, flags: both, deed: Enqueue, kind: KindTree},
		{name: "the same with a filter", lane: lane{excluded: nothing}, found: dir, flags: both, deed: Enqueue, kind: KindSurvey},
		{name: "a link that is sent", lane: lane{terms: links}, found: present(unix.S_IFLNK, 1), deed: Enqueue, kind: KindSend},
		{name: "a link that is followed", lane: lane{terms: links}, found: present(unix.S_IFLNK, 1), work: Work{Way: Followed}, deed: Enqueue, kind: KindTree, way: Followed},
		{name: "a link nobody wants", found: present(unix.S_IFLNK, 1), deed: Settle},
		{name: "a device nobody wants", found: present(unix.S_IFBLK, 1), deed: Settle},
		{name: "a fifo nobody wants", found: present(unix.S_IFIFO, 1), deed: Settle},
		{name: "what is excluded", lane: lane{excluded: onlyDirs}, found: dir, deed: Settle},
		{name: "what hides a file of its name", lane: lane{excluded: onlyDirs}, found: dir, flags: dirty.Gone, deed: Enqueue, kind: KindDelete, way: Hiding},
		{name: "the same under the brake", lane: lane{excluded: onlyDirs, held: "held"}, found: dir, flags: dirty.Gone, deed: Settle},
		{name: "behind a link", found: fstree.Found{State: fstree.Obstructed, At: "l"}, deed: Instead, at: "l"},
		{name: "what cannot be looked at", found: fstree.Found{State: fstree.Unknown, Err: errors.New("EIO")}, deed: Failing},
		{name: "gone, for the first time", found: absent("d"), deed: LookTwice},
		{name: "gone", found: absent("d"), work: Work{Item: Item{Looked: true}}, deed: Enqueue, kind: KindDelete},
		{name: "gone with its directory", found: absent("up"), deed: Instead, at: "up"},
		{name: "gone, nothing is deleted", lane: lane{keep: true}, found: absent("d"), deed: Settle},
		{name: "gone under the brake", lane: lane{held: "held"}, found: absent("d"), work: Work{Item: Item{Looked: true}}, deed: KeepDeleted},
		{name: "gone, the remote refuses it", lane: lane{noDelete: true}, found: absent("d"), work: Work{Item: Item{Looked: true}}, deed: Failing},
		{name: "a tree gone", found: absent("d"), flags: dirty.Tree, work: Work{Item: Item{Looked: true}}, deed: Enqueue, kind: KindDelete},
		{name: "a tree gone that may hold what stays", lane: lane{spares: true}, found: absent("d"), flags: dirty.Tree, work: Work{Item: Item{Looked: true}}, deed: Enqueue, kind: KindSurvey},
		{name: "a tree gone that patterns guard", lane: lane{guarded: true}, found: absent("d"), flags: dirty.Tree, work: Work{Item: Item{Looked: true}}, deed: Enqueue, kind: KindSurvey, way: Sparing},
		{name: "a tree gone, with a filter", lane: lane{excluded: nothing}, found: absent("d"), flags: dirty.Tree, work: Work{Item: Item{Looked: true}}, deed: Enqueue, kind: KindSurvey},
		{name: "gone after a move, and may have been a tree, with a filter", lane: lane{excluded: nothing, left: true}, found: absent("d"), work: Work{Item: Item{Looked: true}}, deed: Enqueue, kind: KindSurvey},
		{name: "gone after a move, and may have been a tree", lane: lane{left: true}, found: absent("d"), work: Work{Item: Item{Looked: true}}, deed: Enqueue, kind: KindDelete},
		{name: "gone, and may have been a file", lane: lane{excluded: onlyDirs}, found: absent("d"), work: Work{Item: Item{Looked: true}}, deed: Enqueue, kind: KindSurvey},
		{name: "gone, and excluded", lane: lane{excluded: func(string, bool) bool { return true }}, found: absent("d"), work: Work{Item: Item{Looked: true}}, deed: Settle},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := c.work
			w.Path, w.Flags, w.Found, w.Taken = "d", c.flags, c.found, now
			s := c.lane.plan(w)
			if s.Deed != c.deed || s.Kind != c.kind || s.Work.Way != c.way || s.At != c.at {
				t.Errorf("%d in queue %d, way %d, at %q (%+v); want %d, %d, %d, %q", s.Deed, s.Kind, s.Work.Way, s.At, s.Why, c.deed, c.kind, c.way, c.at)
			}
			if s.Deed == Failing && (s.Why.Reason == "" || s.Work.Path != "d") {
				t.Errorf("fails without a reason: %+v", s)
			}
		})
	}
}

// A receiver that writes in place sets a file's time a moment after its last write.
func TestAFileThatMayBeWrittenInPlaceWaits(t *testing.T) {
	l := lane{terms: transport.Terms{Inplace: true}}
	found := present(unix.S_IFREG, 10)
	for age, wait := range map[time.Duration]bool{0: true, inPlaceQuiet: false, -time.Hour: false} {
		found.Stat.Ctim = unix.NsecToTimespec(now.Add(-age).UnixNano())
		s := l.plan(Work{Item: Item{Path: "f", Flags: dirty.Content}, Found: found, Taken: now})
		if waits := s.Deed == Postpone && s.Until.Equal(now.Add(inPlaceQuiet-age)); waits != wait {
			t.Errorf("changed %v ago: %+v", age, s)
		}
	}
}

// Where the remote mirrors back, a change whose event has not come yet may be an arrival.
func TestAPeersFileWaitsForItsEvent(t *testing.T) {
	for name, c := range map[string]struct {
		peer         bool
		flags        dirty.Flags
		placed, told time.Duration // how long before the look the file was placed, and its last event came
		written      time.Duration // how long before it was placed the file was written
		waits        bool
	}{
		"placed after the latest event":  {true, dirty.Content, 100 * time.Millisecond, time.Second, time.Second, true},
		"told":                           {true, dirty.Content, 100 * time.Millisecond, 50 * time.Millisecond, time.Second, false},
		"no event comes":                 {true, dirty.Content, untoldFor, time.Hour, time.Second, false},
		"simply written":                 {true, dirty.Content, 100 * time.Millisecond, time.Second, 0, false},
		"an arrival":                     {true, dirty.Arrival, 100 * time.Millisecond, time.Second, time.Second, false},
		"nobody mirrors back":            {false, dirty.Content, 100 * time.Millisecond, time.Second, time.Second, false},
		"the clock of the disk is wrong": {true, dirty.Content, -time.Hour, time.Second, time.Second, false},
	} {
		found := present(unix.S_IFREG, 10)
		found.Stat.Ctim = unix.NsecToTimespec(now.Add(-c.placed).UnixNano())
		found.Stat.Mtim = unix.NsecToTimespec(now.Add(-c.placed - c.written).UnixNano())
		s := lane{peer: c.peer}.plan(Work{Item: Item{Path: "f", Flags: c.flags, Last: now.Add(-c.told)}, Found: found, Taken: now})
		if waits := s.Deed == Postpone && s.Until.Equal(now.Add(untoldFor-c.placed)); waits != c.waits {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestAPathThatNoListCanHoldFails(t *testing.T) {
	s := lane{}.plan(Work{Item: Item{Path: strings.Repeat("x", unix.PathMax)}, Found: present(unix.S_IFREG, 1)})
	if s.Deed != Failing || !s.Why.Lasting {
		t.Errorf("%+v", s)
	}
}

// The old place of a moved file is remembered only where the remote can use it.
func TestWhatWasMoved(t *testing.T) {
	reuses := transport.Terms{Reuses: func(of, at string) bool { return of != "*" && at != "*" }}
	able, filtered := lane{terms: reuses}, lane{terms: reuses, excluded: func(string, bool) bool { return false }}
	tree, big, small := present(unix.S_IFDIR, 0), present(unix.S_IFREG, 1001), present(unix.S_IFREG, 1000)
	linked := present(unix.S_IFREG, 1001)
	linked.Stat.Nlink = 2
	for _, c := range []struct {
		name       string
		lane       lane
		found      fstree.Found
		path, from string
		flags      dirty.Flags
		entries    []string
		little     bool
		want       bool
	}{
		{name: "a tree", lane: able, found: tree, path: "b", from: "a", flags: dirty.Tree, want: true},
		{name: "a tree with few entries", lane: able, found: tree, path: "b", from: "a", flags: dirty.Tree, entries: []string{"b"}},
		{name: "a directory by itself", lane: able, found: tree, path: "b", from: "a"},
		{name: "a big file", lane: able, found: big, path: "b/f", from: "a/f", want: true},
		{name: "a big file, renamed", lane: able, found: big, path: "a/g", from: "a/f", want: true},
		{name: "a big file, renamed in the root, under a name that cannot be given", lane: able, found: big, path: "*", from: "g", want: true},
		{name: "a big file, renamed and moved", lane: able, found: big, path: "b/g", from: "a/f"},
		{name: "a big file of several names", lane: able, found: linked, path: "b/f", from: "a/f"},
		{name: "a small file", lane: able, found: small, path: "b/f", from: "a/f"},
		{name: "from a name that cannot be given", lane: able, found: tree, path: "b", from: "*", flags: dirty.Tree},
		{name: "to a name that cannot be given", lane: able, found: tree, path: "*", from: "a", flags: dirty.Tree},
		{name: "in another's place", lane: able, found: tree, path: "b", from: "a", flags: dirty.Tree | dirty.Gone},
		{name: "found by a scan, too", lane: able, found: tree, path: "b", from: "a", flags: dirty.Tree | dirty.Unsure},
		{name: "gone again", lane: able, found: absent("b"), path: "b", from: "a", flags: dirty.Tree},
		{name: "excluded", lane: lane{terms: reuses, excluded: func(p string, _ bool) bool { return p == "b" }}, found: tree, path: "b", from: "a", flags: dirty.Tree},
		{name: "from an excluded place", lane: lane{terms: reuses, excluded: func(p string, _ bool) bool { return p == "a" }}, found: tree, path: "b", from: "a", flags: dirty.Tree},
		{name: "a tree, with a filter", lane: filtered, found: tree, path: "b", from: "a", flags: dirty.Tree, want: true},
		{name: "a big file, with a filter", lane: filtered, found: big, path: "b/f", from: "a/f", want: true},
		{name: "a tree that holds little, with a filter", lane: filtered, found: tree, path: "b", from: "a", flags: dirty.Tree, little: true},
		{name: "large files have hours", lane: lane{terms: reuses, large: 5}, found: tree, path: "b", from: "a", flags: dirty.Tree},
		{name: "unknown there", lane: lane{terms: reuses, unknown: true}, found: tree, path: "b", from: "a", flags: dirty.Tree},
		{name: "nothing is deleted", lane: lane{terms: reuses, keep: true}, found: tree, path: "b", from: "a", flags: dirty.Tree},
		{name: "the remote deletes nothing", lane: lane{terms: reuses, noDelete: true}, found: tree, path: "b", from: "a", flags: dirty.Tree},
		{name: "not for this remote", found: tree, path: "b", from: "a", flags: dirty.Tree},
	} {
		w := Work{Item: Item{Path: c.path, From: c.from, Flags: c.flags}, Found: c.found, Taken: now, Entries: c.entries, Little: c.little}
		if s := c.lane.plan(w); (s.Work.From != "") != c.want {
			t.Errorf("%s: from %q, want it: %v", c.name, s.Work.From, c.want)
		}
	}
}

// A deletion waits until what has moved away from its place has arrived.
func TestADeletionWaitsForAMove(t *testing.T) {
	l := lane{awaited: true}
	for _, at := range []string{"d", "up"} {
		if s := l.plan(Work{Item: Item{Path: "d", Looked: true}, Found: absent(at)}); s.Deed != Postpone || !s.Work.Looked || !s.Until.After(now) {
			t.Errorf("gone with %s: %+v", at, s)
		}
	}
	if l.keep = true; l.plan(Work{Item: Item{Path: "d"}, Found: absent("d")}).Deed != Settle {
		t.Error("a deletion waits in a lane that deletes nothing")
	}
}
