package watchroot

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

// fakeWatcher is a watcher that reports what the test has it report.
type fakeWatcher struct {
	stats fsevent.Stats
	fails error // the error that Run returns at once
}

func (f *fakeWatcher) Stats() fsevent.Stats { return f.stats }

func (f *fakeWatcher) Run(ctx context.Context, _ fsevent.Handler) error {
	if f.fails == nil {
		<-ctx.Done()
	}
	return f.fails
}

func fakeWatch(f *fakeWatcher) *Watch { return &Watch{watcher: f, failed: make(chan error, 1)} }

// options are those of a root with the switches of the shipped configuration.
func options(dir string) Options {
	return Options{
		Local: confxml.LocalPath{Watch: dir}, Dir: dir, Ticks: NewTicks(), Logger: zap.NewNop(),
		Switches: confxml.Switches{Delete: true, CreateFolder: true, CloseWrite: true, MoveFrom: true, MoveTo: true},
	}
}

// rootOf is a root none of whose parts run, with lanes of these names.
func rootOf(dir string, names ...string) *Root { return opened(New(options(dir)), nil, names...) }

// opened opens a root with a fake watcher and with lanes that do not run.
func opened(r *Root, notify filterqueue.Notify, names ...string) *Root {
	for _, name := range names {
		r.Add(executor.NewLane(executor.Options{ID: name, Transport: &transporttest.Fake{}, Logger: zap.NewNop()}))
	}
	r.Open(fakeWatch(&fakeWatcher{}), notify)
	return r
}

// pending tells how many paths are dirty in each lane.
func pending(r *Root) (n []int) {
	for _, l := range r.Lanes() {
		n = append(n, l.Snapshot(time.Now()).Pending)
	}
	return n
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
