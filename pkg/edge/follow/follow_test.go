package follow

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/edge/backlog"
	"github.com/sersync/sersync/pkg/edge/edgexml"
	"github.com/sersync/sersync/pkg/edge/fetch"
	"github.com/sersync/sersync/pkg/edge/position"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeStream is a stream in memory.
type fakeStream struct {
	mu         sync.Mutex
	first      uint64
	deliveries []Delivery
	news       chan struct{}
	cut        chan struct{} // closed: connections end
	down       error
	epoch      change.Epoch
	generation uint64
}

func newStream() *fakeStream {
	return &fakeStream{first: 1, news: make(chan struct{}), cut: make(chan struct{}), epoch: change.Epoch{1}}
}

func (s *fakeStream) add(d Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.Sequence = s.first + uint64(len(s.deliveries))
	s.deliveries = append(s.deliveries, d)
	close(s.news)
	s.news = make(chan struct{})
}

func (s *fakeStream) publish(entries ...change.Entry) {
	s.generation++
	s.add(Delivery{Message: change.Message{Epoch: s.epoch, Generation: s.generation, Entries: entries}})
}

// forget drops the first messages, as a limit of the stream does.
func (s *fakeStream) forget(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first += uint64(n)
	s.deliveries = s.deliveries[n:]
}

// fail ends every connection with an error; nil: new connections work.
func (s *fakeStream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = err
	close(s.cut)
	s.cut = make(chan struct{})
}

func (s *fakeStream) Bounds(context.Context) (Bounds, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Bounds{First: s.first, Last: s.first + uint64(len(s.deliveries)) - 1}, s.down
}

func (s *fakeStream) Follow(ctx context.Context, from uint64, take func(Delivery) bool) error {
	for {
		s.mu.Lock()
		news, cut, down := s.news, s.cut, s.down
		var d *Delivery
		if from < s.first {
			down = ErrLost
		} else if n := from - s.first; n < uint64(len(s.deliveries)) {
			d = &s.deliveries[n]
		}
		s.mu.Unlock()
		if down != nil {
			return down
		}
		if d != nil {
			if !take(*d) {
				return nil
			}
			from++
			continue
		}
		select {
		case <-news:
		case <-cut:
			return errors.New("cut off")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fakeFetcher copies from a directory; a test can make it wait or fail.
type fakeFetcher struct {
	from, to string
	mu       sync.Mutex
	hold     chan struct{} // a run waits until this channel is closed
	err      error
	runs     []string
	needs    uint64 // the sequence that the latest run needed
	surveys  int
}

// seen lists the runs so far.
func (f *fakeFetcher) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.runs)
}

// forget forgets the runs so far.
func (f *fakeFetcher) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.runs = nil
}

func (f *fakeFetcher) Pull(ctx context.Context, items []*backlog.Item) fetch.Result {
	f.mu.Lock()
	hold, err := f.hold, f.err
	var names []string
	for _, i := range items {
		names = append(names, i.Path())
		f.needs = i.Needs
	}
	f.runs = append(f.runs, strings.Join(names, "+"))
	f.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return fetch.Result{Failed: items, Err: ctx.Err()}
		}
	}
	if err != nil {
		return fetch.Result{Failed: items, Err: err}
	}
	for _, i := range items {
		if err := copyPath(filepath.Join(f.from, i.Path()), filepath.Join(f.to, i.Path())); err != nil {
			return fetch.Result{Failed: items, Err: err}
		}
	}
	return fetch.Result{}
}

func copyPath(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at := to + strings.TrimPrefix(path, from)
		if d.IsDir() {
			return os.MkdirAll(at, 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(at, data, 0o644)
	})
}

func (f *fakeFetcher) Extras(_ context.Context, dir string, _ uint64) (extras []string, err error) {
	f.mu.Lock()
	f.surveys++
	f.mu.Unlock()
	err = filepath.WalkDir(filepath.Join(f.to, dir), func(path string, _ os.DirEntry, err error) error {
		if rel := strings.TrimPrefix(path, f.to+"/"); err == nil && path != f.to {
			if _, err := os.Lstat(filepath.Join(f.from, rel)); err != nil {
				extras = append(extras, rel)
			}
		}
		return err
	})
	slices.Sort(extras)
	slices.Reverse(extras)
	return extras, err
}

