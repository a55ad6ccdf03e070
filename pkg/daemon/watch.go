package daemon

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/inotify"
	"github.com/sersync/sersync/pkg/status"
)

// watch is a watcher that lives as long as configurations ask for the same
// tree and events. It is the watcher's Handler and passes everything on to the
// root that stands for it now.
type watch struct {
	watcher *inotify.Watcher
	failed  chan error // capacity 1: why the watcher has ended, unless stopped

	// mu is held by a handler call while it is passed on, and to change root:
	// after serve no call to the root before is under way.
	mu   sync.RWMutex
	root *root

	running bool
	cancel  context.CancelFunc
	runs    sync.WaitGroup
}

// watchKey tells when a watch can stay: nothing in it may change.
type watchKey string

func keyOf(dir string, conf confxml.Config, number int) watchKey {
	sw := conf.Inotify
	var b strings.Builder
	fmt.Fprintf(&b, "%q %d %v %v %v %v", dir, number, sw.Attrib, sw.Modify, sw.CreateFolder, conf.Debug)
	if conf.Filter.On {
		for _, e := range conf.Filter.Exclude {
			fmt.Fprintf(&b, " %q", e.Text)
		}
	}
	return watchKey(b.String())
}

// newWatch makes a watch for the tree; nothing runs yet.
func (d *Daemon) newWatch(dir string, conf confxml.Config) (*watch, error) {
	w := &watch{failed: make(chan error, 1)}
	var err error
	w.watcher, err = inotify.New(dir, inotify.Options{
		// The queue applies the closeWrite switch itself: a close also ends its
		// wait for files that were created.
		CloseWrite: true, Modify: conf.Inotify.Modify, Attrib: conf.Inotify.Attrib,
		Skip:     func(rel string, appeared bool) bool { return w.skip(rel, appeared) },
		Logger:   d.log,
		OnRecord: d.debugRecord(conf.Debug), OnWatch: d.debugWatch(conf.Debug),
	})
	return w, err
}

// serve passes events on to r from now on. What the root before knew goes over
// in the same moment: a watch root that is lost, or an overflow, just before a
// reload must not be forgotten by it.
func (w *watch) serve(r *root) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.root != nil && w.root != r {
		r.adopt(w.root)
	}
	w.root = r
}

func (w *watch) start(ctx context.Context) {
	ctx, w.cancel = context.WithCancel(ctx)
	w.running = true
	w.runs.Go(func() {
		if err := w.watcher.Run(ctx, w); err != nil {
			w.failed <- err
		}
	})
}

func (w *watch) stop() {
	if w.running {
		w.cancel()
		w.runs.Wait()
	}
}

func (w *watch) skip(rel string, appeared bool) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.root.queue.Skip(rel, true, appeared)
}

func (w *watch) pass(f func(*root)) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	f(w.root)
}

// Event, Overflow, Repaired, Root, Mount and Uncovered are the Handler.
func (w *watch) Event(e inotify.Event) { w.pass(func(r *root) { r.queue.Event(e) }) }

// Overflow freezes the watermarks.
func (w *watch) Overflow() { w.pass((*root).overflow) }

// Repaired starts the scan for what was lost.
func (w *watch) Repaired() { w.pass((*root).askScan) }

// Root follows what happens to the watch root itself.
func (w *watch) Root(s inotify.RootState) { w.pass(func(r *root) { r.rootState(s) }) }

// Mount follows file systems that come and go.
func (w *watch) Mount(path string, appeared bool) { w.pass(func(r *root) { r.mount(path, appeared) }) }

// Uncovered remembers directories that have no watch.
func (w *watch) Uncovered(path string, err error) { w.pass(func(r *root) { r.notCovered(path, err) }) }

// adopt takes over what the root before knew of the same watched directory.
func (r *root) adopt(old *root) {
	old.mu.Lock()
	defer old.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state, r.since, r.reason, r.remedy = old.state, old.since, old.reason, old.remedy
	r.dev, r.ino, r.identity, r.verdict = old.dev, old.ino, old.identity, old.verdict
	r.unseen = old.unseen
	r.withheld.Store(old.withheld.Load())
	for p := range old.uncovered {
		r.uncovered[p] = true
	}
	// Scans that were asked for and not done are asked for again.
	if old.scanHolds > 0 {
		r.scanSince, r.scanHolds = old.scanSince, old.scanHolds
		for _, l := range r.lanes {
			for range old.scanHolds {
				l.Suspect(old.scanSince)
			}
		}
		r.askScan()
	}
	if old.state != status.RootStarting {
		close(r.watched)
	}
}
