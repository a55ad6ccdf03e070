package notify

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sersync/sersync/pkg/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func every() map[Event]bool { return map[Event]bool{Lane: true, Brake: true, Verify: true} }

// lane is a lane with this level at the time now.
func lane(level status.Level, now time.Time) status.Lane {
	l := status.Lane{ID: "/d#r::m", Root: "/d", Remote: "r::m", State: status.LaneInSync}
	switch level {
	case status.Lagging:
		l.State, l.Pending, l.OldestPending = status.LaneSyncing, 1, now.Add(-time.Hour)
	case status.Failing:
		l.State, l.Reason, l.Remedy = status.LaneBackingOff, "the remote refuses the connection", "start it"
	}
	return l
}

func snapshot(after time.Duration, lanes ...status.Lane) status.Snapshot {
	return status.Snapshot{Ready: true, Host: "h", ConfigFile: "c.xml", Now: start.Add(after), Lanes: lanes}
}

// TestLaneRules plays levels, one letter a second (i in sync, l lagging, f failing), and compares
// the messages: their second, status and level.
func TestLaneRules(t *testing.T) {
	tests := []struct {
		name          string
		level         status.Level
		after, repeat time.Duration
		play          string
		want          string
	}{
		{"nothing", status.Failing, 3 * time.Second, 0, "iiiiiiii", ""},
		{"short trouble", status.Failing, 3 * time.Second, 0, "iifffiii", ""},
		{"trouble that stays", status.Failing, 3 * time.Second, 0, "iifffffi", "5 problem failing"},
		{"and is over", status.Failing, 3 * time.Second, 0, "ffffiiii", "3 problem failing|7 over in sync"},
		{"a short improvement is none", status.Failing, 3 * time.Second, 0, "ffffiifffff", "3 problem failing"},
		{"lagging is no trouble", status.Failing, 2 * time.Second, 0, "llllll", ""},
		{"failing to lagging is over", status.Failing, 2 * time.Second, 0, "fffllll", "2 problem failing|5 over lagging"},
		{"lagging is one", status.Lagging, 2 * time.Second, 0, "llllll", "2 problem lagging"},
		{"worse while waiting counts from the start of each", status.Lagging, 3 * time.Second, 0, "llffffff", "5 problem failing"},
		{"lagging, then failing", status.Lagging, 2 * time.Second, 0, "lllffff", "2 problem lagging|5 problem failing"},
		{"failing, then lagging, then over", status.Lagging, 2 * time.Second, 0, "fffllliii", "2 problem failing|5 problem lagging|8 over in sync"},
		{"flapping between two troubles", status.Lagging, 3 * time.Second, 0, "flflflf", "3 problem lagging"},
		{"at once", status.Failing, 0, 0, "ifi", "1 problem failing|2 over in sync"},
		{"repeated", status.Failing, 0, 2 * time.Second, "ffffffi", "0 problem failing|2 repeat failing|4 repeat failing|6 over in sync"},
		{"not repeated while it seems over", status.Failing, 3 * time.Second, 3 * time.Second, "ffffffiiii", "3 problem failing|9 over in sync"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := NewJudge(Rules{Level: tt.level, After: tt.after, Repeat: tt.repeat, Events: every()})
			var got []string
			for i, letter := range tt.play {
				level := status.Level(strings.IndexRune("ilf", letter))
				at := time.Duration(i) * time.Second
				for _, m := range j.Look(snapshot(at, lane(level, start.Add(at)))) {
					got = append(got, fmt.Sprintf("%d %s %s", i, m.Status, m.Level))
				}
			}
			if s := strings.Join(got, "|"); s != tt.want {
				t.Errorf("told %q, want %q", s, tt.want)
			}
		})
	}
}

func TestMessageOfALane(t *testing.T) {
	j := NewJudge(Rules{Level: status.Failing, After: time.Second, Repeat: time.Hour, Events: every()})
	j.Look(snapshot(0, lane(status.Failing, start)))
	got := j.Look(snapshot(time.Second, lane(status.Failing, start)))
	if len(got) != 1 {
		t.Fatalf("%d messages", len(got))
	}
	m := got[0]
	if m.Text != "/d to r::m: backing off (the remote refuses the connection)" || m.Reason != "the remote refuses the connection" || m.Remedy != "start it" ||
		m.Root != "/d" || m.Remote != "r::m" || m.Lane != "/d#r::m" || m.Host != "h" || m.Config != "c.xml" || m.Previous != "in sync" ||
		!m.Since.Equal(start) || !m.Time.Equal(start.Add(time.Second)) || !m.Until.After(m.Time.Add(time.Hour)) || len(m.ID) != 16 {
		t.Errorf("%+v", m)
	}
	chinese := NewJudge(Rules{Level: status.Failing, Events: every(), Lang: status.Chinese})
	if got := chinese.Look(snapshot(0, lane(status.Failing, start))); got[0].Text != "/d 到 r::m：重试等待 (远端拒绝连接)" || got[0].Reason != "远端拒绝连接" {
		t.Errorf("%+v", got[0])
	}
}

