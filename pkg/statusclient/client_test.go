package statusclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/statuspage"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program is a fake daemon behind a real server.
type program struct {
	mu    sync.Mutex
	snap  status.Snapshot
	after func(asked int, s *status.Snapshot) // changes the answer to the n-th question
	asked int
	done  []string
}

func (p *program) Snapshot() status.Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.after != nil {
		p.after(p.asked, &p.snap)
	}
	s := p.snap
	s.Lanes = append([]status.Lane{}, s.Lanes...)
	s.Now = time.Now()
	return s
}

func (p *program) Do(_ context.Context, v status.Verb, lane string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch lane {
	case "unknown":
		return status.ErrUnknownLane
	case "busy":
		return errors.New("a full sync runs already")
	}
	p.done = append(p.done, string(v)+" "+lane)
	return nil
}

func inSync() status.Snapshot {
	return status.Snapshot{
		Version: "3.0.0", Ready: true, Roots: []status.Root{{Path: "/d\xff", State: status.RootWatched}},
		Lanes: []status.Lane{{ID: "x", Root: "/d\xff", Remote: "h::m", State: status.LaneInSync}},
	}
}

func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ssc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "sock")
}

// serve serves p on a socket and returns the path of the socket.
func serve(t *testing.T, p *program) string {
	t.Helper()
	socket := socketDir(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- statuspage.New(statuspage.Options{Host: confxml.Host{Socket: socket}, Actions: p}, p).Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := net.Dial("unix", socket); err == nil {
			_ = c.Close()
			return socket
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the server does not come up")
		}
	}
}

func show(t *testing.T, opts Options) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	opts.Out, opts.Err = &o, &e
	code = Show(t.Context(), opts)
	return code, o.String(), e.String()
}

func TestExitStatus(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*status.Snapshot)
		code   int
		first  string
	}{
		{"in sync", func(*status.Snapshot) {}, 0, "in sync"},
		{"lagging", func(s *status.Snapshot) { s.Lanes[0].State = status.LanePaused }, 1, "lagging: "},
		{"failing", func(s *status.Snapshot) { s.Lanes[0].State = status.LaneBackingOff }, 2, "failing: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &program{snap: inSync()}
			c.change(&p.snap)
			socket := serve(t, p)
			code, out, errs := show(t, Options{Socket: socket})
			if code != c.code || !strings.HasPrefix(out, c.first) || errs != "" {
				t.Errorf("%d %q %q", code, out, errs)
			}
			code, out, _ = show(t, Options{Socket: socket, JSON: true})
			var s status.Snapshot
			if err := json.Unmarshal([]byte(out), &s); err != nil || code != c.code || s.Roots[0].Path != "/d\xff" {
				t.Errorf("json: %d %v %s", code, err, out)
			}
		})
	}
}

func TestNotRunning(t *testing.T) {
	socket := socketDir(t)
	stale := func() {
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		_ = l.Close()
	}
	for _, prepare := range []func(){func() {}, stale} {
		prepare()
		for _, wait := range []bool{false, true} {
			code, out, errs := show(t, Options{Socket: socket, JSON: true, Wait: wait})
			if code != 3 || !strings.Contains(errs, "not running; start it") || strings.Count(errs, "\n") != 1 || !strings.Contains(out, `"level":3`) {
				t.Errorf("%d %q %q", code, out, errs)
			}
		}
	}
}

// A monitoring system shows the first line of the output, so that line says that nothing is
// running.
func TestNotRunningIsTheFirstLine(t *testing.T) {
	for lang, want := range map[status.Lang][2]string{
		status.English: {"not running: ask ", "; start it, or name its configuration file with -o\n"},
		status.Chinese: {"未运行: ask ", "; 请启动它，或用 -o 指定其配置文件\n"},
	} {
		code, out, errs := show(t, Options{Socket: socketDir(t), Render: status.RenderOptions{Lang: lang}})
		if code != 3 || !strings.HasPrefix(out, want[0]) || !strings.HasSuffix(out, want[1]) || errs != "" {
			t.Errorf("%d %q %q", code, out, errs)
		}
	}
}

