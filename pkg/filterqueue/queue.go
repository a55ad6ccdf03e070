package filterqueue

import (
	"context"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fsevent"
)

// Sink is the dirty set of a lane: a path that is marked becomes dirty there. Mark is called by
// several goroutines and must not block.
type Sink interface {
	Mark(path string, f dirty.Flags)
	// MarkMoved is Mark for a path that has just been moved there from another one, whose deletion
	// was marked before.
	MarkMoved(path, from string, f dirty.Flags)
}

// Notice is one event that the switches select, for plugins.
type Notice struct {
	Path    string
	Dir     bool
	Deleted bool
	// Marked says that the path is about to be marked dirty, so that the lanes will settle it;
	// otherwise the event leads to nothing but this notice.
	Marked bool
	Op     fsevent.Op // of the event; 0: no event, but a look at the disk
	// At is when the event came. A Queue leaves it zero; whoever keeps the notice sets it.
	At time.Time
}

// Notify is told about selected events, in order, before their paths are
// marked. It must not block.
type Notify func(Notice)

// Options configures a Queue.
type Options struct {
	Switches confxml.Switches
	// DotFiles keeps events of files whose names begin with a dot from being dropped.
	DotFiles bool
	Filter   *Filter // may be nil
	// Root returns a descriptor of the watch root (O_PATH will do), or -1 while there is none, and
	// a function to call when it is no longer needed: an open descriptor would prevent an unmount.
	Root   func() (fd int, done func())
	Sinks  []Sink
	Notify Notify // may be nil
	// Dropped is called for each file that was made, or written, under a name whose events are
	// dropped: the file may have another name, too. It must not block; may be nil.
	Dropped func(path string, written bool)
	// Several is called for each created file that has several names. It must not block; may be
	// nil.
	Several func(path string, st *unix.Stat_t)
	Now     func() time.Time // nil: time.Now
	Logger  *zap.Logger      // nil: none
}

// QueueStats counts what became of the events of one watch root.
type QueueStats struct {
	Events     uint64 // all that came in
	Temp       uint64 // dropped: temp files
	Excluded   uint64 // dropped: <filter>
	Unselected uint64 // dropped: the <inotify> switches
	Unsettled  int    // created files that are being looked at or still written
	Writing    int    // of these, still written: their close is waited for
	// Oldest is when the oldest of these was created; zero if there is none.
	// A watermark must not pass it.
	Oldest time.Time
}

// Queue turns the events of one watch root into marks. It is safe for
// concurrent use.
type Queue struct {
	opt     Options
	log     *zap.Logger
	settler *settler

	events, temp, excluded, unselected atomic.Uint64
}

// New returns a queue; created files are settled only while Run runs.
func New(opt Options) *Queue {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = zap.NewNop()
	}
	if opt.Root == nil {
		opt.Root = func() (int, func()) { return -1, func() {} }
	}
	q := &Queue{opt: opt, log: opt.Logger}
	q.settler = newSettler(&opt, q.settled)
	return q
}

