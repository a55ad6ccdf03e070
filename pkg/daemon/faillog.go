package daemon

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/failqueue"
)

// failLog writes the lanes' failing paths into the fail log script, paced: a
// write syncs the disk.
type failLog struct {
	script *failqueue.Script
	log    *zap.Logger
	wake   chan struct{} // capacity 1

	mu      sync.Mutex
	changed map[string][]failqueue.Entry // by lane; newest list, not yet written
}

// failLogPace is the least time between two writes of the script.
const failLogPace = 300 * time.Millisecond

func newFailLog(path string, log *zap.Logger) *failLog {
	script, err := failqueue.New(path)
	if err != nil {
		log.Warn("fail log cannot be written, failures show in the log and the status", zap.Error(err))
	}
	if note := script.Note(); note != "" {
		log.Warn("fail log", zap.String("note", note))
	}
	return &failLog{script: script, log: log, wake: make(chan struct{}, 1), changed: map[string][]failqueue.Entry{}}
}

// lane returns the function a lane reports its failing paths to.
func (f *failLog) lane(id string) func([]failqueue.Entry) {
	return func(entries []failqueue.Entry) {
		f.mu.Lock()
		f.changed[id] = entries
		f.mu.Unlock()
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

func (f *failLog) run(ctx context.Context) error {
	pace := time.NewTimer(0)
	defer pace.Stop()
	for {
		select {
		case <-ctx.Done():
			f.write()
			return nil
		case <-f.wake:
		}
		select {
		case <-ctx.Done():
		case <-pace.C:
		}
		f.write()
		pace.Reset(failLogPace)
	}
}

func (f *failLog) write() {
	f.mu.Lock()
	changed := f.changed
	f.changed = map[string][]failqueue.Entry{}
	f.mu.Unlock()
	for id, entries := range changed {
		if err := f.script.Lane(id).Update(entries); err != nil {
			f.log.Warn("fail log not written", zap.Error(err))
		}
	}
}

func (f *failLog) close() {
	if err := f.script.Close(); err != nil {
		f.log.Warn("fail log not closed", zap.Error(err))
	}
}
