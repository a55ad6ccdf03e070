package targets

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/hub/identity"
	"github.com/sersync/sersync/pkg/stream/dial"
)

var chinese = testkit.Options{Env: []string{"LC_ALL=zh_CN.UTF-8"}}

// streams are the names of the streams and buckets that the hub keeps.
func (h *theHub) streams() (names []string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), limit)
	defer cancel()
	conn, err := dial.Connect(ctx, h.way())
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		h.t.Fatal(err)
	}
	list := js.StreamNames(ctx)
	for name := range list.Name() {
		names = append(names, name)
	}
	if err := list.Err(); err != nil {
		h.t.Fatal(err)
	}
	return names
}

// TestConnectToStream: --check --connect reports whether a stream would work after a start, in
// English and in Chinese, and leaves nothing on the hub. Each fault is reported with its line and
// its remedy.
func TestConnectToStream(t *testing.T) {
	t.Parallel()
	s := newScene(t, "")
	h := newHub(t, filepath.Dir(s.src))
	s.set.Streams = []string{h.element("web")}
	run := s.tried(testkit.Options{})
	for _, want := range []string{"127.0.0.1 is an address", "is open", "the hub's certificate ends on", "accepts the key in " + h.key(), "nats-server 2.", "can be made", "room for 1024 MiB", "ready: lanes tried: 1"} {
		if run.Wait(limit) != 0 || !strings.Contains(run.Stdout(), want) {
			t.Errorf("no %q in\n%s%s", want, run.Stdout(), run.Stderr())
		}
	}
	if names := h.streams(); len(names) != 0 {
		t.Errorf("the check has left %q on the hub", names)
	}

	bad := filepath.Join(s.scratch, "bad.nk")
	seed, _, err := identity.NewKey()
	s.must(err)
	s.must(os.WriteFile(bad, []byte(seed), 0o600))
	element := func(attributes string) string { return `<stream name="web" ` + attributes + `/>` }
	files := fmt.Sprintf(`creds="%s" ca="%s"`, h.key(), h.ca())
	for name, c := range map[string]struct{ stream, english, chinese string }{
		"name":   {element(`url="nats://none.invalid" ` + files), "correct url= of <stream>", "更正 <stream> 的 url="},
		"url":    {element(`url="nats://:4222" ` + files), "not of the form nats://HOST:PORT", "更正 <stream> 的 url="},
		"port":   {element(fmt.Sprintf(`url="nats://127.0.0.1:%d" `, testkit.FreePort(t)) + files), "start sersync-hub there", "在该处启动 sersync-hub"},
		"no hub": {element(fmt.Sprintf(`url="nats://127.0.0.1:%d" `, rsyncd(s, nil).Port()) + files), "is no NATS server", "不是 NATS 服务器"},
		"TLS":    {element(`url="` + h.url() + `" creds="` + h.key() + `"`), "name the hub's ca.pem in ca=", "ca.pem"},
		"key":    {element(`url="` + h.url() + `" ca="` + h.ca() + `" creds="` + bad + `"`), "the hub refuses the key", "hub 拒绝该密钥"},
		"room":   {strings.Replace(h.element("web"), "/>", ` size="100000"/>`, 1), "lower size= of the stream", "hub 没有空间保存流"},
		"alone":  {strings.Replace(h.element("web"), "/>", ` replicas="3"/>`, 1), "replicas", "错误"},
	} {
		s.set.Streams = []string{c.stream}
		if run := s.tried(testkit.Options{}); run.Wait(limit) != 1 || !strings.Contains(run.Stdout(), c.english) || !strings.Contains(run.Stdout(), "not ready: 1 of 1 lanes") {
			t.Errorf("%s:\n%s%s", name, run.Stdout(), run.Stderr())
		}
		if run := s.tried(chinese); run.Wait(limit) != 1 || !strings.Contains(run.Stdout(), c.chinese) {
			t.Errorf("%s:\n%s%s", name, run.Stdout(), run.Stderr())
		}
	}
	if names := h.streams(); len(names) != 0 {
		t.Errorf("the checks have left %q on the hub", names)
	}

	// If one server of a cluster does not answer, that is a warning.
	s.set.Streams = []string{strings.Replace(h.element("web"), h.url(), fmt.Sprintf("nats://127.0.0.1:%d,%s", testkit.FreePort(t), h.url()), 1)}
	if run := s.tried(testkit.Options{}); run.Wait(limit) != 0 || !strings.Contains(run.Stdout(), "warning  port") {
		t.Errorf("%s%s", run.Stdout(), run.Stderr())
	}
}

