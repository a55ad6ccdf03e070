package status

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"
)

func render(t *testing.T, s Snapshot, opts RenderOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := Render(&b, s, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRenderTellsStateReasonAndRemedy(t *testing.T) {
	now := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	s := Snapshot{
		Version: "3.0.0", PID: 42, Host: "web1", Started: now.Add(-50 * time.Hour), Now: now, Ready: true, ConfigFile: "/etc/sersync/confxml.xml",
		Roots: []Root{{Path: "/data/www", State: RootWatched, Directories: 12345, Writing: 2}},
		Lanes: []Lane{
			{ID: "/data/www" + "#" + "10.0.0.2::www", Root: "/data/www", Remote: "10.0.0.2::www", State: LaneInSync, LastSuccess: now.Add(-3 * time.Second),
				Verify:      &Comparison{Time: now.Add(-time.Minute), Differing: 1, OnlyOnTarget: 2, Names: []string{"x\ny"}},
				Differences: []Difference{{Kind: Differing, Count: 1, Since: now, Remedy: Differing.Remedy(), Names: []string{"x\ny"}}}},
			{
				Root: "/data/www", Remote: "10.0.0.3::www", State: LaneBackingOff, Pending: 1204, OldestPending: now.Add(-4 * time.Minute),
				Reason: "connection refused", Remedy: "start the rsync daemon there", NextTry: now.Add(12 * time.Second),
				Failures: []Failure{{Time: now, Path: "a/b", Reason: "connection refused", Exit: 10}},
			},
		},
		Plugins: []Plugin{{Name: "http", Pending: 3, LastError: "503", LastFailure: now}},
		Watches: Watches{Count: 12345, Limit: 65536, Overflows: 2},
	}
	got := render(t, s, RenderOptions{})
	for _, want := range []string{
		"sersync 3.0.0 @ web1, pid 42, up 2 d 2 h, /etc/sersync/confxml.xml",
		"/data/www to 10.0.0.3::www: backing off (connection refused)",
		"/data/www  watched, 12,345 directories", "  2 new files are still being written", "1   /data/www#10.0.0.2::www",
		"in sync", "3.0 s ago", "verified 1 min ago: 1 differing, 0 newer on the remote, 2 only on the remote", `      x\ny`, "backing off", "1,204", "4 min", "remedy: start the rsync daemon there", "next try in 12 s",
		"10:00:00  10.0.0.3::www  a/b  connection refused (exit 10)", "plugin http  3 pending", "503", "12,345 of 65,536, overflows 2",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\x1b") {
		t.Error("escape sequences without Color")
	}
	zh := render(t, s, RenderOptions{Lang: Chinese, Color: true})
	for _, want := range []string{"故障", "10.0.0.3::www：重试等待 (connection refused)", "已同步", "重试等待", "\x1b[31"} {
		if !strings.Contains(zh, want) {
			t.Errorf("no %q in\n%s", want, zh)
		}
	}
}

func TestRenderCountsRepeatedFailures(t *testing.T) {
	now := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	l := Lane{Remote: "h::m", Failures: []Failure{{Time: now, Path: "other", Reason: "denied", Exit: 23}}}
	for i := range 5 {
		l.Failures = append(l.Failures, Failure{Time: now.Add(-time.Duration(i) * time.Minute), Reason: "refused", Exit: 10})
	}
	got := render(t, Snapshot{Now: now, Lanes: []Lane{l}}, RenderOptions{})
	if strings.Count(got, "refused") != 1 || !strings.Contains(got, "10:00:00  h::m  refused (exit 10) x5") || !strings.Contains(got, "other  denied (exit 23)\n") {
		t.Error(got)
	}
}

func TestRenderColumnsLineUpWithWideCharacters(t *testing.T) {
	now := time.Now()
	s := Snapshot{Now: now, Ready: true, Roots: []Root{{Path: "/d", State: RootWatched}}, Lanes: []Lane{
		{Root: "/d", ID: "REMOTE-A", State: LaneInSync},
		{Root: "/d", ID: "REMOTE-B", State: LaneBackingOff, Pending: 1000000},
	}}
	at := map[int]bool{}
	for line := range strings.SplitSeq(render(t, s, RenderOptions{Lang: Chinese}), "\n") {
		if before, _, ok := strings.Cut(line, "REMOTE-"); ok {
			at[width(before)] = true
		}
	}
	if len(at) != 1 {
		t.Errorf("remotes begin at columns %v", at)
	}
}

func TestRenderEscapesHostileNames(t *testing.T) {
	for _, name := range hostile() {
		s := sample(name)
		l := &s.Lanes[0]
		l.Reason, l.Detail, l.Remedy = name, name, name
		s.Version, s.Host, s.Plugins[0].Name, s.Plugins[0].LastError, s.Plugins[0].LastFailure = name, name, name, name, s.Now
		got := render(t, s, RenderOptions{Width: 80})
		for _, r := range got {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%q: %q is in the output", name, r)
			}
		}
	}
}

func TestHostileNamesAddNoLines(t *testing.T) {
	lines := func(name string) int { return strings.Count(render(t, sample(name), RenderOptions{}), "\n") }
	if a, b := lines("plain"), lines("x\nREADY\n\r\u2028y"); a != b {
		t.Errorf("%d lines became %d", a, b)
	}
}

func TestRenderFitsTheWidth(t *testing.T) {
	s := sample("/d")
	s.Lanes[0].Differences = nil // sentences are not cut
	s.Lanes[0].Transfers[0].Path = strings.Repeat("\u76ee\u5f55/", 100) + "end.txt"
	got := render(t, s, RenderOptions{Width: 100})
	if !strings.Contains(got, "end.txt") {
		t.Errorf("the end of the path is lost:\n%s", got)
	}
	for line := range strings.SplitSeq(got, "\n") {
		if width(line) > 100 {
			t.Errorf("%d columns: %s", width(line), line)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errBroken }

var errBroken = errors.New("broken pipe")

func TestRenderReportsWriteErrors(t *testing.T) {
	if err := Render(brokenPipe{}, Snapshot{}, RenderOptions{}); !errors.Is(err, errBroken) {
		t.Errorf("err = %v", err)
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ms", 999 * time.Millisecond: "999 ms", 1500 * time.Millisecond: "1.5 s", 59 * time.Second: "59 s",
		61 * time.Second: "1 min 1 s", time.Hour: "1 h", 25 * time.Hour: "1 d 1 h", -time.Second: "0 ms",
	} {
		if got := Span(d, English); got != want {
			t.Errorf("Span(%v) = %q, want %q", d, got, want)
		}
	}
	if got := Span(61*time.Second, Chinese); got != "1分1秒" {
		t.Errorf("Chinese span = %q", got)
	}
	if count(-1234567) != "-1,234,567" || count(999) != "999" || size(1536) != "1.5 KiB" {
		t.Error(count(-1234567), count(999), size(1536))
	}
}

// TestTheFirstLineTellsOfChangesOnTheirWay: within the grace time the level is that of a lane in
// sync, and the first line says how much is still on its way.
func TestTheFirstLineTellsOfChangesOnTheirWay(t *testing.T) {
	now := time.Unix(1700000000, 0)
	for _, c := range []struct {
		lang             Lang
		pending, writing int
		want             string
	}{
		{English, 0, 0, "in sync"},
		{English, 3, 0, "in sync, 3 changes on their way"},
		{English, 0, 1, "in sync; new files that are still being written: 1"},
		{Chinese, 0, 0, "已同步"},
		{Chinese, 3, 0, "已同步，3 项变更正在传输"},
	} {
		s := Snapshot{
			Now: now, Ready: true, Roots: []Root{{Path: "/d", State: RootWatched, Writing: c.writing}},
			Lanes: []Lane{{Root: "/d", Remote: "h::m", State: LaneSyncing, Pending: c.pending, OldestPending: now}},
		}
		if first, _, _ := strings.Cut(render(t, s, RenderOptions{Lang: c.lang}), "\n"); first != c.want {
			t.Errorf("%+v: the first line is %q", c, first)
		}
	}
}