func (f *fakeFetcher) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

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

func TestSmallAndLarge(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		wait()
		s.inSync(true)
		s.stream.publish(s.write("a", "1"), s.large("d/b", "22"))
		wait()
		s.has("a=1", "d/b=22")
		s.stream.publish(s.remove("a"))
		s.stream.publish(s.write("d/b", "3"))
		wait()
		s.has("d/b=3")
		s.inSync(true)
		if f := s.follower.Figures(); f.Done.Sequence != 3 || f.Done.Generation != 3 || f.Applied != 3 {
			t.Errorf("%+v", f)
		}
	})
}

// After a restart the edge goes on with the next message, and fetches what it had not fetched
// before.
func TestRestart(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		s.stream.publish(s.write("a", "1"))
		wait()
		s.fetcher.set(func() { s.fetcher.err = errors.New("no upstream") })
		s.stream.publish(s.large("b", "2"))
		wait()
		s.inSync(false)
		if f := s.follower.Figures(); f.Done.Sequence != 1 || f.Taken.Sequence != 2 || f.Failing != 1 || !strings.Contains(f.Trouble().String(), "no upstream") {
			t.Errorf("%+v", f)
		}
		s.stop()
		s.stream.publish(s.write("c", "3"))
		s.fetcher.set(func() { s.fetcher.err, s.fetcher.runs = nil, nil })
		s.start()
		wait()
		s.has("a=1", "b=2", "c=3")
		s.inSync(true)
		if !slices.Equal(s.fetcher.seen(), []string{"b"}) {
			t.Errorf("runs %q", s.fetcher.seen())
		}
	})
}

// A new edge compares everything and removes nothing before that has succeeded; then it goes on
// with the messages that have come meanwhile.
func TestNewEdge(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.tree.Adopt = true
		if err := os.WriteFile(s.edge+"/stray", []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		s.stream.publish(s.write("a", "1"))
		s.stream.publish(s.write("b", "2"))
		s.stream.forget(1)
		hold := make(chan struct{})
		s.fetcher.set(func() { s.fetcher.hold = hold })
		s.start()
		wait()
		if f := s.follower.Figures(); !f.Comparing || f.InSync() {
			t.Errorf("%+v", f)
		}
		s.stream.publish(s.write("c", "3"), s.remove("a"))
		wait()
		s.has("stray=x")
		if s.fetcher.needs != 2 {
			t.Errorf("a mirror of generation %d would do", s.fetcher.needs)
		}
		close(hold)
		wait()
		s.has("b=2", "c=3")
		s.inSync(true)
	})
}

