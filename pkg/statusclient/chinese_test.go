package statusclient

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/status"
)

// TestCausesInChinese: causes and remedies are in the operator's language, the words of rsync stay,
// and JSON is passed on unchanged.
func TestCausesInChinese(t *testing.T) {
	p := &program{snap: inSync()}
	l := &p.snap.Lanes[0]
	l.State, l.Reason, l.Detail = status.LaneBackingOff, "the remote refuses the connection", "rsync: failed to connect"
	l.Remedy = "start the rsync daemon on web1, check the port 873"
	l.Failures = []status.Failure{{Time: time.Now(), Path: "f", Reason: "the module is read only", Remedy: "free space on web1", Exit: 1}}
	l.Verify = &status.Comparison{Time: time.Now(), Error: "the remote does not answer"}
	p.snap.Notes = []status.Note{{Subject: "audit log of deletions not written"}}
	socket := serve(t, p)
	var out, errs bytes.Buffer
	o := Options{Socket: socket, Out: &out, Err: &errs, Render: status.RenderOptions{Lang: status.Chinese}}
	if code := Show(t.Context(), o); code != int(status.Failing) || errs.Len() > 0 {
		t.Errorf("%d %s", code, errs.String())
	}
	for _, want := range []string{
		"远端拒绝连接", "在 web1 上启动 rsync 守护进程，并检查端口 873", "rsync: failed to connect", "该模块是只读的", "清理 web1 的磁盘空间",
		"远端没有响应", "删除审计日志未能写入",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
	out.Reset()
	o.JSON = true
	Show(t.Context(), o)
	if !strings.Contains(out.String(), `"the remote refuses the connection"`) {
		t.Errorf("JSON is translated: %s", out.String())
	}
	out.Reset()
	Show(t.Context(), Options{Socket: "/nonexistent/sock", Out: &out, Err: &errs, Render: o.Render})
	if !strings.HasSuffix(out.String(), "请启动它，或用 -o 指定其配置文件\n") {
		t.Errorf("not running: %s", out.String())
	}
}

func TestVerdictInChinese(t *testing.T) {
	for _, tt := range []struct {
		found status.Comparison
		want  string
	}{
		{status.Comparison{}, "无差异"},
		{status.Comparison{Error: "the remote does not answer"}, "未比对：远端没有响应"},
		{status.Comparison{Differing: 2, Newer: 1, OnlyOnTarget: 1, Names: []string{"a", "b"}, NewerNames: []string{"d"}, Extras: []string{"c"}}, "2 条不同，1 个文件在远端更新，1 条仅远端有"},
	} {
		if got := verdict(tt.found, status.Chinese); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
