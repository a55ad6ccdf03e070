package backlog

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/change"
)

func at(n int) Mark { return Mark{Sequence: uint64(n), Generation: uint64(n)} }

func small(path string) change.Entry {
	return change.Entry{Path: path, State: change.File, Content: []byte("x"), Size: 1}
}
func large(path string) change.Entry {
	return change.Entry{Path: path, State: change.File, Fetch: true, Size: 1 << 20}
}
func dir(path string) change.Entry    { return change.Entry{Path: path, State: change.Dir} }
func absent(path string) change.Entry { return change.Entry{Path: path, State: change.Gone} }
func tree(path string) change.Entry   { return change.Entry{Path: path, State: change.Tree} }

// locals takes every entry that can be applied now.
func locals(b *Backlog) (all []string) {
	for {
		i, ok := b.Local()
		if !ok {
			return all
		}
		word := i.Entry.State.String() + " " + i.Path()
		if i.Wipe {
			word += " wiped"
		}
		all = append(all, word)
	}
}

func fetches(b *Backlog) (items []*Item, names []string) {
	items = b.Fetch(100)
	for _, i := range items {
		names = append(names, i.Path())
	}
	return items, names
}

func TestWhatIsLaterCounts(t *testing.T) {
	for _, c := range []struct {
		name    string
		entries []change.Entry
		local   string
		fetch   string
	}{
		{"one file twice", []change.Entry{small("a"), small("a")}, "file a", ""},
		{"small, then large", []change.Entry{small("a"), large("a")}, "", "a"},
		{"large, then small", []change.Entry{large("a"), small("a")}, "file a", ""},
		{"gone, then there", []change.Entry{absent("a"), small("a")}, "file a", ""},
		{"there, then gone", []change.Entry{large("a"), absent("a")}, "gone a", ""},
		{"a directory made anew", []change.Entry{absent("d"), dir("d"), small("d/f")}, "dir d wiped,file d/f", ""},
		{"what was in a directory that is gone", []change.Entry{dir("d"), small("d/f"), large("d/g"), absent("d")}, "gone d", ""},
		{"a file where a directory was", []change.Entry{small("d/f"), large("d/g"), small("d")}, "file d", ""},
		{"a directory says nothing of what is in it", []change.Entry{small("d/f"), large("d/g"), dir("d")}, "file d/f,dir d", "d/g"},
		{"a comparison covers what is to be fetched", []change.Entry{large("d/f"), tree("d"), large("d/g")}, "", "d"},
		{"a comparison removes nothing by itself", []change.Entry{absent("d/f"), tree("d"), absent("d/g")}, "gone d/f,gone d/g", "d"},
		{"a comparison within another", []change.Entry{tree(""), tree("d")}, "", ""},
		{"names that only begin alike", []change.Entry{large("d/f"), absent("d/f2"), absent("d"), small("d2/f")}, "gone d,file d2/f", ""},
	} {
		b := New(Limits{})
		for n, e := range c.entries {
			b.Put(e, at(n+1))
		}
		if c.name == "names that only begin alike" {
			c.local = "gone d,file d2/f"
		}
		if got := strings.Join(locals(b), ","); got != c.local {
			t.Errorf("%s: applied %q, want %q", c.name, got, c.local)
		}
		if _, got := fetches(b); strings.Join(got, ",") != c.fetch {
			t.Errorf("%s: fetched %q, want %q", c.name, got, c.fetch)
		}
	}
}

// While a path is being fetched, nothing at, above or below it is applied.
func TestFlightsAreNotOvertaken(t *testing.T) {
	for _, c := range []struct {
		flight change.Entry
		entry  change.Entry
		waits  bool
	}{
		{large("d/f"), small("d/f"), true},
		{large("d/f"), absent("d/f"), true},
		{large("d/f"), absent("d"), true},
		{large("d/f"), dir("d"), true},
		{large("d/f"), small("d"), true},
		{large("d/f"), small("d/g"), false},
		{large("d/f"), small("e"), false},
		{tree("d"), small("d/f"), true},
		{tree("d"), absent("d/x/y"), true},
		{tree("d"), dir("d"), true},
		{tree(""), small("f"), true},
		{tree("d"), small("e"), false},
	} {
		b := New(Limits{})
		b.Put(c.flight, at(1))
		items, _ := fetches(b)
		b.Put(c.entry, at(2))
		name := fmt.Sprintf("%v %q while %v %q flies", c.entry.State, c.entry.Path, c.flight.State, c.flight.Path)
		if got := len(locals(b)); got != map[bool]int{true: 0, false: 1}[c.waits] {
			t.Errorf("%s: %d are applied", name, got)
		}
		if m, ok := b.Oldest(); !ok || m != at(1) {
			t.Errorf("%s: the oldest is %v, %v", name, m, ok)
		}
		b.Landed(items[0])
		if got := len(locals(b)); got != map[bool]int{true: 1, false: 0}[c.waits] {
			t.Errorf("%s: after it %d are applied", name, got)
		}
		if b.Len() != 0 {
			t.Errorf("%s: %d are left", name, b.Len())
		}
	}
}

