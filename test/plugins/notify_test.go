package plugins

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/notify"
)

// person is the receiver of the messages: a web server that keeps what it gets.
type person struct {
	*httptest.Server
	mu   sync.Mutex
	got  []notify.Message
	does http.HandlerFunc // is called instead of accepting a message; nil: messages are accepted
}

func newPerson(t *testing.T) *person {
	t.Helper()
	p := &person{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		does := p.does
		p.mu.Unlock()
		if does != nil {
			does(w, r)
			return
		}
		data, _ := io.ReadAll(r.Body)
		var m notify.Message
		if err := json.Unmarshal(data, &m); err != nil {
			t.Errorf("%s: %v", data, err)
		}
		p.mu.Lock()
		p.got = append(p.got, m)
		p.mu.Unlock()
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *person) set(does http.HandlerFunc) {
	p.mu.Lock()
	p.does = does
	p.mu.Unlock()
}

// wait waits for a message and returns it.
func (p *person) wait(t *testing.T, e notify.Event, st notify.Status) notify.Message {
	t.Helper()
	var found notify.Message
	testkit.Eventually(t, limit, fmt.Sprintf("told of %s %s", e, st), func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		i := slices.IndexFunc(p.got, func(m notify.Message) bool { return m.Event == e && m.Status == st })
		if i >= 0 {
			found = p.got[i]
		}
		return i >= 0
	})
	return found
}

// count is how often the person got such a message.
func (p *person) count(e notify.Event, st notify.Status) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.got {
		if m.Event == e && m.Status == st {
			n++
		}
	}
	return n
}

// ask runs a command of the program.
func (s *scene) ask(args ...string) {
	s.t.Helper()
	if out, err := exec.Command(testkit.Build(s.t), append([]string{"-o", s.app.File}, args...)...).CombinedOutput(); err != nil {
		s.t.Logf("%v: %v\n%s", args, err, out)
	}
}