// Event takes one event in. It never blocks and does no I/O.
func (q *Queue) Event(e fsevent.Event) {
	q.events.Add(1)
	created := false
	if !e.Dir {
		switch e.Op {
		case fsevent.Create, fsevent.CloseWrite, fsevent.Delete, fsevent.MovedFrom, fsevent.MovedTo:
			created = q.settler.cancel(e.Path) && e.Op == fsevent.CloseWrite
		case fsevent.Modify, fsevent.Attrib: // it is still being written
		}
		if e.Path != "" && q.tempName(baseName(e.Path)) {
			q.temp.Add(1)
			q.dropped(&e)
			return
		}
	}
	v := judge(&q.opt.Switches, &e)
	if created && !v.mark && q.opt.Switches.CreateFile {
		// The close after a creation is always taken: what was sent when the file appeared may have
		// been only a part of it.
		q.mark(e.Path, dirty.Content)
		return
	}
	if !v.selected && !v.settle {
		q.unselected.Add(1)
		return
	}
	if q.opt.Filter.Excluded(e.Path, e.Dir) {
		q.excluded.Add(1)
		q.dropped(&e)
		return
	}
	if v.settle {
		if q.settler.add(e.Path) {
			return
		}
		// There is no room to wait for its close. To send it half written costs one run more; to
		// forget it would lose it.
		v = chosen(true, dirty.Content)
	}
	if q.opt.Notify != nil {
		q.opt.Notify(Notice{
			Path: e.Path, Dir: e.Dir, Deleted: e.Op == fsevent.Delete || e.Op == fsevent.MovedFrom, Marked: v.mark, Op: e.Op,
		})
	}
	switch {
	case v.mark && q.moved(&e):
		for _, s := range q.opt.Sinks {
			s.MarkMoved(e.Path, e.From, v.flags)
		}
	case v.mark:
		q.mark(e.Path, v.flags)
	}
	if e.Op == fsevent.Create && !e.Dir {
		if q.opt.Switches.CloseWrite {
			q.settler.glance(e.Path)
		} else {
			q.settler.add(e.Path) // if there is no room only the second look is lost
		}
	}
}

// moved tells whether an event reports a move whose old place was marked as deleted.
func (q *Queue) moved(e *fsevent.Event) bool {
	return e.From != "" && !e.Arrived && left(&q.opt.Switches, 0).mark && (e.Dir || !q.Temp(e.From)) && !q.opt.Filter.Excluded(e.From, e.Dir)
}

func (q *Queue) dropped(e *fsevent.Event) {
	if q.opt.Dropped != nil && !e.Dir && (e.Op == fsevent.CloseWrite || e.Op == fsevent.Create) {
		q.opt.Dropped(e.Path, e.Op == fsevent.CloseWrite)
	}
}

func (q *Queue) mark(path string, f dirty.Flags) {
	for _, s := range q.opt.Sinks {
		s.Mark(path, f)
	}
}

// settled is called for a created file that no longer has to wait for a close.
func (q *Queue) settled(path string) {
	q.log.Debug("created without a close", zap.String("path", path))
	if q.opt.Notify != nil {
		q.opt.Notify(Notice{Path: path, Marked: true, Op: fsevent.Create})
	}
	q.mark(path, dirty.Content)
}

func (q *Queue) tempName(name string) bool {
	if q.opt.DotFiles {
		return editorName(name)
	}
	return TempName(name)
}

// Temp reports whether events of the file at rel are dropped for its name.
func (q *Queue) Temp(rel string) bool { return q.tempName(baseName(rel)) }

// Unsettled reports whether rel is a created file that is still being written, or
// at which nobody has looked yet.
func (q *Queue) Unsettled(rel string) bool { return q.settler.waits(rel) }

// Skip reports whether the watcher need not watch rel: it is excluded, or a
// directory that was made (not moved in) while createFolder is false. For
// anything but a directory it tells whether its events would be dropped.
func (q *Queue) Skip(rel string, dir, appearedByCreate bool) bool {
	switch {
	case rel == "":
		return false
	case dir && appearedByCreate && !q.opt.Switches.CreateFolder:
		return true
	case !dir && q.Temp(rel):
		return true
	}
	return q.opt.Filter.Excluded(rel, dir)
}

// Stats returns the counters.
func (q *Queue) Stats() QueueStats {
	s := QueueStats{
		Events: q.events.Load(), Temp: q.temp.Load(),
		Excluded: q.excluded.Load(), Unselected: q.unselected.Load(),
	}
	q.settler.stats(&s)
	return s
}

// Flush marks the files that were still waiting for a close: from now on another queue gets the
// events.
func (q *Queue) Flush() {
	for _, path := range q.settler.take() {
		q.settled(path)
	}
}

// Run settles created files until ctx ends: it finds out for which of them no close will come. It
// returns nil.
func (q *Queue) Run(ctx context.Context) error {
	q.settler.run(ctx)
	return nil
}