func TestDeletionPolicies(t *testing.T) {
	for policy, want := range map[edgexml.Deletions][]string{
		edgexml.DeleteAll:  {"b=2"},
		edgexml.DeleteSaid: {"b=2", "stray=x"},
		edgexml.DeleteNone: {"b=2", "stray=x", "a=1"},
	} {
		test(t, func(t *testing.T, s *scene) {
			s.tree.Adopt, s.tree.Deletions = true, policy
			if err := os.WriteFile(s.edge+"/stray", []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
			s.stream.publish(s.write("a", "1"), s.write("b", "2"))
			s.start()
			wait()
			s.stream.publish(s.remove("a"))
			wait()
			s.has(want...)
			s.inSync(true)
		})
	}
}

// The stream no longer holds the messages that the edge has missed, or it was made anew: the edge
// compares everything.
func TestLostMessages(t *testing.T) {
	for name, lose := range map[string]func(s *scene){
		"limit": func(s *scene) {
			s.stream.publish(s.write("c", "3"))
			s.stream.publish(s.remove("a"))
			s.stream.publish(s.write("d", "4"))
			s.stream.forget(4)
		},
		"epoch": func(s *scene) {
			s.stream.epoch, s.stream.generation = change.Epoch{2}, 0
			s.write("c", "3")
			s.remove("a")
			s.stream.publish(s.write("d", "4"))
		},
		"made anew": func(s *scene) {
			s.stream.forget(2)
			s.stream.first, s.stream.epoch, s.stream.generation = 1, change.Epoch{3}, 0
			s.write("c", "3")
			s.remove("a")
			s.stream.publish(s.write("d", "4"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(t *testing.T, s *scene) {
				s.start()
				s.stream.publish(s.write("a", "1"))
				s.stream.publish(s.write("b", "2"))
				wait()
				s.stop()
				s.fetcher.forget()
				lose(s)
				s.start()
				wait()
				s.has("b=2", "c=3", "d=4")
				s.inSync(true)
				if !slices.Equal(s.fetcher.seen(), []string{""}) {
					t.Errorf("runs %q", s.fetcher.seen())
				}
			})
		})
	}
}

func TestConnectionLost(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		s.stream.publish(s.write("a", "1"))
		wait()
		s.stream.fail(errors.New("no hub"))
		wait()
		s.inSync(false)
		if f := s.follower.Figures(); !strings.Contains(f.Trouble().String(), "no hub") {
			t.Errorf("%+v", f)
		}
		s.stream.publish(s.write("b", "2"))
		s.stream.fail(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		s.has("a=1", "b=2")
		s.inSync(true)
	})
}

// An older state of a file is being fetched when its newer, small state arrives: the older one does
// not replace the newer one.
func TestNoOlderStateComesLate(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		wait()
		hold := make(chan struct{})
		s.fetcher.set(func() { s.fetcher.hold = hold })
		s.stream.publish(s.large("a", "old"))
		wait()
		s.stream.publish(s.write("a", "new"), s.write("b", "2"))
		wait()
		s.has("b=2")
		close(hold)
		wait()
		s.has("a=new", "b=2")
	})
}

func TestRefusedMessages(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		s.stream.publish(s.write("a", "1"))
		wait()
		s.fetcher.forget()
		s.write("unsaid", "x")
		s.stream.add(Delivery{Err: change.ErrDamaged})
		s.stream.publish(s.write("b", "2"))
		wait()
		if f := s.follower.Figures(); f.Refused != 1 || f.Taken.Sequence != 3 {
			t.Errorf("%+v", f)
		}
		// The change that the damaged message named is found by a comparison.
		s.has("a=1", "b=2", "unsaid=x")
		for range 100 {
			s.stream.add(Delivery{Err: change.ErrFuture})
		}
		wait()
		if !slices.Equal(s.fetcher.seen(), []string{""}) {
			t.Errorf("runs %q", s.fetcher.seen())
		}
		time.Sleep(unsureEvery)
		synctest.Wait()
		if len(s.fetcher.seen()) != 2 {
			t.Errorf("runs %q", s.fetcher.seen())
		}
	})
}

// The directory goes away, or another one takes its place: nothing is applied or deleted there.
func TestDirectoryIsAnother(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		s.stream.publish(s.write("a", "1"))
		wait()
		if err := os.Rename(s.edge, s.edge+".away"); err != nil {
			t.Fatal(err)
		}
		s.stream.publish(s.write("b", "2"))
		wait()
		s.inSync(false)
		if f := s.follower.Figures(); !strings.Contains(f.Trouble().String(), "does not exist") {
			t.Errorf("%+v", f)
		}
		if err := os.Mkdir(s.edge, 0o755); err != nil {
			t.Fatal(err)
		}
		s.stream.publish(s.remove("a"))
		wait()
		s.has()
		s.inSync(false)
		if f := s.follower.Figures(); !strings.Contains(f.Trouble().String(), "not the one that this edge has filled") {
			t.Errorf("%+v", f)
		}
		if err := errors.Join(os.Remove(s.edge), os.Rename(s.edge+".away", s.edge)); err != nil {
			t.Fatal(err)
		}
		wait()
		s.has("b=2")
		s.inSync(true)
	})
}

