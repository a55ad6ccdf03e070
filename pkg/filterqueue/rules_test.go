package filterqueue

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fsevent"
)

// record is a sink and a plugin that write down every mark and every notice.
type record struct{ marks, notes []string }

func (r *record) Mark(path string, f dirty.Flags) {
	r.marks = append(r.marks, fmt.Sprintf("%s %s", path, flagNames(f)))
}

func (r *record) MarkMoved(path, from string, f dirty.Flags) {
	r.Mark(path, f)
	r.marks = append(r.marks, path+" from "+from)
}

func (r *record) notify(n Notice) {
	r.notes = append(r.notes, fmt.Sprintf("%s dir=%v deleted=%v %d", n.Path, n.Dir, n.Deleted, n.Op))
}

func flagNames(f dirty.Flags) string {
	out := ""
	for i, name := range []string{"T", "C", "G", "X", "A", "U"} {
		if f&(1<<i) != 0 {
			out += name
		}
	}
	return out
}

// TestRulesForEverySwitchCombination compares the whole table with one sentence for each rule, for
// all 256 settings of the switches.
func TestRulesForEverySwitchCombination(t *testing.T) {
	for bits := range 256 {
		on := func(i int) bool { return bits&(1<<i) != 0 }
		sw := confxml.Switches{
			Delete: on(0), CreateFolder: on(1), CreateFile: on(2), CloseWrite: on(3),
			MoveFrom: on(4), MoveTo: on(5), Attrib: on(6), Modify: on(7),
		}
		for _, c := range []struct {
			e    fsevent.Event
			on   bool
			want string
		}{
			{fsevent.Event{Path: "f", Op: fsevent.Create}, sw.CreateFile, "f C"},
			{fsevent.Event{Path: "f", Op: fsevent.CloseWrite}, sw.CloseWrite, "f C"},
			{fsevent.Event{Path: "f", Op: fsevent.Modify}, sw.Modify, "f C"},
			{fsevent.Event{Path: "f", Op: fsevent.Attrib}, sw.Attrib, "f "},
			{fsevent.Event{Path: "f", Op: fsevent.MovedTo}, sw.MoveTo, "f C"},
			{fsevent.Event{Path: "f", Op: fsevent.MovedTo, Arrived: true}, sw.MoveTo, "f A"},
			{fsevent.Event{Path: "f", Op: fsevent.Delete}, sw.Delete, "f G"},
			{fsevent.Event{Path: "f", Op: fsevent.MovedFrom}, sw.MoveFrom && sw.Delete, "f G"},
			{fsevent.Event{Path: "d", Op: fsevent.Create, Dir: true, Covered: true}, sw.CreateFolder, "d T"},
			{fsevent.Event{Path: "d", Op: fsevent.Create, Dir: true}, false, ""},
			{fsevent.Event{Path: "d", Op: fsevent.MovedTo, Dir: true, Covered: true}, sw.MoveTo, "d TC"},
			{fsevent.Event{Path: "d", Op: fsevent.MovedTo, Dir: true}, false, ""},
			{fsevent.Event{Path: "d", Op: fsevent.Attrib, Dir: true}, sw.Attrib, "d "},
			{fsevent.Event{Path: "d", Op: fsevent.Delete, Dir: true}, sw.Delete, "d TG"},
			{fsevent.Event{Path: "d", Op: fsevent.MovedFrom, Dir: true}, sw.MoveFrom && sw.Delete, "d TG"},
			{fsevent.Event{Path: "", Op: fsevent.Attrib, Dir: true}, sw.Attrib, " "},
			{fsevent.Event{Path: "", Op: fsevent.Delete, Dir: true}, false, ""},
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
		events   []fsevent.Event
		want     string
		stats    QueueStats
	}{
		{"temp file", false, []fsevent.Event{{Path: "d/x~", Op: fsevent.CloseWrite}}, "[]", QueueStats{Events: 1, Temp: 1}},
		{"dot file", false, []fsevent.Event{{Path: ".x", Op: fsevent.Delete}}, "[]", QueueStats{Events: 1, Temp: 1}},
		{"dot file brought back", true, []fsevent.Event{{Path: ".x", Op: fsevent.CloseWrite}}, "[.x C]", QueueStats{Events: 1}},
		{
			"editor files stay out", true,
			[]fsevent.Event{{Path: ".x~", Op: fsevent.CloseWrite}, {Path: "4913", Op: fsevent.CloseWrite}},
			"[]", QueueStats{Events: 2, Temp: 2},
		},
		{
			"temp names of directories count", false,
			[]fsevent.Event{{Path: ".git", Op: fsevent.Create, Dir: true, Covered: true}, {Path: ".git/x", Op: fsevent.CloseWrite}},
			"[.git T .git/x C]", QueueStats{Events: 2},
		},
		{
			"temp renamed to real", false,
			[]fsevent.Event{{Path: ".f.X1", Op: fsevent.MovedFrom}, {Path: "f", Op: fsevent.MovedTo}},
			"[f C]", QueueStats{Events: 2, Temp: 1},
		},
		{
			"real renamed to temp", false,
			[]fsevent.Event{{Path: "f", Op: fsevent.MovedFrom}, {Path: "f~", Op: fsevent.MovedTo}},
			"[f G]", QueueStats{Events: 2, Temp: 1},
		},
		{
			"excluded", false,
			[]fsevent.Event{
				{Path: "a.gz", Op: fsevent.CloseWrite},
				{Path: "skip/x", Op: fsevent.Delete},
				{Path: "skip", Op: fsevent.Delete, Dir: true},
				{Path: "skip", Op: fsevent.Delete},
			},
			"[skip G]", QueueStats{Events: 4, Excluded: 3},
		},
		{"not selected", false, []fsevent.Event{{Path: "f", Op: fsevent.Attrib}}, "[]", QueueStats{Events: 1, Unselected: 1}},
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
	for _, e := range []fsevent.Event{
		{Path: "d", Op: fsevent.Create, Dir: true},
		{Path: "d", Op: fsevent.Create, Dir: true, Covered: true},
		{Path: "d/f", Op: fsevent.CloseWrite},
		{Path: "d/f", Op: fsevent.MovedFrom},
		{Path: "g", Op: fsevent.MovedTo},
		{Path: "g", Op: fsevent.Delete},
		{Path: "g~", Op: fsevent.CloseWrite},
	} {
		q.Event(e)
	}
	want := []string{
		fmt.Sprintf("d dir=true deleted=false %d", fsevent.Create),
		fmt.Sprintf("d/f dir=false deleted=false %d", fsevent.CloseWrite),
		fmt.Sprintf("d/f dir=false deleted=true %d", fsevent.MovedFrom),
		fmt.Sprintf("g dir=false deleted=false %d", fsevent.MovedTo),
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
	d := dirty.New(time.Now(), dirty.Limits{})
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
		q.Event(fsevent.Event{Path: name, Op: fsevent.Create})
		q.Event(fsevent.Event{Path: name, Op: fsevent.CloseWrite})
	}
}

type lane struct{ d *dirty.Set }

func (l lane) Mark(path string, f dirty.Flags) { l.d.Mark(path, f, time.Now()) }

func (l lane) MarkMoved(path, from string, f dirty.Flags) {
	l.d.Moves().Mark(path, from, f, time.Now())
}

// TestWhatIsToldOfAMove: a lane is told the old place of a moved entry if the deletion at that
// place was marked, too.
func TestWhatIsToldOfAMove(t *testing.T) {
	all, keeps := defaults, defaults
	keeps.Delete = false
	filter, _ := compile(t, "skip")
	for _, c := range []struct {
		e    fsevent.Event
		sw   confxml.Switches
		told bool
	}{
		{fsevent.Event{Path: "b", From: "a"}, all, true},
		{fsevent.Event{Path: "b", From: "a", Dir: true, Covered: true}, all, true},
		{fsevent.Event{Path: "b", From: "a"}, keeps, false},
		{fsevent.Event{Path: "b", From: "skip"}, all, false},
		{fsevent.Event{Path: "b", From: "a~"}, all, false},
		{fsevent.Event{Path: "b", From: ".b.AbC1yz", Arrived: true}, all, false},
		{fsevent.Event{Path: "b"}, all, false},
	} {
		var r record
		c.e.Op = fsevent.MovedTo
		New(Options{Switches: c.sw, Filter: filter, Sinks: []Sink{&r}}).Event(c.e)
		if told := len(r.marks) == 2; told != c.told || len(r.marks) == 0 {
			t.Errorf("%+v: %q", c.e, r.marks)
		}
	}
}
