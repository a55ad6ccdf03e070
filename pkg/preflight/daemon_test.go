package preflight

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/rsyncopts"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

// aim returns a target: a module of a daemon on loopback.
func aim(t *testing.T, port int, name, params string) rsync.Target {
	t.Helper()
	p, err := rsync.ParseParams(params, rsyncopts.Setting{Delete: true, Remotes: 1, Root: t.TempDir()}, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return rsync.Target{Host: "127.0.0.1", Name: name, Port: port, Params: p}
}

// tryAll tries the targets of one watch root.
func tryAll(t *testing.T, ctx context.Context, targets ...rsync.Target) *Report {
	t.Helper()
	s := Site{
		Program: "rsync", Env: os.Environ(), Delete: true,
		Roots: []WatchRoot{{Dir: t.TempDir(), Targets: targets, Holder: func(rsync.Target) int { return 0 }}},
	}
	r, err := s.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// step returns the lane's step about a topic; if there are several, the last one.
func step(l Lane, topic Topic) (s Step, ok bool) {
	for _, s := range slices.Backward(l.Steps) {
		if s.Topic == topic {
			return s, true
		}
	}
	return s, false
}

// untouched fails unless a directory holds exactly these names.
func untouched(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, e := range entries {
		have = append(have, e.Name())
	}
	if !slices.Equal(have, names) {
		t.Errorf("%s holds %q, and should hold %q", dir, have, names)
	}
}

// TestDaemons tries real daemons that are set up as people do it. At each of them at most one step
// is not ok, and each directory holds afterwards what it held before.
func TestDaemons(t *testing.T) {
	for _, c := range testkit.Few([]struct {
		name, module, params string
		options              []string
		user, password       string
		topic                Topic // the topic of the step that is not ok
		also                 Topic // the topic of a note beside it
		verdict              Verdict
		says                 string
		mend                 string // the lines that would mend it, joined by slashes
	}{
		{name: "sound", module: "m"},
		{name: "a directory in a module", module: "m/sub"},
		{name: "no such module", module: "n", topic: TopicModule, verdict: Wrong, says: "no such module", mend: "[n]/path = /"},
		{name: "no such module for a user", module: "n", user: "bob", password: "secret", topic: TopicModule, verdict: Wrong, says: "no such module", mend: "secrets file = /etc/rsyncd.secrets/bob:PASSWORD"},
		{name: "user and password", module: "m", user: "bob", password: "secret", options: []string{"auth users = bob"}},
		{name: "wrong password", module: "m", user: "bob", password: "wrong", options: []string{"auth users = bob"}, topic: TopicLogin, verdict: Wrong, says: "put bob into auth users of [m]", mend: "[m]/auth users = bob/secrets file = /etc/rsyncd.secrets/bob:PASSWORD"},
		{name: "a user is asked for", module: "m", options: []string{"auth users = bob"}, topic: TopicLogin, verdict: Wrong, says: "name a user of auth users of [m]"},
		{name: "another host", module: "m", options: []string{"hosts allow = 10.9.8.7"}, topic: TopicAccess, verdict: Wrong, says: "does not let this host in", mend: "[m]/hosts allow = 127.0.0.1"},
		{name: "read only", module: "m", options: []string{"read only = yes"}, topic: TopicWrite, verdict: Wrong, says: "read only", mend: "[m]/read only = no"},
		{name: "write only", module: "m", options: []string{"write only = yes"}, topic: TopicWrite, verdict: Remark, says: "the module is write only"},
		{name: "no path", module: "m", options: []string{"path = /nonexistent/path"}, topic: TopicDirectory, verdict: Wrong, says: "create the path"},
		{name: "unknown uid", module: "m", options: []string{"uid = nobody-of-that-name"}, topic: TopicDirectory, verdict: Wrong, says: "unknown uid", mend: "[m]/uid = root"},
		{name: "no deletions", module: "m", options: []string{"refuse options = delete"}, topic: TopicDelete, also: TopicWrite, verdict: Wrong, says: "take delete out of refuse options of [m]"},
		{name: "no compression", module: "m", params: "-artuz", options: []string{"refuse options = compress"}, topic: TopicOptions, verdict: Wrong, says: "take compress out of refuse options of [m]"},
		{name: "dot-files excluded", module: "m", options: []string{"exclude = .*"}, topic: TopicWrite, verdict: Remark, says: "the remote's own configuration excludes"},
		{name: "last directory missing", module: "m/new", topic: TopicDirectory, verdict: Doubt, says: "the first run makes it"},
		{name: "directories missing", module: "m/new/deep", topic: TopicDirectory, verdict: Wrong, says: "nor does the directory above it"},
		{name: "a file", module: "m/file", topic: TopicDirectory, verdict: Wrong, says: "is a file"},
		{name: "parameters that choose files", module: "m", params: "-rt --exclude=.* --max-size=1 --existing --backup --max-delete=0 --remove-source-files"},
		{name: "no times", module: "m", params: "-r", topic: TopicTimes, verdict: Remark, says: "no -t"},
	}, 8) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, err := range []error{os.Mkdir(filepath.Join(dir, "sub"), 0o755), os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			d := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: dir, Options: c.options}}, Secrets: map[string]string{"bob": "secret"}})
			if c.params == "" {
				c.params = "-art"
			}
			target := aim(t, d.Port(), c.module, c.params)
			if target.User = c.user; c.password != "" {
				target.PasswordFile = filepath.Join(d.Dir, "password")
				if err := os.WriteFile(target.PasswordFile, []byte(c.password+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r := tryAll(t, t.Context(), target)
			judge(t, r, c.topic, c.also, c.verdict, c.says, c.mend)
			untouched(t, dir, "file", "sub")
			untouched(t, filepath.Join(dir, "sub"))
		})
	}
}

