package status

import (
	"strings"
	"testing"
	"time"
)

func TestOverall(t *testing.T) {
	now := time.Unix(1700000000, 0)
	old, fresh := now.Add(-time.Minute), now.Add(-LagGrace/2)
	cases := []struct {
		name   string
		change func(*Snapshot)
		level  Level
		text   string
		rest   bool
	}{
		{"nothing pending", func(*Snapshot) {}, InSync, "everything is in sync", true},
		{"not ready", func(s *Snapshot) { s.Ready = false }, Lagging, "starting", false},
		{"a change just made", func(s *Snapshot) {
			s.Lanes[0].State, s.Lanes[0].Pending, s.Lanes[0].OldestPending = LaneSyncing, 3, fresh
		}, InSync, "3 changes on their way", false},
		{"a change waits", func(s *Snapshot) {
			s.Lanes[0].State, s.Lanes[0].InFlight, s.Lanes[0].OldestPending = LaneSyncing, 3, old
		}, Lagging, "3 changes wait, the oldest for 1 min", false},
		{"full sync", func(s *Snapshot) { s.Lanes[0].State = LaneFullSync }, Lagging, "full sync", false},
		{"paused", func(s *Snapshot) { s.Lanes[1].State = LanePaused }, Lagging, "paused", false},
		{"backing off", func(s *Snapshot) {
			s.Lanes[1].State, s.Lanes[1].Reason = LaneBackingOff, "connection refused"
		}, Failing, "/d to h2::m: backing off (connection refused)", false},
		{"degraded", func(s *Snapshot) { s.Lanes[1].State = LaneDegraded }, Failing, "degraded", true},
		{"a known difference", func(s *Snapshot) {
			s.Lanes[1].State, s.Lanes[1].Differences = LaneDegraded, []Difference{{Kind: Newer, Count: 1}, {Kind: Differing, Count: 1200}}
		}, Failing, "/d to h2::m: degraded, 1 file is newer on the remote, 1,200 paths have been found to differ", true},
		{"a known difference and changes", func(s *Snapshot) {
			s.Lanes[1].State, s.Lanes[1].Pending = LaneSyncing, 1
			s.Lanes[1].Differences = []Difference{{Kind: Extras, Count: 3}}
		}, Failing, "/d to h2::m: 3 entries are only on the remote", false},
		{"failing paths", func(s *Snapshot) { s.Lanes[0].Failing = 2 }, Failing, "2 paths fail", false},
		{"worst wins", func(s *Snapshot) {
			s.Lanes[0].State, s.Lanes[1].State = LanePaused, LaneBackingOff
		}, Failing, "backing off", false},
		{"root gone", func(s *Snapshot) { s.Roots[0].State = RootGone }, Failing, "/d: gone", false},
		{"root braked", func(s *Snapshot) { s.Roots[0].State = RootBraked }, Failing, "/d: braked", false},
		{"changes of no lane yet", func(s *Snapshot) { s.Roots[0].Undecided = 2 }, InSync, "2 changes on their way", false},
		{"a new file is held open", func(s *Snapshot) { s.Roots[0].Writing = 1 }, InSync, "everything is in sync; new files that are still being written: 1", true},
		{"uncovered", func(s *Snapshot) { s.Watches.Uncovered = 9 }, Lagging, "9 directories have no watch", true},
		{"plugin waits", func(s *Snapshot) {
			s.Plugins = []Plugin{{Name: "http", Pending: 4, OldestPending: old, LastFailure: now}}
		}, Lagging, "plugin http: 4 events wait", true},
		{"plugin slow but well", func(s *Snapshot) {
			s.Plugins = []Plugin{{Name: "http", Pending: 4, OldestPending: old, LastSuccess: now}}
		}, InSync, "everything is in sync", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := Snapshot{
				Now: now, Ready: true, Roots: []Root{{Path: "/d", State: RootWatched}},
				Lanes: []Lane{{Root: "/d", Remote: "h1::m", State: LaneInSync}, {Root: "/d", Remote: "h2::m", State: LaneInSync}},
			}
			c.change(&s)
			level, text := Overall(s)
			if level != c.level || !strings.Contains(text, c.text) {
				t.Errorf("Overall = %v %q, want %v %q", level, text, c.level, c.text)
			}
			if got := AtRest(s); got != c.rest {
				t.Errorf("AtRest = %v, want %v", got, c.rest)
			}
		})
	}
}

// A snapshot is at rest if waiting would change nothing: known differences stay, changes that are
// on their way do not.
func TestAtRest(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Lane)
		want   bool
	}{
		{"in sync", func(*Lane) {}, true},
		{"known differences", func(l *Lane) { l.State, l.Differences = LaneDegraded, []Difference{{Kind: Extras, Count: 1}} }, true},
		{"a change beside known differences", func(l *Lane) { l.State, l.InFlight = LaneDegraded, 1 }, false},
		{"full sync", func(l *Lane) { l.State = LaneFullSync }, false},
		{"backing off", func(l *Lane) { l.State = LaneBackingOff }, false},
		{"paused", func(l *Lane) { l.State = LanePaused }, false},
	} {
		l := Lane{State: LaneInSync}
		c.change(&l)
		if got := AtRest(Snapshot{Ready: true, Lanes: []Lane{l}}); got != c.want {
			t.Errorf("%s: AtRest = %v", c.name, got)
		}
	}
}

func TestOverallInChinese(t *testing.T) {
	now := time.Unix(1700000000, 0)
	s := Snapshot{Now: now, Ready: true, Roots: []Root{{Path: "/d", State: RootBraked, Reason: "it is empty"}}, Lanes: []Lane{
		{Root: "/d", Remote: "h::m", State: LaneBackingOff, Reason: "the remote refuses the connection"},
		{Root: "/d", Remote: "h2::m", State: LaneDegraded, Differences: []Difference{{Kind: Newer, Count: 2}}},
	}}
	want := "/d：已暂停删除（保护） (it is empty)；/d 到 h::m：重试等待 (the remote refuses the connection)；/d 到 h2::m：降级，2 个文件在远端更新"
	if level, text := OverallIn(s, Chinese); level != Failing || text != want {
		t.Errorf("%v %s", level, text)
	}
}

func TestOverallNamesOnlyAFew(t *testing.T) {
	s := Snapshot{Ready: true}
	for range 50 {
		s.Lanes = append(s.Lanes, Lane{Root: "/d", Remote: "h::m", State: LaneBackingOff})
	}
	if _, text := Overall(s); !strings.HasSuffix(text, "and 47 more") || strings.Count(text, "h::m") != 3 {
		t.Errorf("text = %q", text)
	}
}

func TestLagNeedsSomethingWaiting(t *testing.T) {
	now := time.Now()
	l := Lane{OldestPending: now.Add(-time.Hour)}
	if l.Lag(now) != 0 {
		t.Error("a lane without pending paths lags")
	}
	l.Failing = 1
	if l.Lag(now) != time.Hour {
		t.Errorf("lag = %v", l.Lag(now))
	}
	if l.Lag(now.Add(-2*time.Hour)) != 0 {
		t.Error("a clock stepped back gives a negative lag")
	}
}
