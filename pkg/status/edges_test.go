package status

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestEdges: a thousand edges are shown as a few numbers and the worst ones by name, in both
// languages. A text that may contain names of paths is cut for readers who may not see these.
func TestEdges(t *testing.T) {
	now := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	var list []Edge
	for n := range 1000 {
		list = append(list, Edge{Name: fmt.Sprintf("e%04d", n), State: EdgeInSync, Heard: now.Add(-time.Second)})
	}
	list[500].State, list[500].Lag = EdgeBehind, Seconds(90*time.Second)
	list[501].State, list[501].Reason, list[501].Remedy = EdgeTroubled, `"a/b": no space left`, "make room in /srv"
	list[502].State, list[502].Lag = EdgeSilent, Seconds(time.Hour)
	for n := range 15 {
		list[n].State = EdgeComparing
	}
	e := EdgesOf(list, 3, EdgesShown)
	if e.Known != 1000 || len(e.List) != EdgesShown || e.List[0].Name != "e0501" || e.List[1].Name != "e0502" || e.MaxLag != Seconds(time.Hour) || e.ByState[EdgeInSync] != 982 {
		t.Fatalf("%+v", e)
	}
	s := Snapshot{Now: now, Ready: true, Names: true, Roots: []Root{{Path: "/d", State: RootWatched}}, Lanes: []Lane{{ID: "/d#stream:web", Root: "/d", Remote: "stream:web", State: LaneInSync, Edges: e}}}
	if level, text := Overall(s); level != Lagging || text != "/d to stream:web: 2 of 1000 edges are in trouble or silent" {
		t.Errorf("%v %s", level, text)
	}
	for lang, want := range map[Lang][]string{
		English: {"edges: 982 in sync, 1 behind, 15 comparing, 1 silent, 1 in trouble\n", "      e0501: in trouble, heard 1.0 s ago\n", "remedy: make room in /srv", "e0502: silent, for 1 h, heard", "and 8 more\n"},
		Chinese: {"边缘节点: 982 已同步，1 落后，15 正在比对，1 没有消息，1 有故障\n", "e0502: 没有消息，已 1小时，报告于", "另有 8 项\n"},
	} {
		got := render(t, s, RenderOptions{Lang: lang})
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("no %q in\n%s", w, got)
			}
		}
	}
	s.Lanes[0].Edges = &Edges{}
	if got := render(t, s, RenderOptions{}); !strings.Contains(got, "no edge has reported yet") {
		t.Error(got)
	}
	if level, text := Overall(s); level != InSync {
		t.Error(text)
	}
	s.Lanes[0].Edges = e
	b, err := json.Marshal(s.Redacted())
	if err != nil || strings.Contains(string(b), "a/b") || strings.Contains(string(b), "/srv") || !strings.Contains(string(b), "e0501") {
		t.Errorf("%v %s", err, b)
	}
	var back Snapshot
	if err := json.Unmarshal(b, &back); err != nil || back.Lanes[0].Edges == nil || back.Lanes[0].Edges.ByState[EdgeInSync] != 982 {
		t.Errorf("%v %+v", err, back)
	}
}
