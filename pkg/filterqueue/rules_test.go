package filterqueue

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/inotify"
)

// record is a sink and a plugin that write down what they are told.
type record struct{ marks, notes []string }

func (r *record) Mark(path string, f Flags) {
	r.marks = append(r.marks, fmt.Sprintf("%s %s", path, flagNames(f)))
}

func (r *record) notify(n Notice) {
	r.notes = append(r.notes, fmt.Sprintf("%s dir=%v deleted=%v %#x", n.Path, n.Dir, n.Deleted, n.Mask))
}

func flagNames(f Flags) string {
	out := ""
	for i, name := range []string{"T", "C", "G", "X"} {
		if f&(1<<i) != 0 {
			out += name
		}
	}
	return out
}

// TestRulesForEverySwitchCombination holds the whole table against the rules
// as one sentence each, for all 256 settings of the switches.
func TestRulesForEverySwitchCombination(t *testing.T) {
	for bits := range 256 {
		on := func(i int) bool { return bits&(1<<i) != 0 }
		sw := confxml.Switches{
			Delete: on(0), CreateFolder: on(1), CreateFile: on(2), CloseWrite: on(3),
			MoveFrom: on(4), MoveTo: on(5), Attrib: on(6), Modify: on(7),
		}
		for _, c := range []struct {
			e    inotify.Event
			on   bool
			want string
		}{
			{inotify.Event{Path: "f", Op: inotify.Create}, sw.CreateFile, "f C"},
			{inotify.Event{Path: "f", Op: inotify.CloseWrite}, sw.CloseWrite, "f C"},
			{inotify.Event{Path: "f", Op: inotify.Modify}, sw.Modify, "f C"},
			{inotify.Event{Path: "f", Op: inotify.Attrib}, sw.Attrib, "f "},
			{inotify.Event{Path: "f", Op: inotify.MovedTo}, sw.MoveTo, "f C"},
			{inotify.Event{Path: "f", Op: inotify.Delete}, sw.Delete, "f G"},
			{inotify.Event{Path: "f", Op: inotify.MovedFrom}, sw.MoveFrom && sw.Delete, "f G"},
			{inotify.Event{Path: "d", Op: inotify.Create, Dir: true, Covered: true}, sw.CreateFolder, "d T"},
			{inotify.Event{Path: "d", Op: inotify.Create, Dir: true}, false, ""},
			{inotify.Event{Path: "d", Op: inotify.MovedTo, Dir: true, Covered: true}, sw.MoveTo, "d TC"},
			{inotify.Event{Path: "d", Op: inotify.MovedTo, Dir: true}, false, ""},
			{inotify.Event{Path: "d", Op: inotify.Attrib, Dir: true}, sw.Attrib, "d "},
			{inotify.Event{Path: "d", Op: inotify.Delete, Dir: true}, sw.Delete, "d TG"},
			{inotify.Event{Path: "d", Op: inotify.MovedFrom, Dir: true}, sw.MoveFrom && sw.Delete, "d TG"},
			{inotify.Event{Path: "", Op: inotify.Attrib, Dir: true}, sw.Attrib, " "},
			{inotify.Event{Path: "", Op: inotify.Delete, Dir: true}, false, ""},
		} {
			var r record
			New(Options{Switches: sw, Sinks: []Sink{&r, &r}}).Event(c.e)
			switch {
			case !c.on && len(r.marks) > 0:
				t.Fatalf("%+v with %+v marked %q", c.e, sw, r.marks)
			case c.on && (len(r.marks) != 2 || r.marks[0] != c.want || r.marks[1] != c.want):
				t.Fatalf("%+v with %+v marked %q, want %q in both lanes", c.e, sw, r.marks, c.want)
			}
		}
	}
}

// defaults are the switches of the shipped configuration.
var defaults = confxml.Switches{
	Delete: true, CreateFolder: true, CloseWrite: true, MoveFrom: true, MoveTo: true,
}

