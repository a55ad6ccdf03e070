package records

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sersync/sersync/pkg/audit"
)

// maxUnrecorded bounds the deletions that wait for the audit log, while its file
// system does not answer.
const maxUnrecorded = 100_000

// Deletions records in the audit log what the lanes have deleted.
type Deletions struct {
	*Writer
	to *audit.Log

	mu    sync.Mutex
	queue []audit.Deletion
	lost  int // deletions that found no room in the queue
}

// NewDeletions makes the writer of the audit log; tell is that of NewWriter.
func NewDeletions(to *audit.Log, d *Disk, tell func(error)) *Deletions {
	a := &Deletions{to: to}
	a.Writer = NewWriter(d, a.write, tell)
	return a
}

// Lane returns the function that a lane reports its deletions to.
func (a *Deletions) Lane(id string) func(audit.Cause, []string) {
	return func(cause audit.Cause, paths []string) {
		now := time.Now()
		a.mu.Lock()
		for _, p := range paths {
			if len(a.queue) >= maxUnrecorded {
				a.lost++
				continue
			}
			a.queue = append(a.queue, audit.Deletion{Time: now, Lane: id, Cause: cause, Path: p})
		}
		a.mu.Unlock()
		a.Soon()
	}
}

func (a *Deletions) write() error {
	a.mu.Lock()
	queue, lost := a.queue, a.lost
	a.queue, a.lost = nil, 0
	a.mu.Unlock()
	if err := a.to.Record(queue...); err != nil {
		return fmt.Errorf("%d deletions not recorded: %w", len(queue)+lost, err)
	}
	if lost > 0 {
		return fmt.Errorf("%d deletions not recorded: %w", lost, ErrSlow)
	}
	return nil
}

// Recent are the last deletions of a lane in the log, at most most of them.
func (a *Deletions) Recent(lane string, most int) ([]audit.Deletion, error) {
	return a.to.Recent(lane, most)
}

// Close closes the log, unless ctx ends before that could be done.
func (a *Deletions) Close(ctx context.Context) {
	a.disk.Do(ctx, func() { _ = a.to.Close() }, func() {})
}