// judge fails unless one step of the only lane is as expected, and all other steps are good.
func judge(t *testing.T, r *Report, topic, also Topic, v Verdict, says, mend string) {
	t.Helper()
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	lane := r.Lanes[0]
	if lane.OK() != (v != Wrong) {
		t.Errorf("ok is %v:\n%s", lane.OK(), text.String())
	}
	for _, s := range lane.Steps {
		if s.Verdict != Good && (s.Topic != topic || v == Good) && (s.Topic != also || s.Verdict != Remark) {
			t.Errorf("the step about %v is no good:\n%s", s.Topic, text.String())
		}
	}
	if v == Good {
		return
	}
	s, ok := step(lane, topic)
	var lines []string
	for _, m := range s.Mend {
		for _, l := range m.Lines {
			lines = append(lines, strings.TrimSpace(l))
		}
	}
	if !ok || s.Verdict != v || !strings.Contains(s.Said.String()+"; "+s.Remedy.String(), says) || !strings.Contains(strings.Join(lines, "/"), mend) {
		t.Errorf("the step about %v is not %v with %q and %q:\n%s", topic, v, says, mend, text.String())
	}
	if strings.Contains(text.String(), "secret\n") || strings.Contains(text.String(), "wrong\n") {
		t.Error("a password is shown")
	}
}

// TestOldDaemons: the report names what old releases do not accept, and everything is tried all the
// same.
func TestOldDaemons(t *testing.T) {
	for name, c := range map[string]struct {
		release testkit.Release
		says    string
	}{
		"3.0.9": {testkit.Rsync309, "times compared by the second; deletions by patterns"},
		"3.1.2": {testkit.Rsync312, "times compared by the second"},
		"3.1.3": {testkit.Rsync313, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			real := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: dir}}})
			old := testkit.NewOldRsyncd(t, c.release, real)
			lane := tryAll(t, t.Context(), aim(t, old.Port(), "m", "-artuz")).Lanes[0]
			s, _ := step(lane, TopicOptions)
			written, _ := step(lane, TopicWrite)
			if !lane.OK() || written.Verdict != Good || (s.Verdict == Good) != (c.says == "") || !strings.HasSuffix(s.Said.String(), c.says) {
				t.Errorf("%v", lane.Steps)
			}
			untouched(t, dir)
		})
	}
}

// TestWays: the report distinguishes a remote that cannot be reached from an address at which
// something else answers.
func TestWays(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if c, err := other.Accept(); err == nil {
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_ = c.Close()
		}
	}()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	port := func(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
	unknown := aim(t, 873, "m", "-a")
	unknown.Host = "no-such-host.invalid"
	r := tryAll(t, t.Context(), aim(t, testkit.FreePort(t), "m", "-a"), aim(t, port(other), "m", "-a"), aim(t, port(silent), "m", "-a"), unknown)
	other.Close()
	<-served
	for i, want := range []struct {
		topic Topic
		says  string
	}{{TopicPort, "start the rsync daemon on 127.0.0.1, check the port"}, {TopicRelease, "HTTP/1.1 400"}, {TopicRelease, "says nothing: it takes too long"}, {TopicName, "no-such-host.invalid cannot be resolved"}} {
		s, ok := step(r.Lanes[i], want.topic)
		if !ok || s.Verdict != Wrong || !strings.Contains(s.Said.String()+"; "+s.Remedy.String(), want.says) {
			t.Errorf("lane %d: %v", i+1, r.Lanes[i].Steps)
		}
	}
}

// TestFiftyLanes: many lanes to one daemon are tried side by side, and none of them fails because
// of the others.
func TestFiftyLanes(t *testing.T) {
	testkit.Long(t)
	const lanes = 50
	base := t.TempDir()
	var modules []testkit.Module
	for i := range lanes {
		modules = append(modules, testkit.Module{Name: fmt.Sprint("m", i), Path: filepath.Join(base, fmt.Sprint(i))})
	}
	d := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: modules})
	var targets []rsync.Target
	for _, m := range modules {
		targets = append(targets, aim(t, d.Port(), m.Name, "-artuz"))
	}
	r := tryAll(t, t.Context(), targets...)
	if len(r.Lanes) != lanes {
		t.Fatalf("%d lanes", len(r.Lanes))
	}
	for i, lane := range r.Lanes {
		if s, _ := step(lane, TopicWrite); s.Verdict != Good || s.Said.String() != writeDone.String() {
			t.Errorf("lane %d: %v", i+1, lane.Steps)
		}
		untouched(t, modules[i].Path)
	}
}