// TestNotify: a remote goes down and comes back, a verification finds a difference, and the watched
// directory goes away. The receivers of <notify> get each message once, even if the program is
// killed meanwhile.
func TestNotify(t *testing.T) {
	p := newPerson(t)
	s := newScene(t, 1)
	s.elements = fmt.Sprintf(`<notify name="ops" after="200ms" repeat="0"><webhook url="%s/hook"/></notify>
<notify name="file" after="200ms" repeat="0"><command run="%s/tell 'two words'"/></notify>
`, p.URL, s.base)
	s.must(os.WriteFile(s.base+"/tell", []byte("#!/bin/sh\n[ \"$1\" = 'two words' ] && echo $SERSYNC_EVENT $SERSYNC_STATUS >>'"+s.base+"/told'\n"), 0o700))
	s.start()
	s.do(testkit.Op{"write", "a", "1"})
	testkit.WaitEqual(t, s.src, s.dst[0], testkit.Compare{}, limit)

	s.remotes[0].Stop()
	s.do(testkit.Op{"write", "b", "1"})
	m := p.wait(t, notify.Lane, notify.Problem)
	if m.Level != "failing" || m.Root != s.src || !strings.Contains(m.Text, "backing off (") || m.Reason == "" || m.Remedy == "" {
		t.Errorf("%+v", m)
	}

	// The receiver does not accept the message that the trouble is over. The program is killed, and
	// the next one delivers the message.
	p.set(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	s.remotes[0].Start()
	testkit.WaitEqual(t, s.src, s.dst[0], testkit.Compare{}, limit)
	testkit.Eventually(t, limit, "the end waits for the receiver", func() bool {
		x := s.plugin("notify ops")
		return x.Pending == 1 && x.FailedAttempts > 0 && strings.Contains(x.LastError, "502")
	})
	testkit.Eventually(t, limit, "the end is written down", func() bool {
		out, _ := exec.Command("sh", "-c", "cat '"+s.set.State()+"'/notify-*").Output()
		return strings.Contains(string(out), `"status":"over"`)
	})
	s.app.Kill9()
	p.set(nil)
	s.start()
	p.wait(t, notify.Lane, notify.Over)

	testkit.WaitEqual(t, s.src, s.dst[0], testkit.Compare{}, limit)
	if err := os.WriteFile(s.dst[0]+"/only there", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.ask("--verify")
	if m := p.wait(t, notify.Verify, notify.Problem); !strings.Contains(m.Text, "1 entry is only on the remote") || m.Remedy == "" {
		t.Errorf("%+v", m)
	}

	s.must(os.Rename(s.src, s.src+".away"))
	if m := p.wait(t, notify.Brake, notify.Problem); m.Root != s.src || m.Lane != "" || m.Remedy == "" {
		t.Errorf("%+v", m)
	}
	s.must(os.Rename(s.src+".away", s.src))
	p.wait(t, notify.Brake, notify.Over)

	// The program may have been killed after it ran the command and before it noted that, so a line
	// may be there twice.
	want := []string{"lane problem", "lane over", "verify problem", "brake problem", "brake over"}
	var told []byte
	if !testkit.Poll(limit, func() bool {
		told, _ = os.ReadFile(s.base + "/told")
		return subsequence(want, strings.Split(string(told), "\n"))
	}) {
		t.Errorf("the command has not been run for each of %q in turn; it was for:\n%s", want, told)
	}

	// After a stop another, empty directory is at the path: the brake holds.
	before := p.count(notify.Brake, notify.Problem)
	if code := s.app.Stop(); code != 0 {
		t.Errorf("exit %d\n%s", code, s.app.Stderr())
	}
	s.must(os.Rename(s.src, s.src+".away"))
	s.must(os.Mkdir(s.src, 0o755))
	s.start()
	testkit.Eventually(t, limit, "told that the brake holds", func() bool { return p.count(notify.Brake, notify.Problem) > before })
	if entries, err := os.ReadDir(s.dst[0]); err != nil || len(entries) < 2 {
		t.Errorf("the brake has not held: %v, %v", entries, err)
	}

	// The same holds for the receiver: what it was being told when the program was killed, it may be
	// told once more.
	p.mu.Lock()
	defer p.mu.Unlock()
	ids, again := map[string]int{}, 0
	for _, m := range p.got {
		if ids[m.ID]++; ids[m.ID] > 1 {
			if again++; again > 1 {
				t.Errorf("told again: %+v", m)
			}
		}
	}
}

// subsequence tells whether lines contains everything in want, in this order.
func subsequence(want, lines []string) bool {
	for _, line := range lines {
		if len(want) > 0 && line == want[0] {
			want = want[1:]
		}
	}
	return len(want) == 0
}

// TestNotifyHangs: a receiver that accepts the connection and never answers, and a command that
// never ends, delay neither the sync nor the stop.
func TestNotifyHangs(t *testing.T) {
	p := newPerson(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	p.set(func(http.ResponseWriter, *http.Request) { <-release })
	s := newScene(t, 2)
	s.elements = fmt.Sprintf(`<notify name="ops" after="0s"><webhook url="%s/hook" timeout="1h"/></notify>
<notify name="script" after="0s"><command run="sleep 1000" timeout="1h"/></notify>
`, p.URL)
	s.start()
	s.remotes[0].Stop()
	s.do(testkit.Op{"write", "a", "1"})
	testkit.Eventually(t, limit, "both receivers hang", func() bool {
		return s.plugin("notify ops").Pending > 0 && s.plugin("notify script").Pending > 0 && len(s.app.Processes()) > 1
	})
	s.do(testkit.Op{"write", "b", "1"})
	testkit.WaitEqual(t, s.src, s.dst[1], testkit.Compare{}, limit)
	begin := time.Now()
	if code := s.app.Stop(); code != 0 {
		t.Errorf("exit %d\n%s", code, s.app.Stderr())
	}
	t.Logf("the stop took %v", time.Since(begin))
	if !testkit.Poll(5*time.Second, func() bool { return len(s.app.Processes()) == 0 }) {
		t.Error("the command outlives the program")
	}
}
