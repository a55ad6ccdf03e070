package status

import (
	"strings"
	"testing"
	"time"
)

func TestRenderTellsOfTheRemotesRsync(t *testing.T) {
	lane := Lane{ID: "x", Root: "/d", State: LaneInSync, Release: "rsync 3.1.0 to 3.2.6", Excluded: 1200,
		Without: []string{"times compared by the second", "deletions by patterns"}}
	s := Snapshot{Now: time.Now(), Ready: true, Roots: []Root{{Path: "/d", State: RootWatched}}, Lanes: []Lane{lane}}
	for lang, want := range map[Lang]string{
		English: "remote has rsync 3.1.0 to 3.2.6; times compared by the second; deletions by patterns; 1,200 excluded by the remote's own configuration",
		Chinese: "远端为 rsync 3.1.0 至 3.2.6；按秒比较时间；用匹配规则删除；1,200 条路径被远端自身的配置排除",
	} {
		if got := render(t, s, RenderOptions{Lang: lang}); !strings.Contains(got, want) || !strings.Contains(got, map[Lang]string{English: "in sync", Chinese: "已同步"}[lang]) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
