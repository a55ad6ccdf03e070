package plugins_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/sersync/sersync/pkg/plugins"
)

// fake is a plugin whose receiver behaves as a test decides.
type fake struct {
	limits  plugins.Limits
	deliver func(ctx context.Context, batch []plugins.Event) (int, error)

	mu     sync.Mutex
	calls  [][]plugins.Event
	times  []time.Time
	closed int
}

func (f *fake) Name() string           { return "fake" }
func (f *fake) Limits() plugins.Limits { return f.limits }

func (f *fake) Deliver(ctx context.Context, batch []plugins.Event) (int, error) {
	f.mu.Lock()
	f.calls = append(f.calls, append([]plugins.Event(nil), batch...))
	f.times = append(f.times, time.Now())
	f.mu.Unlock()
	if f.deliver == nil {
		return len(batch), nil
	}
	return f.deliver(ctx, batch)
}

func (f *fake) Close() error { f.closed++; return nil }

// paths lists the events that were delivered or tried, in their order.
func (f *fake) paths() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, call := range f.calls {
		var names []string
		for _, ev := range call {
			names = append(names, fmt.Sprintf("%s%d", ev.Path, ev.Seq))
		}
		all = append(all, strings.Join(names, " "))
	}
	return strings.Join(all, "|")
}

func ev(path string, seq uint64) plugins.Event {
	return plugins.Event{Root: "/r", Path: path, Seq: seq, Op: plugins.Changed}
}

// run starts a runner in the bubble and returns the function that ends it.
func run(t *testing.T, r *plugins.Runner) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestCoalescing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{limits: plugins.Limits{Batch: 10}}
		release := make(chan struct{})
		f.deliver = func(_ context.Context, batch []plugins.Event) (int, error) {
			<-release
			return len(batch), nil
		}
		r := plugins.NewRunner(f, plugins.RunnerConfig{}, nil)
		r.Add(ev("a", 1))
		r.Add(ev("b", 2))
		r.Add(ev("a", 3)) // the event keeps its place in the queue, with the latest state
		stop := run(t, r)
		synctest.Wait()
		r.Add(ev("a", 4)) // the event is in flight: it is delivered once more, with the last state
		r.Add(ev("a", 5))
		if st := r.Stats(); st.Pending != 2 || st.InFlight != 1 {
			t.Errorf("in flight: %+v", st)
		}
		release <- struct{}{}
		synctest.Wait()
		release <- struct{}{}
		synctest.Wait()
		stop()
		if got, want := f.paths(), "a3 b2|a5"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if st := r.Stats(); st.Pending != 0 || st.Delivered != 3 || st.Dropped != 0 || f.closed != 1 {
			t.Errorf("%+v, closed %d", st, f.closed)
		}
	})
}

// After an outage of six hours everything arrives within ten seconds, and the receiver was rarely
// asked meanwhile.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up bool
		var mu sync.Mutex
		f := &fake{limits: plugins.Limits{Parallel: 4}}
		f.deliver = func(_ context.Context, batch []plugins.Event) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			if !up {
				return 0, errors.New("connection refused")
			}
			return len(batch), nil
		}
		core, logs := observer.New(zap.InfoLevel)
		r := plugins.NewRunner(f, plugins.RunnerConfig{}, zap.New(core))
		stop := run(t, r)
		for i := range 1000 {
			r.Add(ev(fmt.Sprint("p", i), uint64(i)))
		}
		const outage = 6 * time.Hour
		time.Sleep(outage) // on the fake clock
		synctest.Wait()
		st := r.Stats()
		if st.Pending != 1000 || !st.Failing || st.LastError != "connection refused" || st.Oldest != outage {
			t.Errorf("during the outage: %+v", st)
		}
		if max := uint64(outage/(5*time.Second)) + 50; st.Failed > max {
			t.Errorf("%d attempts in six hours, want at most %d", st.Failed, max)
		}
		if n := logs.Len(); n > 6*60+2 {
			t.Errorf("%d log lines", n)
		}
		mu.Lock()
		up = true
		mu.Unlock()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if st := r.Stats(); st.Pending != 0 || st.Delivered != 1000 || st.Failing {
			t.Errorf("ten seconds after it: %+v", st)
		}
		if logs.FilterMessage("plugin receiver is back").Len() != 1 {
			t.Error("the recovery was not logged once")
		}
		stop()
	})
}