func TestQueueNames(t *testing.T) {
	filter, problems := compile(t, `(.*)\.gz`, `skip/`)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, c := range []struct {
		name     string
		dotFiles bool
		events   []inotify.Event
		want     string
		stats    QueueStats
	}{
		{"temp file", false, []inotify.Event{{Path: "d/x~", Op: inotify.CloseWrite}}, "[]", QueueStats{Events: 1, Temp: 1}},
		{"dot file", false, []inotify.Event{{Path: ".x", Op: inotify.Delete}}, "[]", QueueStats{Events: 1, Temp: 1}},
		{"dot file brought back", true, []inotify.Event{{Path: ".x", Op: inotify.CloseWrite}}, "[.x C]", QueueStats{Events: 1}},
		{
			"editor files stay out", true,
			[]inotify.Event{{Path: ".x~", Op: inotify.CloseWrite}, {Path: "4913", Op: inotify.CloseWrite}},
			"[]", QueueStats{Events: 2, Temp: 2},
		},
		{
			"temp names of directories count", false,
			[]inotify.Event{{Path: ".git", Op: inotify.Create, Dir: true, Covered: true}, {Path: ".git/x", Op: inotify.CloseWrite}},
			"[.git T .git/x C]", QueueStats{Events: 2},
		},
		{
			"temp renamed to real", false,
			[]inotify.Event{{Path: ".f.X1", Op: inotify.MovedFrom}, {Path: "f", Op: inotify.MovedTo}},
			"[f C]", QueueStats{Events: 2, Temp: 1},
		},
		{
			"real renamed to temp", false,
			[]inotify.Event{{Path: "f", Op: inotify.MovedFrom}, {Path: "f~", Op: inotify.MovedTo}},
			"[f G]", QueueStats{Events: 2, Temp: 1},
		},
		{
			"excluded", false,
			[]inotify.Event{
				{Path: "a.gz", Op: inotify.CloseWrite},
				{Path: "skip/x", Op: inotify.Delete},
				{Path: "skip", Op: inotify.Delete, Dir: true},
				{Path: "skip", Op: inotify.Delete},
			},
			"[skip G]", QueueStats{Events: 4, Excluded: 3},
		},
		{"not selected", false, []inotify.Event{{Path: "f", Op: inotify.Attrib}}, "[]", QueueStats{Events: 1, Unselected: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r record
			q := New(Options{Switches: defaults, DotFiles: c.dotFiles, Filter: filter, Sinks: []Sink{&r}})
			for _, e := range c.events {
				q.Event(e)
			}
			if got := fmt.Sprint(r.marks); got != c.want {
				t.Errorf("marked %s, want %s", got, c.want)
			}
			if got := q.Stats(); got != c.stats {
				t.Errorf("stats %+v, want %+v", got, c.stats)
			}
		})
	}
}

func TestQueueNotifiesPluginsWithoutLanes(t *testing.T) {
	var r record
	sw := defaults
	sw.Delete = false
	q := New(Options{Switches: sw, Notify: r.notify})
	for _, e := range []inotify.Event{
		{Path: "d", Op: inotify.Create, Dir: true},
		{Path: "d", Op: inotify.Create, Dir: true, Covered: true},
		{Path: "d/f", Op: inotify.CloseWrite},
		{Path: "d/f", Op: inotify.MovedFrom},
		{Path: "g", Op: inotify.MovedTo},
		{Path: "g", Op: inotify.Delete},
		{Path: "g~", Op: inotify.CloseWrite},
	} {
		q.Event(e)
	}
	want := []string{
		fmt.Sprintf("d dir=true deleted=false %#x", unix.IN_CREATE|unix.IN_ISDIR),
		fmt.Sprintf("d/f dir=false deleted=false %#x", unix.IN_CLOSE_WRITE),
		fmt.Sprintf("d/f dir=false deleted=true %#x", unix.IN_MOVED_FROM),
		fmt.Sprintf("g dir=false deleted=false %#x", unix.IN_MOVED_TO),
	}
	if fmt.Sprint(r.notes) != fmt.Sprint(want) {
		t.Errorf("told %q, want %q", r.notes, want)
	}
}

func TestQueueSkip(t *testing.T) {
	filter, _ := compile(t, `skip/`, `(.*)\.gz`)
	sw := defaults
	q := New(Options{Switches: sw, Filter: filter})
	sw.CreateFolder = false
	ignoring := New(Options{Switches: sw, Filter: filter})
	for _, c := range []struct {
		q             *Queue
		rel           string
		dir, appeared bool
		want          bool
	}{
		{q, "", true, false, false},
		{q, "d", true, true, false},
		{q, ".git", true, true, false},
		{q, "skip", true, false, true},
		{q, "skip/below", true, false, true},
		{q, "x.gz", false, false, true},
		{q, "x~", false, false, true},
		{q, "x", false, false, false},
		{ignoring, "d", true, true, true},
		{ignoring, "d", true, false, false},
		{ignoring, "f", false, true, false},
		{ignoring, "", true, true, false},
	} {
		if got := c.q.Skip(c.rel, c.dir, c.appeared); got != c.want {
			t.Errorf("Skip(%q, %v, %v) = %v", c.rel, c.dir, c.appeared, got)
		}
	}
}

func BenchmarkQueueEvent(b *testing.B) {
	d := NewDirty()
	q := New(Options{Switches: defaults, Sinks: []Sink{lane{d}}})
	names := make([]string, 10_000)
	for i := range names {
		names[i] = fmt.Sprintf("srv/www/%d/file-%d", i/100, i)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = q.Run(ctx) })
	defer func() { cancel(); wg.Wait() }()
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		name := names[i%len(names)]
		q.Event(inotify.Event{Path: name, Op: inotify.Create})
		q.Event(inotify.Event{Path: name, Op: inotify.CloseWrite})
	}
}

type lane struct{ d *Dirty }

func (l lane) Mark(path string, f Flags) { l.d.Mark(path, f, t0) }