func TestBrake(t *testing.T) {
	j := NewJudge(Rules{Level: status.Failing, After: 2 * time.Second, Events: every()})
	var got []string
	for i, state := range []status.RootState{status.RootWatched, status.RootBraked, status.RootBraked, status.RootBraked, status.RootGone, status.RootWatched, status.RootStarting, status.RootWatched} {
		s := snapshot(time.Duration(i) * time.Second)
		s.Roots = []status.Root{{Path: "/d", State: state, Reason: "another file system is mounted", Remedy: "do this"}}
		for _, m := range j.Look(s) {
			got = append(got, fmt.Sprintf("%d %s %s %s", i, m.Event, m.Status, m.Text))
		}
	}
	want := "3 brake problem /d: braked (another file system is mounted)|7 brake over /d: in sync"
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("told %q, want %q", s, want)
	}
}

func TestVerification(t *testing.T) {
	j := NewJudge(Rules{Level: status.Failing, After: time.Hour, Repeat: time.Second, Events: every()})
	l := lane(status.InSync, start)
	var got []string
	look := func(i int, v status.Comparison) {
		v.Time = start.Add(time.Duration(i) * time.Second)
		l.Verify = &v
		for range 3 { // the same trouble is reported once, however often it is seen
			for _, m := range j.Look(snapshot(time.Duration(i)*time.Second, l)) {
				got = append(got, fmt.Sprintf("%d %s %s", i, m.Status, m.Text))
			}
		}
	}
	look(1, status.Comparison{})
	look(2, status.Comparison{Differing: 2, OnlyOnTarget: 1})
	look(3, status.Comparison{Differing: 2})
	look(4, status.Comparison{Error: "no route"})
	look(5, status.Comparison{})
	want := []string{
		"2 problem /d to r::m: the verification found differences: 1 entry is only on the remote, 2 paths have been found to differ on the remote",
		"3 problem /d to r::m: the verification found differences: 2 paths have been found to differ on the remote",
		"4 problem /d to r::m: the verification failed: no route",
		"5 over /d to r::m: the verification found no difference",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("told %q", got)
	}
}

func TestOnlyWhatIsAskedFor(t *testing.T) {
	for _, only := range Events() {
		j := NewJudge(Rules{Level: status.Failing, Events: map[Event]bool{only: true}})
		l := lane(status.Failing, start)
		l.Verify = &status.Comparison{Time: start, Newer: 1}
		s := snapshot(0, l)
		s.Roots = []status.Root{{Path: "/d", State: status.RootGone}}
		got := j.Look(s)
		if len(got) != 1 || got[0].Event != only {
			t.Errorf("only %s: %+v", only, got)
		}
	}
}

func TestNothingBeforeTheProgramIsReady(t *testing.T) {
	j := NewJudge(Rules{Level: status.Failing, Events: every()})
	s := snapshot(0, lane(status.Failing, start))
	s.Ready = false
	if got := j.Look(s); got != nil {
		t.Errorf("%+v", got)
	}
}

// A clock that was set back neither keeps a trouble from being reported nor has it reported early.
func TestClockSetBack(t *testing.T) {
	j := NewJudge(Rules{Level: status.Failing, After: 2 * time.Second, Events: every()})
	var got []string
	for i, at := range []int{3600, 3601, 0, 1, 2} {
		for range j.Look(snapshot(time.Duration(at)*time.Second, lane(status.Failing, start))) {
			got = append(got, fmt.Sprint(i))
		}
	}
	if fmt.Sprint(got) != "[4]" {
		t.Errorf("told at %v", got)
	}
}

// After a restart a trouble that was reported is still known: it is not reported again, but its end
// is.
func TestRestart(t *testing.T) {
	rules := Rules{Level: status.Failing, Events: every()}
	old := NewJudge(rules)
	l := lane(status.Failing, start)
	l.Verify = &status.Comparison{Time: start, Newer: 1}
	if got := old.Look(snapshot(0, l)); len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	data, err := encode(old, &queue{})
	if err != nil {
		t.Fatal(err)
	}
	next := NewJudge(rules)
	if err := decode(data, next, &queue{}); err != nil {
		t.Fatal(err)
	}
	if got := next.Look(snapshot(time.Second, l)); got != nil {
		t.Errorf("told again: %+v", got)
	}
	good := lane(status.InSync, start)
	if got := next.Look(snapshot(2*time.Second, good)); len(got) != 1 || got[0].Status != Over {
		t.Errorf("the end: %+v", got)
	}
	for _, bad := range []string{"", "{}", `{"version":2}`, `{"version":1,"conditions":{"x":{"told":9}}}`} {
		if decode([]byte(bad), NewJudge(rules), &queue{}) == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// BenchmarkLook looks at 200 lanes about which there is nothing to report.
func BenchmarkLook(b *testing.B) {
	s := snapshot(0)
	for i := range 200 {
		l := lane(status.Failing, start)
		l.ID = fmt.Sprint(i)
		s.Lanes = append(s.Lanes, l)
	}
	j := NewJudge(Rules{Level: status.Failing, Events: every()})
	for b.Loop() {
		j.Look(s)
	}
}