// A path that always fails does not keep other paths from the receiver.
func TestPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{limits: plugins.Limits{Batch: 3}}
		f.deliver = func(_ context.Context, batch []plugins.Event) (int, error) {
			for i, e := range batch {
				if e.Path == "bad" {
					return i, errors.New("no")
				}
			}
			return len(batch), nil
		}
		r := plugins.NewRunner(f, plugins.RunnerConfig{}, nil)
		for i, p := range []string{"a", "bad", "c", "d", "e"} {
			r.Add(ev(p, uint64(i)))
		}
		stop := run(t, r)
		synctest.Wait() // no time passes
		if st := r.Stats(); st.Delivered != 4 || st.Pending != 1 {
			t.Errorf("%+v", st)
		}
		time.Sleep(time.Hour)
		r.Add(ev("f", 9))
		synctest.Wait()
		if st := r.Stats(); st.Delivered != 5 || st.Pending != 1 {
			t.Errorf("an hour later: %+v", st)
		}
		stop()
		if st := r.Stats(); st.Dropped != 1 {
			t.Errorf("the events that were pending at the end are not counted: %+v", st)
		}
	})
}

func TestPermanentAndRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{limits: plugins.Limits{Batch: 2}}
		f.deliver = func(_ context.Context, batch []plugins.Event) (int, error) {
			switch {
			case batch[0].Path == "never":
				return 0, plugins.Permanent(errors.New("rejected"))
			case batch[0].Path == "later" && batch[0].Attempt == 0:
				return 0, plugins.RetryAfter(errors.New("busy"), 2*time.Minute)
			}
			return len(batch), nil
		}
		core, logs := observer.New(zap.InfoLevel)
		r := plugins.NewRunner(f, plugins.RunnerConfig{}, zap.New(core))
		r.Add(ev("never", 1))
		r.Add(ev("later", 2))
		stop := run(t, r)
		time.Sleep(119 * time.Second)
		synctest.Wait()
		if st := r.Stats(); st.Dropped != 1 || st.Pending != 1 || st.Delivered != 0 {
			t.Errorf("before: %+v", st)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if st := r.Stats(); st.Pending != 0 || st.Delivered != 1 {
			t.Errorf("after: %+v", st)
		}
		if logs.FilterMessage("plugin gives up an event").Len() != 1 {
			t.Error("the loss was not logged")
		}
		stop()
	})
}

func TestBounds(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	r := plugins.NewRunner(&fake{}, plugins.RunnerConfig{MaxPending: 3}, zap.New(core))
	for i := range 5 {
		r.Add(ev(fmt.Sprint(i), 1))
	}
	r.Add(ev("0", 2)) // there is always room for a path that is known
	if st := r.Stats(); st.Pending != 3 || st.Dropped != 2 {
		t.Errorf("by number: %+v", st)
	}
	if logs.FilterMessageSnippet("queue is full").Len() == 0 {
		t.Error("the loss was not logged")
	}
	r = plugins.NewRunner(&fake{}, plugins.RunnerConfig{MaxBytes: 10_000}, nil)
	for i := range 5 {
		r.Add(ev(strings.Repeat("x", 4000)+fmt.Sprint(i), 1))
	}
	if st := r.Stats(); st.Pending != 2 || st.Dropped != 3 {
		t.Errorf("by bytes: %+v", st)
	}
}