func TestFailuresWait(t *testing.T) {
	now := time.Unix(1000, 0)
	b := New(Limits{})
	b.Put(large("a"), at(1))
	b.Put(large("b"), at(2))
	items, _ := fetches(b)
	for _, i := range items {
		i.Attempt = 2
		b.Failed(i, now.Add(time.Minute))
	}
	if b.Failing() != 2 {
		t.Errorf("%d fail", b.Failing())
	}
	if next := b.Wake(now); !next.Equal(now.Add(time.Minute)) {
		t.Errorf("next %v", next)
	}
	if _, got := fetches(b); got != nil {
		t.Errorf("fetched %q too early", got)
	}
	b.Put(large("b"), at(3)) // a newer message about the path does not wait
	if _, got := fetches(b); !slices.Equal(got, []string{"b"}) {
		t.Errorf("fetched %q", got)
	}
	b.Wake(now.Add(time.Minute))
	if _, got := fetches(b); !slices.Equal(got, []string{"a"}) {
		t.Errorf("fetched %q", got)
	}
}

// A path that has failed more than once is fetched alone: it may be the one that breaks the run.
func TestCulpritsComeAlone(t *testing.T) {
	b := New(Limits{})
	for _, path := range []string{"a", "b", "c"} {
		b.Put(large(path), at(1))
	}
	items, _ := fetches(b)
	for _, i := range items {
		if i.Path() == "b" {
			i.Attempt = 2
		}
		b.Failed(i, time.Time{})
	}
	b.Wake(time.Unix(1, 0))
	var runs []string
	for {
		_, names := fetches(b)
		if names == nil {
			break
		}
		runs = append(runs, strings.Join(names, "+"))
	}
	if !slices.Equal(runs, []string{"a", "b", "c"}) {
		t.Errorf("runs %q", runs)
	}
}

func TestBounds(t *testing.T) {
	b := New(Limits{Paths: 10, Content: 5})
	b.Put(tree("keeps"), at(1))
	items, _ := fetches(b)
	for n := range 1000 {
		b.Put(small(fmt.Sprint("keeps/", n)), at(n+2))
		if b.Len() > 12 || b.content > 5 {
			t.Fatalf("%d paths, %d bytes", b.Len(), b.content)
		}
	}
	b.Landed(items[0])
	items, names := fetches(b)
	if !slices.Equal(names, []string{""}) {
		t.Fatalf("fetched %q", names)
	}
	if items[0].Since.Sequence > 12 || items[0].Needs != 1001 {
		t.Errorf("%+v", items[0])
	}
	for n := range 20 {
		b.Put(absent(fmt.Sprint(n)), at(2000))
	}
	if !b.Full() {
		t.Error("removals without end are taken")
	}
	b.Landed(items[0])
	locals(b)
	if b.Full() || b.Len() != 0 {
		t.Errorf("%d are left", b.Len())
	}
}

// model is a tree: its paths, and at each one "/" for a directory or a version of a file.
type model map[string]string

func (m model) apply(e change.Entry, version string) {
	switch e.State {
	case change.Gone:
		m.clear(e.Path)
		delete(m, e.Path)
	case change.Dir:
		if m[e.Path] != "/" {
			m[e.Path] = "/"
		}
	case change.File:
		m.clear(e.Path)
		m[e.Path] = version
	}
	up(e.Path, func(dir string) bool {
		if dir != "" && dir != e.Path && e.State != change.Gone {
			m[dir] = "/"
		}
		return true
	})
}

func (m model) clear(path string) {
	for p := range m {
		if isBelow(p, path) {
			delete(m, p)
		}
	}
}