// TestStreamAlone: if all remotes are streams no rsync is needed. --check shows what would be
// published where, and --check --connect shows who publishes there already.
func TestStreamAlone(t *testing.T) {
	t.Parallel()
	s := newScene(t, "")
	h := newHub(t, filepath.Dir(s.src))
	s.set.Streams, s.set.Rsync = []string{h.element("web")}, ""
	none := testkit.Options{Env: []string{"PATH=" + t.TempDir()}}
	file := filepath.Join(s.scratch, "alone.xml")
	check := func(args ...string) *testkit.Sersync {
		o := none
		o.Config, o.Dir, o.NoWait, o.File = s.set.XML(), s.scratch, true, file
		o.Args = append([]string{"--check", "-o", file}, args...)
		run := testkit.Start(t, o)
		run.Wait(limit)
		return run
	}
	run := check()
	if run.Wait(limit) != 0 || !strings.Contains(run.Stdout(), "hub:         "+h.url()) || !strings.Contains(run.Stdout(), "changes of 168 hours, at most 1024 MiB") || !strings.HasSuffix(run.Stdout(), "ok\n") {
		t.Errorf("%s%s", run.Stdout(), run.Stderr())
	}
	var report struct {
		LocalPaths []struct {
			Lanes []struct {
				Remote string
				Stream struct {
					Hub       string
					KeepHours int `json:"keep_hours"`
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(check("--json").Stdout()), &report); err != nil || len(report.LocalPaths) != 1 || len(report.LocalPaths[0].Lanes) != 1 ||
		report.LocalPaths[0].Lanes[0].Stream.Hub != h.url() || report.LocalPaths[0].Lanes[0].Stream.KeepHours != 168 {
		t.Errorf("%v, %+v", err, report)
	}
	s.app = testkit.Start(t, testkit.Options{Config: s.set.XML(), Dir: s.scratch, File: file, Args: []string{"-o", file}, Env: none.Env})
	s.write("1", "f")
	h.tells("web", "f", change.File)
	run = check("--connect")
	for _, want := range []string{fmt.Sprintf("sersync (pid %d) serves it to stream:web now", s.app.PID()), "the stream exists and fits", "of 1024 are in use"} {
		if run.Wait(limit) != 0 || !strings.Contains(run.Stdout(), want) {
			t.Errorf("no %q in\n%s%s", want, run.Stdout(), run.Stderr())
		}
	}
	// Another source is told to whom the tree belongs.
	other := newScene(t, "")
	other.set.Streams = s.set.Streams
	for more, want := range map[string]string{"": "sersync-hub release web", "zh": "另一个源"} {
		o := testkit.Options{}
		if more != "" {
			o = chinese
		}
		if run := other.tried(o); run.Wait(limit) != 1 || !strings.Contains(run.Stdout(), want) {
			t.Errorf("%s%s", run.Stdout(), run.Stderr())
		}
	}
	s.end()

	s.must(os.Chmod(h.key(), 0o644))
	if run := check(); run.Wait(limit) != 1 || !strings.Contains(run.Stdout(), "sersync/localpath/stream@creds: "+h.key()+": a file of the stream's key or authority cannot be used") {
		t.Errorf("%s%s", run.Stdout(), run.Stderr())
	}
	none.Env = append(none.Env, chinese.Env...)
	if run := check(); run.Wait(limit) != 1 || !strings.Contains(run.Stdout(), h.key()+": 流的密钥文件或机构证书文件无法使用") {
		t.Errorf("%s%s", run.Stdout(), run.Stderr())
	}
}