func TestHangingProgramIsFailing(t *testing.T) {
	socket := socketDir(t)
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := New(socket)
	c.http.Timeout = 50 * time.Millisecond
	_, err = c.Status(t.Context())
	if err == nil || errors.Is(err, ErrNotRunning) {
		t.Errorf("err = %v", err)
	}
	var o, e bytes.Buffer
	if code := explain(Options{Out: &o, Err: &e}, err); code != 2 {
		t.Errorf("exit status %d: %s", code, e.String())
	}
}

func TestNoPermission(t *testing.T) {
	var o, e bytes.Buffer
	if code := explain(Options{Out: &o, Err: &e}, ErrForeign); code != 3 || !strings.Contains(o.String(), "as root") {
		t.Errorf("%d %s", code, o.String())
	}
}

func TestWaitSeesChangesThatAreStillOnTheirWay(t *testing.T) {
	p := &program{snap: inSync()}
	p.after = func(asked int, s *status.Snapshot) {
		l := &s.Lanes[0]
		switch asked {
		case 2: // the first answer said in sync, and the event came after it
			l.State, l.Pending = status.LaneSyncing, 1
		case 4:
			l.State, l.Pending, l.Runs = status.LaneInSync, 0, 1
		case 5: // a short run took place between two questions
			l.Runs = 2
		}
	}
	begin := time.Now()
	code, _, errs := show(t, Options{Socket: serve(t, p), Wait: true, Timeout: 30 * time.Second})
	if code != 0 || errs != "" {
		t.Fatalf("%d %q", code, errs)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked < 7 {
		t.Errorf("came back after %d questions in %v", p.asked, time.Since(begin))
	}
}

func TestWaitGivesUp(t *testing.T) {
	p := &program{snap: inSync()}
	p.snap.Lanes[0].State, p.snap.Lanes[0].Pending = status.LaneSyncing, 1
	code, _, errs := show(t, Options{Socket: serve(t, p), Wait: true, Timeout: 300 * time.Millisecond})
	if code != 1 || !strings.Contains(errs, "not everything is in sync after 300ms") {
		t.Errorf("%d %q", code, errs)
	}
}

// --wait does not wait for differences that only a person can settle.
func TestWaitEndsWithKnownDifferences(t *testing.T) {
	p := &program{snap: inSync()}
	p.snap.Lanes[0].State = status.LaneDegraded
	p.snap.Lanes[0].Differences = []status.Difference{{Kind: status.Newer, Count: 1}}
	code, out, errs := show(t, Options{Socket: serve(t, p), Wait: true, Timeout: 30 * time.Second})
	if code != 2 || errs != "" || !strings.Contains(out, "1 file is newer on the remote") {
		t.Errorf("%d %q %q", code, out, errs)
	}
}

func TestWaitIsInterrupted(t *testing.T) {
	p := &program{snap: inSync()}
	p.snap.Lanes[0].State = status.LaneFullSync
	socket := serve(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var o, e bytes.Buffer
	if code := Show(ctx, Options{Socket: socket, Wait: true, Out: &o, Err: &e}); code == 0 {
		t.Errorf("interrupted wait says in sync: %s", o.String())
	}
}

func TestActions(t *testing.T) {
	p := &program{snap: inSync()}
	c := New(serve(t, p))
	if err := c.Act(t.Context(), status.Pause, "x"); err != nil {
		t.Error(err)
	}
	if err := c.Act(t.Context(), status.Resync, ""); err != nil {
		t.Error(err)
	}
	if got := strings.Join(p.done, ","); got != "pause x,resync " {
		t.Errorf("done %s", got)
	}
	if err := c.Act(t.Context(), status.Pause, "unknown"); !errors.Is(err, status.ErrUnknownLane) {
		t.Errorf("err = %v", err)
	}
	if err := c.Act(t.Context(), status.Pause, "busy"); err == nil || !strings.Contains(err.Error(), "a full sync runs already") {
		t.Errorf("err = %v", err)
	}
	if err := New("/nonexistent/sock").Act(t.Context(), status.Pause, ""); !errors.Is(err, ErrNotRunning) {
		t.Errorf("err = %v", err)
	}
}
