package targets

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/hub/hubcmd"
	"github.com/sersync/sersync/pkg/hub/identity"
	"github.com/sersync/sersync/pkg/stream"
	"github.com/sersync/sersync/pkg/stream/dial"
)

// roleEnv makes this test binary a sersync-hub instead, so that the hub can be killed.
const roleEnv = "TARGETS_TEST_ROLE"

// runRole runs the program that the environment asks this process to be; without such a request it
// returns.
func runRole() {
	if os.Getenv(roleEnv) == "hub" {
		os.Exit(hubcmd.Main(os.Args[1:], io.Discard, os.Stderr))
	}
}

// theHub is a hub on loopback, in a process of its own.
type theHub struct {
	t    *testing.T
	dir  string
	port int
	cmd  *exec.Cmd // nil: the hub was killed
	// ended is closed when the process has ended.
	ended chan struct{}
}

func newHub(t *testing.T, base string) *theHub {
	t.Helper()
	h := &theHub{t: t, dir: filepath.Join(base, "hub"), port: testkit.FreePort(t)}
	h.start()
	t.Cleanup(h.kill)
	return h
}

// start starts the hub, and returns once the hub accepts the source's key.
func (h *theHub) start() {
	h.t.Helper()
	h.cmd = exec.Command(os.Args[0], "--dir", h.dir, "--listen", fmt.Sprintf("127.0.0.1:%d", h.port), "--metrics", "", "--max-store", "4000")
	h.cmd.Env = append(os.Environ(), roleEnv+"=hub")
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// The kernel kills the hub when the thread that has started it ends. So that thread stays.
	cmd, started, ended := h.cmd, make(chan error, 1), make(chan struct{})
	h.ended = ended
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the hub was killed
		}
	}()
	if err := <-started; err != nil {
		h.t.Fatal(err)
	}
	testkit.Eventually(h.t, limit, "the hub takes the source's key", func() bool {
		conn, err := dial.Connect(h.t.Context(), h.way())
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func (h *theHub) kill() {
	if h.cmd != nil {
		_ = h.cmd.Process.Kill()
		<-h.ended
		h.cmd = nil
	}
}

func (h *theHub) key() string { return filepath.Join(h.dir, identity.SourceKey) }
func (h *theHub) ca() string  { return filepath.Join(h.dir, identity.CA) }
func (h *theHub) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", h.port) }

func (h *theHub) way() dial.Way {
	return dial.Way{URL: h.url(), Creds: h.key(), CA: h.ca(), Client: h.t.Name()}
}

// element is the <stream> element of a source.
func (h *theHub) element(tree string) string {
	return fmt.Sprintf(`<stream name="%s" url="%s" creds="%s" ca="%s"/>`, tree, h.url(), h.key(), h.ca())
}

// told is what an edge knows after it has read the whole stream of a tree: the last entry about
// each path, except for paths that a later entry about a directory above them has removed.
func (h *theHub) told(tree string) map[string]change.Entry {
	ctx, cancel := context.WithTimeout(h.t.Context(), limit)
	defer cancel()
	last := map[string]change.Entry{}
	conn, err := dial.Connect(ctx, h.way())
	if err != nil {
		return last
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		h.t.Fatal(err)
	}
	messages, err := js.Stream(ctx, stream.Name(tree))
	if err != nil {
		return last
	}
	state := messages.CachedInfo().State
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		raw, err := messages.GetMsg(ctx, seq)
		if err != nil {
			return last
		}
		m, err := change.Decode(raw.Data)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, e := range m.Entries {
			if e.State == change.Gone {
				for path := range last {
					if strings.HasPrefix(path, e.Path+"/") {
						delete(last, path)
					}
				}
			}
			last[e.Path] = e
		}
	}
	return last
}

// tells waits until the last entry about a path has this state.
func (h *theHub) tells(tree, path string, state change.State) change.Entry {
	h.t.Helper()
	var e change.Entry
	testkit.Eventually(h.t, limit, fmt.Sprintf("the stream tells that %s is %v", path, state), func() bool {
		var ok bool
		e, ok = h.told(tree)[path]
		return ok && e.State == state
	})
	return e
}

// TestStream: a localpath with <stream> instead of <remote> publishes the files that exist (with
// -r), those that are written, made and deleted, and those that change while the hub is killed.
// Meanwhile the status is not in sync. No other source can publish the same tree.
func TestStream(t *testing.T) {
	t.Parallel()
	s := newScene(t, "")
	h := newHub(t, filepath.Dir(s.src))
	s.set.Streams = []string{h.element("web")}
	s.write("1", "before/a", "gone/b")
	s.launch("-r")
	h.tells("web", "", change.Tree) // with -r all edges compare
	s.status("stream:web", 0)
	s.status("in sync", 0)

	s.write("2", "f", "d/e/g")
	if e := h.tells("web", "f", change.File); string(e.Content) != "f 2\n" {
		t.Errorf("f has the content %q", e.Content)
	}
	h.tells("web", "d", change.Dir)
	h.tells("web", "d/e/g", change.File)
	s.must(os.RemoveAll(filepath.Join(s.src, "gone")))
	h.tells("web", "gone", change.Gone)
	s.status("in sync", 0)

	h.kill()
	s.write("3", "f")
	s.must(os.Remove(filepath.Join(s.src, "before/a")))
	s.status("the hub does not answer", 2)
	h.start()
	h.tells("web", "before/a", change.Gone)
	testkit.Eventually(t, limit, "the stream tells what f holds now", func() bool {
		e, ok := h.told("web")["f"]
		return ok && string(e.Content) == "f 3\n"
	})
	s.status("in sync", 0)

	other := newScene(t, "")
	other.set.Streams = s.set.Streams
	other.write("forged", "f")
	other.launch("-r")
	other.status("another source publishes this tree", 2)
	if out := other.status("sersync-hub release web", 2); strings.Contains(out, "in sync") {
		t.Errorf("a source that is refused says:\n%s", out)
	}
	if e := h.told("web")["f"]; string(e.Content) != "f 3\n" {
		t.Errorf("the stream tells of f %q", e.Content)
	}
	s.status("in sync", 0)
	other.end()
	s.end()
}
