package executor

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/nameset"
)

// Lane keeps one remote equal to one localpath. It is the part that other packages use: all its
// methods may be called from any goroutine, unless their comments say otherwise.
type Lane struct {
	*desk
	*door
	loop *loop
}

// NewLane returns a lane that does nothing yet.
func NewLane(opt Options) *Lane {
	p := newDesk(opt)
	d := &door{requests: make(chan request), ended: make(chan struct{})}
	return &Lane{desk: p, door: d, loop: newLoop(p, d)}
}

// ID is the lane's stable key.
func (l *Lane) ID() string { return l.opt.ID }

// Mark makes a path dirty. It never blocks.
func (l *Lane) Mark(path string, f dirty.Flags) {
	l.marks.Add(1)
	l.dirty.Mark(path, f, time.Now())
}

// MarkMoved makes a path dirty that was moved there from another one. It never blocks.
func (l *Lane) MarkMoved(path, from string, f dirty.Flags) {
	l.marks.Add(1)
	l.dirty.Moves().Mark(path, from, f, time.Now())
}

// MarkDeleted makes a directory dirty because entries of it are known to have been here and to be
// gone, although no event has said so. It never blocks.
func (l *Lane) MarkDeleted(dir string, entries *nameset.Set) {
	l.marks.Add(1)
	l.dirty.MarkDeleted(dir, 0, entries, time.Now())
}

// NeedsInventory tells whether the lane has to know what was here to be able to delete on the
// remote: unless a mirror run has completed, it may delete nothing else.
func (l *Lane) NeedsInventory() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.opt.MayDelete && !l.state.mirror.done
}

// Run keeps the remote up to date until ctx ends, then lets running rsyncs
// finish for a bounded time. It returns when nothing of the lane is left.
func (l *Lane) Run(ctx context.Context) error {
	defer close(l.ended)
	l.log.Debug("lane started", zap.String("remote", l.terms.Remote))
	l.loop.run(ctx)
	return nil
}
