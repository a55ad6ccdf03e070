package records

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/failqueue"
)

// FailLog writes the lanes' failing paths into the fail log script, paced: a
// write syncs the disk.
type FailLog struct {
	*Writer
	script *failqueue.Script
	log    *zap.Logger

	mu      sync.Mutex
	changed map[string][]failqueue.Entry // by lane; newest list, not yet written
}

// failLogPace is the least time between two writes of the script.
const failLogPace = 300 * time.Millisecond

// NewFailLog opens the script; tell is that of NewWriter, and is told, too, whether
// the script could be opened.
func NewFailLog(path string, d *Disk, tell func(error), log *zap.Logger) *FailLog {
	script, err := failqueue.New(path)
	tell(err)
	if note := script.Note(); note != "" {
		log.Warn("fail log", zap.String("note", note))
	}
	f := &FailLog{script: script, log: log, changed: map[string][]failqueue.Entry{}}
	f.Writer = NewWriter(d, f.write, tell)
	f.pace = failLogPace
	return f
}

// Lane returns the function a lane reports its failing paths to.
func (f *FailLog) Lane(id string) func([]failqueue.Entry) {
	return func(entries []failqueue.Entry) {
		f.mu.Lock()
		f.changed[id] = entries
		f.mu.Unlock()
		f.Soon()
	}
}

func (f *FailLog) write() error {
	f.mu.Lock()
	changed := f.changed
	f.changed = map[string][]failqueue.Entry{}
	f.mu.Unlock()
	var all []error
	for id, entries := range changed {
		all = append(all, f.script.Lane(id).Update(entries))
	}
	return errors.Join(all...)
}

// Close closes the script, unless ctx ends before that could be done.
func (f *FailLog) Close(ctx context.Context) {
	f.disk.Do(ctx, func() {
		if err := f.script.Close(); err != nil {
			f.log.Warn("fail log not closed", zap.Error(err))
		}
	}, func() {})
}
