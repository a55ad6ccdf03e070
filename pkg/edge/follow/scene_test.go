package follow

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/edge/backlog"
	"github.com/sersync/sersync/pkg/edge/edgexml"
	"github.com/sersync/sersync/pkg/edge/position"
)

// scene is a source directory, a stream, and an edge that a test can restart.
type scene struct {
	t       *testing.T
	stream  *fakeStream
	fetcher *fakeFetcher
	source  string
	edge    string
	state   string
	tree    edgexml.Tree
	limits  backlog.Limits
	told    []string

	follower *Follower
	cancel   context.CancelFunc
	ended    chan error
}

func newScene(t *testing.T) *scene {
	base := t.TempDir()
	s := &scene{t: t, stream: newStream(), source: base + "/source", edge: base + "/edge", state: base + "/state"}
	for _, dir := range []string{s.source, s.edge} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.fetcher = &fakeFetcher{from: s.source, to: s.edge}
	s.tree = edgexml.Tree{Name: "www", Dir: s.edge, Deletions: edgexml.DeleteAll}
	return s
}

func (s *scene) start() {
	s.t.Helper()
	file, err := position.Open(s.state, s.tree.Name)
	if err != nil {
		s.t.Fatal(err)
	}
	s.follower = New(Options{Tree: s.tree, Source: s.stream, Fetcher: s.fetcher, File: file, Limits: s.limits, Changed: func(c Changed) {
		s.told = append(s.told, fmt.Sprintf("%s %v", c.Path, c.Deleted))
	}})
	ctx, cancel := context.WithCancel(s.t.Context())
	s.cancel, s.ended = cancel, make(chan error, 1)
	go func() { s.ended <- s.follower.Run(ctx) }()
	synctest.Wait()
}

func (s *scene) stop() {
	s.t.Helper()
	s.cancel()
	if err := <-s.ended; err != nil {
		s.t.Fatal(err)
	}
}

// write writes a file at the source and returns its entry.
func (s *scene) write(path, content string) change.Entry {
	s.t.Helper()
	at := filepath.Join(s.source, path)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return change.Entry{
		Path: path, State: change.File, Mode: unix.S_IFREG | 0o644, UID: uint32(os.Getuid()), GID: uint32(os.Getgid()),
		ModTime: time.Now().UnixNano(), Size: int64(len(content)), Content: []byte(content),
	}
}

func (s *scene) large(path, content string) change.Entry {
	e := s.write(path, content)
	e.Content, e.Fetch = nil, true
	return e
}

func (s *scene) remove(path string) change.Entry {
	s.t.Helper()
	if err := os.RemoveAll(filepath.Join(s.source, path)); err != nil {
		s.t.Fatal(err)
	}
	return change.Entry{Path: path, State: change.Gone}
}

// has compares the edge's tree with words of the form "path=content".
func (s *scene) has(want ...string) {
	s.t.Helper()
	var got []string
	err := filepath.WalkDir(s.edge, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		got = append(got, strings.TrimPrefix(path, s.edge+"/")+"="+string(data))
		return err
	})
	slices.Sort(want)
	slices.Sort(got)
	if err != nil || !slices.Equal(got, want) {
		s.t.Errorf("the edge has %q, want %q (%v); %+v", got, want, err, s.follower.Figures())
	}
}

func (s *scene) inSync(want bool) {
	s.t.Helper()
	if f := s.follower.Figures(); f.InSync() != want {
		s.t.Errorf("in sync: %v; %+v", !want, f)
	}
}

func wait() {
	time.Sleep(5 * time.Second) // by the fake clock
	synctest.Wait()
}

func test(t *testing.T, run func(t *testing.T, s *scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		run(t, s)
		s.stop()
	})
}
