// Package hardlinks makes every name of a file dirty when the file is written
// through one of them.
//
// The watch of a directory reports a write under the name by which the file was opened, and only
// while that name is there: after the name was removed, replaced or moved away, the write has no
// event, and a look at the name finds another file or nothing. So which files have several names
// must be known before they are written. Each such file is watched itself, by its inode. When it
// has changed its names are looked for, in one walk for all files that were written meanwhile.
// Files with one name cost nothing.
package hardlinks

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/fstree"
)

// Options configure the Links of one watch root.
type Options struct {
	// Root opens the watch root; nil while it is gone. The caller closes it.
	Root func() *fstree.Root
	// Mark makes a path dirty for every lane of the root. It must not block.
	Mark func(path string, f dirty.Flags)
	// Skip tells which names are not sent when an event names them; for a directory it says that
	// nothing below it is.
	Skip func(path string, dir bool) bool
	// Switches decide which changes count.
	Switches confxml.Switches
	// Files makes a watcher of single files; modify asks for Modify events beside the others. The
	// Links close it.
	Files  func(modify bool) (fsevent.Files, error)
	Logger *zap.Logger
}

const (
	// mostFiles bounds the files that are watched. Each keeps about 1 KB in the kernel and 200
	// bytes here. The other names of a file beyond this number are found as long as the name that
	// was written is still there, and otherwise by the self-check.
	mostFiles = 131_072
	// mostPlaces bounds the places that wait to be looked at; more than that are replaced by one
	// look at the whole tree.
	mostPlaces = 65_536
	// clockGrain is by how much the times of files may lag behind the clock:
	// the kernel's tick, generously.
	clockGrain = 20 * time.Millisecond
)

// Links knows the files of one watch root that have several names. It is safe
// for concurrent use.
type Links struct {
	opt Options
	log *zap.Logger
	// Each wakes one goroutine of Run; capacity 1.
	wakeLearn, wakeFind, opened chan struct{}

	mu     sync.Mutex
	files  fsevent.Files             // nil until the first file with several names is met
	known  map[fsevent.FileID]*entry // the watched files
	round  uint64                    // number of the last look at the whole tree
	places map[string]place          // what is to be looked at
	wanted map[fsevent.FileID]want   // files whose names are to be found
	looked map[fsevent.FileID]time.Time
	// learning and finding are the earliest times of what is being worked on.
	learning, finding time.Time
	// refused says that a file could not be watched, because of the kernel or of mostFiles, and
	// that this was logged.
	refused bool
}

// entry is a file that is watched.
type entry struct {
	path  string // where it was last seen
	round uint64 // of the look at the whole tree in which it was met last
	// leaving says that its watch was ended, and earlier events are still being read.
	leaving bool
}

// place is a path at which there may be files with several names.
type place struct {
	since time.Time
	tree  bool // with all below it
	// written says that a file there was written at since; otherwise its time tells when.
	written bool
}

// want is a file of which all names are to be found.
type want struct {
	since time.Time
	flags dirty.Flags // of the marks
	// changed says that its names have to be marked. Otherwise it has lost a name, and all that has
	// to be found out is where it is and whether it still has several.
	changed bool
}

// New returns the Links of a watch root that knows of no file yet. Run starts
// the work.
func New(opt Options) *Links {
	if opt.Logger == nil {
		opt.Logger = zap.NewNop()
	}
	return &Links{
		opt: opt, log: opt.Logger, wakeLearn: make(chan struct{}, 1), wakeFind: make(chan struct{}, 1), opened: make(chan struct{}, 1),
		known: map[fsevent.FileID]*entry{}, places: map[string]place{}, wanted: map[fsevent.FileID]want{}, looked: map[fsevent.FileID]time.Time{},
	}
}

// Met says that a regular file with several names is at path; written says that its content changed
// at since. It does nothing for a file that is watched, whose own events say that.
func (l *Links) Met(path string, id fsevent.FileID, since time.Time, written bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.known[id]; e != nil && !e.leaving {
		return
	}
	l.placeLocked(path, place{since: since})
	if written && !l.looked[id].After(since) {
		l.wantLocked(id, want{since: since, changed: true})
	}
}

// Dropped says that something happened to a name whose events go to no lane, so that nobody else
// looks at it; written says that a file there was written.
func (l *Links) Dropped(path string, written bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.placeLocked(path, place{since: time.Now(), written: written})
}