// fetch copies a path from another model as rsync does: it deletes nothing except what is in the
// way of a file.
func (m model) fetch(from model, e change.Entry) {
	for p, v := range from {
		if p != e.Path && (e.State != change.Tree || !isBelow(p, e.Path)) || e.State == change.File && v == "/" {
			continue
		}
		kind := change.File
		if v == "/" {
			kind = change.Dir
		}
		m.apply(change.Entry{Path: p, State: kind}, v)
	}
}

// TestAnyOrderEndsAlike makes random changes at a source. Their messages arrive late, and meanwhile
// runs take their time, fail, and are forgotten by a restart. At the end the edge equals the
// source.
func TestAnyOrderEndsAlike(t *testing.T) {
	names := []string{"a", "b", "a/a", "a/b", "b/a", "a/a/a", "a/a/b"}
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 1))
		source, edge := model{}, model{}
		b := New(Limits{Paths: 3 + r.IntN(30), Content: 3})
		type message struct {
			e       change.Entry
			version string
		}
		var stream []message
		version := map[string]string{} // the version of each small file, by the sequence of its message
		read := 0
		var flying []*Item
		step := func(changes bool) {
			switch k := r.IntN(10); {
			case k < 4 && changes:
				path := names[r.IntN(len(names))]
				parent := path[:max(0, strings.LastIndexByte(path, '/'))]
				v := fmt.Sprint(len(stream))
				var es []change.Entry
				switch r.IntN(6) {
				case 0:
					es = []change.Entry{absent(path)}
				case 1:
					es = []change.Entry{dir(path)}
					if source[path] != "/" {
						es = []change.Entry{absent(path), dir(path)}
					}
				case 2, 3:
					es = []change.Entry{large(path)}
				default:
					es = []change.Entry{small(path)}
				}
				if es[0].State != change.Gone || len(es) > 1 {
					if parent != "" && source[parent] != "/" {
						return
					}
				} else if _, ok := source[path]; !ok {
					return
				}
				for _, e := range es {
					if e.Content != nil {
						e.Content = []byte("v")
						e.ModTime = int64(len(stream))
					}
					source.apply(e, v)
					stream = append(stream, message{e, v})
					version[fmt.Sprint(e.ModTime)] = v
				}
			case k < 7 && read < len(stream) && !b.Full():
				b.Put(stream[read].e, at(read+1))
				read++
			case k < 8:
				for {
					i, ok := b.Local()
					if !ok {
						break
					}
					if r.IntN(10) == 0 {
						i.Attempt++
						b.Return(i, time.Unix(int64(r.IntN(2)), 0))
						continue
					}
					if i.Wipe {
						edge.apply(absent(i.Path()), "")
					}
					edge.apply(i.Entry, version[fmt.Sprint(i.Entry.ModTime)])
				}
			case k < 9:
				flying = append(flying, b.Fetch(1+r.IntN(5))...)
				if r.IntN(2) == 0 {
					for _, i := range flying { // a slow run: it has read the source early
						edge.fetch(source, i.Entry)
					}
				}
			default:
				for _, i := range flying {
					if r.IntN(4) == 0 {
						i.Attempt++
						b.Failed(i, time.Unix(1, 0))
						continue
					}
					edge.fetch(source, i.Entry)
					b.Landed(i)
				}
				flying = nil
				b.Wake(time.Unix(2, 0))
			}
			if r.IntN(40) == 0 && flying == nil {
				remembered := b.Remember(r.IntN(8))
				b = New(b.limits)
				for _, i := range remembered {
					b.Restore(i)
				}
			}
		}
		for range 300 {
			step(true)
		}
		for n := 0; read < len(stream) || b.Len() > 0; n++ {
			step(false)
			if n > 100_000 {
				t.Fatalf("seed %d: %d paths never end", seed, b.Len())
			}
		}
		if !maps.Equal(source, edge) {
			t.Fatalf("seed %d:\n%v at the source\n%v at the edge", seed, source, edge)
		}
		if b.content != 0 || b.wipes != 0 || len(b.waitingBelow) != 0 || len(b.flyingBelow) != 0 {
			t.Fatalf("seed %d: %d bytes, %d removals, %v, %v", seed, b.content, b.wipes, b.waitingBelow, b.flyingBelow)
		}
	}
}