func TestDrain(t *testing.T) {
	tests := []struct {
		name    string
		deliver func(context.Context, []plugins.Event) (int, error)
		limit   time.Duration
		within  time.Duration
		ok      bool
	}{
		{"healthy", nil, time.Minute, time.Second, true},
		{"dead", func(context.Context, []plugins.Event) (int, error) { return 0, errors.New("refused") }, time.Minute, 2 * time.Second, false},
		{"hanging", func(ctx context.Context, _ []plugins.Event) (int, error) { <-ctx.Done(); return 0, ctx.Err() }, 5 * time.Second, 5 * time.Second, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{deliver: tt.deliver}
				r := plugins.NewRunner(f, plugins.RunnerConfig{}, nil)
				stop := run(t, r)
				for i := range 10 {
					r.Add(ev(fmt.Sprint(i), 1))
				}
				ctx, cancel := context.WithTimeout(t.Context(), tt.limit)
				defer cancel()
				begin := time.Now()
				err := r.Drain(ctx)
				if d := time.Since(begin); (err == nil) != tt.ok || d > tt.within {
					t.Errorf("drain: %v after %v", err, d)
				}
				begin = time.Now()
				stop()
				if d := time.Since(begin); d > 0 {
					t.Errorf("stop took %v", d)
				}
			})
		})
	}
}

// An event that is added during a drain wakes a worker, and not the goroutine that waits for the
// end of the drain.
func TestAddDuringDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{limits: plugins.Limits{Parallel: 2}}
		f.deliver = func(_ context.Context, batch []plugins.Event) (int, error) {
			if batch[0].Path == "slow" {
				time.Sleep(time.Minute)
			}
			return len(batch), nil
		}
		r := plugins.NewRunner(f, plugins.RunnerConfig{}, nil)
		stop := run(t, r)
		r.Add(ev("slow", 1))
		synctest.Wait()
		drained := make(chan error, 1)
		go func() { drained <- r.Drain(t.Context()) }()
		for i := range 5 {
			synctest.Wait()
			r.Add(ev(fmt.Sprint(i), 2))
			synctest.Wait()
			if st := r.Stats(); st.Delivered != uint64(i+1) {
				t.Fatalf("event %d waits: %+v", i, st)
			}
		}
		if err := <-drained; err != nil {
			t.Error(err)
		}
		stop()
	})
}

// A call that would never end is ended by its time limit.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		f := &fake{limits: plugins.Limits{Timeout: 3 * time.Second}}
		f.deliver = func(ctx context.Context, batch []plugins.Event) (int, error) {
			if first {
				first = false
				<-ctx.Done()
				return 0, ctx.Err()
			}
			return len(batch), nil
		}
		r := plugins.NewRunner(f, plugins.RunnerConfig{}, nil)
		stop := run(t, r)
		r.Add(ev("a", 1))
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if st := r.Stats(); st.Delivered != 1 || st.Failed != 1 {
			t.Errorf("%+v", st)
		}
		stop()
	})
}

// The receiver must not slow down the sync: the figures of both cases have to be alike.
func BenchmarkAdd(b *testing.B) {
	hang := func(ctx context.Context, _ []plugins.Event) (int, error) { <-ctx.Done(); return 0, ctx.Err() }
	b.Run("healthy", func(b *testing.B) { benchmarkAdd(b, &fake{limits: plugins.Limits{Batch: 100}}) })
	b.Run("hanging", func(b *testing.B) { benchmarkAdd(b, &fake{deliver: hang}) })
}

func benchmarkAdd(b *testing.B, f *fake) {
	b.Helper()
	r := plugins.NewRunner(f, plugins.RunnerConfig{}, nil)
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	names := make([]string, 50_000)
	for i := range names {
		names[i] = fmt.Sprint("dir/file", i)
	}
	for i := 0; b.Loop(); i++ {
		r.Add(plugins.Event{Root: "/r", Path: names[i%len(names)], Seq: uint64(i)})
	}
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}
