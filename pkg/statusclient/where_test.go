package statusclient

import (
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/status"
)

// TestWhereText: the text has each verdict, what excludes a path and why it waits, in both
// languages, on lines that no name can break.
func TestWhereText(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.Local)
	copyOf := &status.Copy{Kind: "file", Size: 2048, Modified: at}
	place := func(v status.Verdict, change func(*status.Place)) status.Place {
		p := status.Place{Number: 3, Root: "/w", Remote: "h::m", Path: "a\nb", Verdict: v, Here: copyOf, There: copyOf, Contents: true}
		if change != nil {
			change(&p)
		}
		return p
	}
	for _, tc := range []struct {
		p       status.Place
		english string
		chinese string
	}{
		{place(status.Same, nil), "  3  h::m: the same\n", "  3  h::m: 相同\n"},
		{place(status.Older, nil), "older (file, 2.0 KiB, 2026-03-04 05:06:07)", "较旧 (文件, 2.0 KiB"},
		{place(status.Missing, func(p *status.Place) {
			p.There = nil
			p.Excluded = &status.Exclusion{By: status.ByFilter, File: "/etc/c.xml", Line: 12, Text: `(.*)\.bak`}
		}), "missing\n       excluded by <filter>: (.*)\\.bak (/etc/c.xml:12)\n", "缺少\n       被 <filter> 排除：(.*)\\.bak (/etc/c.xml:12)\n"},
		{place(status.Unasked, func(p *status.Place) {
			p.Reason, p.Remedy = "the remote refuses the connection", "start the rsync daemon on h, check the port 873"
		}), "not asked: the remote refuses the connection\n       remedy: start the rsync daemon on h", "未能查询: 远端拒绝连接\n       处理: 在 h 上启动"},
		{place(status.Missing, func(p *status.Place) {
			p.Waiting = &status.Wait{Path: "a", Tree: true, Since: time.Now().Add(-3 * time.Minute), Attempt: 2, Reason: "the module is read only", Remedy: "set read only = no for [m] on h", Command: "cd /w && rsync a"}
		}), "waiting for 3 min, with a, failed attempts: 2, the module is read only\n       remedy: set read only = no for [m] on h\n       by hand: cd /w && rsync a\n", "已等待3分，随 a，已失败 2 次，该模块是只读的\n"},
		{place(status.Same, func(p *status.Place) { p.Here, p.There = nil, nil }), "/w/a\\nb: not here\n  3  h::m: not there either\n", "本机没有\n  3  h::m: 远端也没有\n"},
	} {
		for lang, want := range map[status.Lang]string{status.English: tc.english, status.Chinese: tc.chinese} {
			if got := whereText(status.Whereabouts{Places: []status.Place{tc.p}}, lang); !strings.Contains(got, want) {
				t.Errorf("%s, %d:\n%s\nwant %q", tc.p.Verdict, lang, got, want)
			}
		}
	}
}

func TestPendingText(t *testing.T) {
	p := status.Pending{Total: 3, Waits: []status.Wait{
		{Path: "d", Tree: true, Since: time.Now().Add(-time.Hour), Number: 2},
		{Path: "f\x1b", Since: time.Now(), Number: 2, Attempt: 1, Reason: "the module is read only", Remedy: "r"},
	}}
	lanes := []status.Lane{{ID: "one"}, {ID: "two"}}
	got := pendingText(p, lanes, status.English)
	for _, want := range []string{"changes that wait: 3\n", "  2  d/  waiting for 1 h\n", `  2  f\x1b  waiting for`, "  and 1 more\n", "lane 2 is two\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(got, "lane 1") {
		t.Errorf("a lane without changes is named:\n%s", got)
	}
	if got := pendingText(status.Pending{}, lanes, status.Chinese); got != "没有等待的变更\n" {
		t.Errorf("nothing: %q", got)
	}
}
