package follow

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/edge/backlog"
	"github.com/sersync/sersync/pkg/edge/fetch"
)

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