// Arrived says that a directory came to path at since, and that whatever is created below it from
// now on has events of its own. The path "" stands for the whole tree: then files that are watched
// and have only one name left are forgotten.
func (l *Links) Arrived(path string, since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.placeLocked(path, place{since: since, tree: true})
}

func (l *Links) placeLocked(path string, p place) {
	if len(l.places) >= mostPlaces {
		path, p.tree = "", true
		for _, other := range l.places {
			p = p.with(other)
		}
		clear(l.places)
	}
	if before, ok := l.places[path]; ok {
		p = p.with(before)
	}
	l.places[path] = p
	wake(l.wakeLearn)
}

func (p place) with(other place) place {
	p.since = earlier(p.since, other.since)
	p.tree = p.tree || other.tree
	p.written = p.written || other.written
	return p
}

func (l *Links) wantLocked(id fsevent.FileID, w want) {
	if before, ok := l.wanted[id]; ok {
		w.changed, w.flags = w.changed || before.changed, w.flags|before.flags
		if before.changed {
			w.since = earlier(w.since, before.since)
		}
	}
	l.wanted[id] = w
	wake(l.wakeFind)
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Oldest is the earliest time since when the remotes may lack a change under a name that is not
// dirty yet; zero when there is none. A watermark must not pass it.
func (l *Links) Oldest() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := earlier(l.learning, l.finding)
	for _, p := range l.places {
		oldest = earlier(oldest, p.since)
	}
	for _, w := range l.wanted {
		if w.changed {
			oldest = earlier(oldest, w.since)
		}
	}
	return oldest
}

// Pending is how many files have changed whose names are still being looked
// for.
func (l *Links) Pending() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.wanted {
		if w.changed {
			n++
		}
	}
	if n == 0 && !l.finding.IsZero() {
		n = 1
	}
	return n
}

// Inherit takes over what another Links knew of the same watch root, and the places that it had not
// looked at yet. Its Run must have returned.
func (l *Links) Inherit(old *Links) {
	old.mu.Lock()
	defer old.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, w := range old.wanted {
		l.wantLocked(id, w)
	}
	for path, p := range old.places {
		l.placeLocked(path, p)
	}
	if old.files == nil {
		return
	}
	if old.opt.Switches.Modify == l.opt.Switches.Modify {
		l.files, l.known, l.round = old.files, old.known, old.round
		old.files, old.known = nil, map[fsevent.FileID]*entry{}
		wake(l.opened)
		return
	}
	// The events of the watched files differ from those that are wanted now.
	l.placeLocked("", place{since: time.Now(), tree: true})
}

// Close ends the watches, unless they were inherited. Run must have returned.
func (l *Links) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files != nil {
		_ = l.files.Close()
		l.files = nil
	}
	clear(l.known)
}

// Run does the work until ctx ends.
func (l *Links) Run(ctx context.Context) error {
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { l.learnAll(ctx) })
	group.Go(func() { l.findAll(ctx) })
	select {
	case <-ctx.Done():
		return nil
	case <-l.opened:
	}
	l.mu.Lock()
	files := l.files
	l.mu.Unlock()
	if err := files.Run(ctx, l.event); err != nil {
		return fmt.Errorf("watch files with several names: %w", err)
	}
	return nil
}

// event takes what happened to a watched file.
func (l *Links) event(e fsevent.FileEvent) {
	sw := &l.opt.Switches
	l.mu.Lock()
	defer l.mu.Unlock()
	w := want{since: time.Now()}
	switch e.Op {
	case 0: // events were lost
		for id := range maps.Keys(l.known) {
			l.wantLocked(id, want{since: w.since, changed: true})
		}
		return
	case fsevent.Delete:
		delete(l.known, e.ID)
		delete(l.looked, e.ID)
		return
	case fsevent.CloseWrite:
		w.changed, w.flags = sw.CloseWrite, dirty.Content
	case fsevent.Modify:
		w.changed, w.flags = sw.Modify, dirty.Content
	case fsevent.Attrib:
		w.changed = sw.Attrib
	case fsevent.Create, fsevent.MovedFrom, fsevent.MovedTo:
		// A move of the name is no event of the file itself.
	}
	if l.known[e.ID] != nil {
		l.wantLocked(e.ID, w)
	}
}