func TestNotEmpty(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		if err := os.WriteFile(s.edge+"/mine", []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		s.stream.publish(s.write("a", "1"))
		s.start()
		wait()
		s.has("mine=x")
		s.inSync(false)
		if f := s.follower.Figures(); !strings.Contains(f.Trouble().String(), `adopt="true"`) {
			t.Errorf("%+v", f)
		}
		if err := os.Remove(s.edge + "/mine"); err != nil {
			t.Fatal(err)
		}
		wait()
		s.has("a=1")
		s.inSync(true)
	})
}

// An edge that cannot save its state begins nothing: the next start would take the files for
// somebody else's.
func TestStateCannotBeWritten(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.stream.publish(s.write("a", "1"))
		file, err := position.Open(s.state, "www")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(file.Dir()); err != nil {
			t.Fatal(err)
		}
		s.follower = New(Options{Tree: s.tree, Source: s.stream, Fetcher: s.fetcher, File: file})
		ctx, cancel := context.WithCancel(t.Context())
		s.cancel, s.ended = cancel, make(chan error, 1)
		go func() { s.ended <- s.follower.Run(ctx) }()
		wait()
		s.has()
		if f := s.follower.Figures(); f.InSync() || !strings.Contains(f.Trouble().String(), "position of the tree www cannot be written") {
			t.Errorf("%+v", f)
		}
		if err := os.Mkdir(file.Dir(), 0o700); err != nil {
			t.Fatal(err)
		}
		wait()
		s.has("a=1")
		s.inSync(true)
	})
}

// An upstream whose module is empty does not empty the edge.
func TestEmptyUpstream(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		s.stream.publish(s.write("a", "1"), s.write("b", "2"))
		wait()
		if err := os.Rename(s.source, s.source+".away"); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(s.source, 0o755); err != nil {
			t.Fatal(err)
		}
		s.stream.publish(change.Entry{State: change.Tree, Exact: true})
		wait()
		s.has("a=1", "b=2")
		s.inSync(false)
		if f := s.follower.Figures(); !strings.Contains(f.Trouble().String(), "nothing is removed") {
			t.Errorf("%+v", f)
		}
	})
}

// A comparison that was requested without removals removes nothing.
func TestComparisonWithoutRemovals(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		s.stream.publish(s.write("a", "1"), s.write("b", "2"))
		wait()
		s.remove("a")
		s.stream.publish(change.Entry{State: change.Tree})
		wait()
		s.has("a=1", "b=2")
		s.stream.publish(change.Entry{State: change.Tree, Exact: true})
		wait()
		s.has("b=2")
		s.inSync(true)
	})
}

// The source makes a directory where this edge has a link: rsync brings the directory.
func TestObstructed(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		wait()
		if err := os.Symlink("/etc", s.edge+"/d"); err != nil {
			t.Fatal(err)
		}
		s.fetcher.set(func() { s.fetcher.err = errors.New("not yet") })
		s.stream.publish(s.write("d/passwd", "forged"))
		wait()
		s.inSync(false)
		if f := s.follower.Figures(); f.Obstructed != 1 || !slices.Contains(s.fetcher.seen(), "d/passwd") {
			t.Errorf("%+v, %q", f, s.fetcher.seen())
		}
		if data, err := os.ReadFile("/etc/passwd"); err != nil || string(data) == "forged" {
			t.Fatal("a link was followed")
		}
	})
}

func TestTellsOfChanges(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		wait()
		e := s.write("a", "1")
		s.stream.publish(e)
		wait()
		s.stream.publish(e) // the same state once more
		s.stream.publish(s.remove("a"))
		wait()
		if !slices.Equal(s.told, []string{"a false", "a true"}) {
			t.Errorf("told %q", s.told)
		}
	})
}

// Two edges with different configurations do not share a directory.
func TestTwoEdges(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		wait()
		file, err := position.Open(s.state+"2", "www")
		if err != nil {
			t.Fatal(err)
		}
		other := New(Options{Tree: s.tree, Source: s.stream, Fetcher: s.fetcher, File: file})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- other.Run(ctx) }()
		wait()
		if f := other.Figures(); !strings.Contains(f.Trouble().String(), "another edge") {
			t.Errorf("%+v", f)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
