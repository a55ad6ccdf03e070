package watchroot

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/nameset"
	"github.com/sersync/sersync/pkg/watchers"
)

// Watch is a watcher that lives as long as configurations ask for the same tree
// and events. It is the watcher's Handler and passes everything on to the root
// that stands for it now.
type Watch struct {
	watcher fsevent.Watcher
	choice  watchers.Choice // which kind of watcher it is
	failed  chan error      // capacity 1: why the watcher has ended, unless stopped

	// mu is held while a call of the handler is passed on, and to change root: after serve has
	// returned no call to the old root is under way.
	mu   sync.RWMutex
	root *Root

	running bool
	cancel  context.CancelFunc
	runs    sync.WaitGroup
}

// WatchKey tells when a watch can stay over a reload: nothing in it may change.
type WatchKey string

// KeyOf is the key of the watch that the root needs under a configuration.
func (r *Root) KeyOf(conf confxml.Config) WatchKey {
	sw := conf.Inotify
	var b strings.Builder
	fmt.Fprintf(&b, "%q %d %s %v %v %v %v %v", r.opt.Dir, r.opt.Number, r.opt.Local.Backend, sw.Attrib, sw.Modify, sw.CreateFolder, conf.Debug, sw.Delete && sw.MoveFrom)
	if conf.Filter.On {
		for _, e := range conf.Filter.Exclude {
			fmt.Fprintf(&b, " %q", e.Text)
		}
	}
	return WatchKey(b.String())
}

// Serve has the root's watch pass events on to the root from now on, and starts the
// watch if it does not run, until ctx ends or Stop is called. started tells that
// it did not run.
func (r *Root) Serve(ctx context.Context) (started bool) {
	r.watch.serve(r)
	if r.watch.running {
		return false
	}
	r.watch.start(ctx)
	return true
}

// NewWatch makes a watch for the root's tree; nothing runs yet. debug gets the lines of
// 2.5.4's debug switch; nil: they are not wanted.
func NewWatch(ctx context.Context, r *Root, debug func(format string, args ...any)) (*Watch, error) {
	w := &Watch{failed: make(chan error, 1), choice: watchers.Choose(ctx, r.opt.Local, r.opt.Dir, r.opt.Switches)}
	if w.choice.Why != "" {
		r.log.Info("what watches the directory was chosen", zap.String("backend", w.choice.Backend), zap.String("why", w.choice.Why))
	}
	var err error
	w.watcher, err = watchers.New(r.opt.Dir, watchers.Options{
		Backend: w.choice.Backend, Switches: r.opt.Switches,
		Skip:      func(rel string, appeared bool) bool { return w.skip(rel, appeared) },
		Inventory: w.inventory,
		Logger:    r.opt.Logger,
		Debug:     debug,
	})
	return w, err
}

// serve passes events on to r from now on. What the old root knew is taken over at the same moment:
// a watch root that was lost, or an overflow, just before a reload must not be forgotten.
func (w *Watch) serve(r *Root) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.root != nil && w.root != r {
		r.adopt(w.root)
	}
	w.root = r
}

// start has the watcher run until ctx ends or Stop is called.
func (w *Watch) start(ctx context.Context) {
	ctx, w.cancel = context.WithCancel(ctx)
	w.running = true
	w.runs.Go(func() {
		if err := w.watcher.Run(ctx, w); err != nil {
			w.failed <- err
		}
	})
}

// failure waits until the watcher has ended with an error, or ctx ends.
func (w *Watch) failure(ctx context.Context) error {
	select {
	case err := <-w.failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// Stop ends the watcher and waits for its end.
func (w *Watch) Stop() {
	if w.running {
		w.cancel()
		w.runs.Wait()
	}
}

func (w *Watch) skip(rel string, appeared bool) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.root.Skip(rel, true, appeared)
}

func (w *Watch) pass(f func(*Root)) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	f(w.root)
}

// Event hands one event to the root.
func (w *Watch) Event(e fsevent.Event) { w.pass(func(r *Root) { r.event(e) }) }

// Overflow holds the watermarks.
func (w *Watch) Overflow() { w.pass((*Root).overflow) }

// Vanished tells the lanes which entries were here and are gone without an event.
func (w *Watch) Vanished(dir string, entries *nameset.Set) {
	w.pass(func(r *Root) { r.lanes.vanished(dir, entries) })
}

// inventory tells whether the watcher has to remember what is in the tree. With moveFrom off it
// need not, for then an entry that was moved out of the tree is not to be deleted, and an inventory
// could not tell the difference.
func (w *Watch) inventory() bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.root != nil && w.root.opt.Switches.MoveFrom && w.root.lanes.needInventory()
}

// Repaired starts the scan for what was lost.
func (w *Watch) Repaired() { w.pass(func(r *Root) { r.scans.ask() }) }

// Root follows what happens to the watch root itself.
func (w *Watch) Root(s fsevent.RootState) { w.pass(func(r *Root) { r.rootState(s) }) }

// Mount follows file systems that come and go.
func (w *Watch) Mount(path string, appeared bool) { w.pass(func(r *Root) { r.mount(path, appeared) }) }

// Uncovered remembers directories that have no watch.
func (w *Watch) Uncovered(path string, err error) { w.pass(func(r *Root) { r.notCovered(path, err) }) }

// adopt takes over what the old root knew of the same watched directory.
func (r *Root) adopt(old *Root) {
	begun := r.guard.adopt(old.guard)
	old.mu.Lock()
	r.mu.Lock()
	for p := range old.uncovered {
		r.uncovered[p] = true
	}
	r.mu.Unlock()
	old.mu.Unlock()
	// Scans that were asked for and are not done are asked for again.
	if since, holds := old.scans.wanted(); holds > 0 {
		r.scans.putBack(since, holds)
		r.lanes.suspect(since, holds)
		r.scans.ask()
	}
	if begun {
		close(r.watched)
	}
}
