package edgestatus

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sersync/sersync/pkg/edge/backlog"
	"github.com/sersync/sersync/pkg/edge/edgexml"
	"github.com/sersync/sersync/pkg/edge/follow"
	"github.com/sersync/sersync/pkg/edge/trouble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStates(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, c := range []struct {
		name    string
		figures follow.Figures
		state   string
		level   int
	}{
		{"nothing is known", follow.Figures{}, Trouble, 2},
		{"connected", follow.Figures{Connected: true}, InSync, 0},
		{"the stream had more", follow.Figures{Connected: true, Newest: 1}, Applying, 1},
		{"a path waits", follow.Figures{Connected: true, Dirty: 1, Behind: now.Add(-time.Second)}, Applying, 1},
		{"a message waits", follow.Figures{Connected: true, Waiting: 1}, Applying, 1},
		{"a new edge", follow.Figures{Connected: true, Dirty: 1, Comparing: true}, Comparing, 1},
		{"a path fails", follow.Figures{Connected: true, Dirty: 1, Failing: 1, Failure: trouble.Trouble{Reason: "no room"}}, Trouble, 2},
		{"no directory", follow.Figures{Connected: true, Directory: trouble.Trouble{Reason: "gone"}}, Trouble, 2},
		{"no position", follow.Figures{Connected: true, Position: trouble.Trouble{Reason: "no room"}}, Trouble, 2},
	} {
		s := Status{Trees: []Tree{Of("www", "/srv", c.figures, now)}}
		if s.Trees[0].State != c.state || s.Level() != c.level || (s.Trees[0].Trouble != "") != (c.state == Trouble) {
			t.Errorf("%s: %+v, level %d", c.name, s.Trees[0], s.Level())
		}
	}
	if lag := Of("a", "/", follow.Figures{Behind: now.Add(-2 * time.Second)}, now).Lag; lag != 2 {
		t.Errorf("lag %v", lag)
	}
}

func sample() Status {
	return Status{Edge: "web-1", Version: "1", Trees: []Tree{
		Of("www", "/srv/\x1b", follow.Figures{Connected: true, Taken: backlog.Mark{Sequence: 7}, Done: backlog.Mark{Sequence: 7}, Counts: follow.Counts{Refused: 2}}, time.Time{}),
		Of("img", "/img", follow.Figures{Directory: trouble.Trouble{Reason: "the directory /img\n does not exist", Detail: "no\x1b", Remedy: "create or mount it; the edge goes on by itself"}}, time.Time{}),
	}, Plugins: []Plugin{{Name: "http", Pending: 3, Failing: true, LastError: "refused"}}}
}

func TestText(t *testing.T) {
	var b strings.Builder
	if err := sample().Text(&b, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"www   in sync  7", "img: the directory /img? does not exist\n  no?\n  remedy: create or mount it; the edge goes on by itself\n", "www: 2 messages or entries refused", "plugin http: 3 changes wait; refused"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	var chinese strings.Builder
	if err := sample().Coded().Text(&chinese, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"边缘节点 web-1，版本 ", "目录树  状态    消息序号", "www     已同步  7", "img     有故障  ",
		"img: 目录 /img? 不存在\n  no?\n  处理: 请创建或挂载它；该边缘节点会自动继续\n", "www：拒绝的消息或条目 2 个", "插件 http：3 项变更等待；refused",
	} {
		if !strings.Contains(chinese.String(), want) {
			t.Errorf("no %q in\n%s", want, chinese.String())
		}
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Error("control characters reach the terminal")
	}
}

func TestHTTP(t *testing.T) {
	h := Handler(sample)
	for path, want := range map[string]string{
		"/metrics": `sersync_edge_in_sync{tree="www"} 1`, "/status": `"state":"in sync"`, "/healthz": "trouble",
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if !strings.Contains(w.Body.String(), want) || (w.Code != 200) != (path == "/healthz") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestServe(t *testing.T) {
	socket := t.TempDir() + "/socket"
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, edgexml.Status{Socket: socket, Listen: "127.0.0.1:0"}, sample) }()
	var s Status
	for {
		var err error
		if s, err = Get(ctx, socket); err == nil {
			break
		}
		select {
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	if s.Edge != "web-1" || len(s.Trees) != 2 {
		t.Errorf("%+v", s)
	}
	if err := Serve(ctx, edgexml.Status{Socket: socket}, sample); err == nil || !strings.Contains(err.Error(), "another edge") {
		t.Errorf("a second edge on the socket: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
