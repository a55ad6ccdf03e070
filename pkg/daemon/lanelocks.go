package daemon

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/instance"
	"github.com/sersync/sersync/pkg/laneconf"
	"github.com/sersync/sersync/pkg/lock"
)

// A start right after kill(1) finds that the previous process is still stopping. That process lets
// running rsyncs finish, so it may take a while.
const (
	predecessorNotice = 2 * time.Second
	predecessorEnding = 45 * time.Second
)

// laneLocks are the locks of this program's lanes. Safe for concurrent use.
type laneLocks struct {
	print func(format string, args ...any)
	log   *zap.Logger

	mu     sync.Mutex
	held   map[string]*lock.Lock // by lane
	waited bool                  // the log has said that the start waits for a predecessor
}

func newLaneLocks(print func(string, ...any), log *zap.Logger) *laneLocks {
	return &laneLocks{print: print, log: log, held: map[string]*lock.Lock{}}
}

// take makes sure that the lane's lock is held, if there is a directory for it. At a start it waits for a
// predecessor that is stopping; for one that is not, the error is a *lock.HeldError.
func (l *laneLocks) take(ctx context.Context, dir, lane string, starting bool) error {
	l.mu.Lock()
	has := l.held[lane] != nil
	l.mu.Unlock()
	if has || dir == "" {
		return nil
	}
	patience := lock.Patience{Ending: predecessorEnding}
	if starting {
		patience.Notice = predecessorNotice
	}
	held, err := lock.Await(ctx, dir, lane, patience, l.sayWaiting)
	var other *lock.HeldError
	switch {
	case errors.As(err, &other):
		return err
	case err != nil:
		l.log.Warn("lane is not locked, a second sersync for it would not be noticed",
			zap.String("lane", lane), zap.Error(err), zap.String("remedy", instance.StateRemedy))
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[lane] = held
	return nil
}

// sayWaiting logs once why the start takes longer.
func (l *laneLocks) sayWaiting(held *lock.HeldError) {
	l.mu.Lock()
	first := !l.waited
	l.waited = true
	l.mu.Unlock()
	if first {
		l.print("sersync (pid %d) is ending, waiting for it for up to %v\n", held.PID, predecessorEnding)
		l.log.Info("another sersync serves the same directory and remote and is stopping, waiting for its end",
			zap.Int("pid", held.PID), zap.String("lane", held.Key), zap.Duration("limit", predecessorEnding))
	}
}

// sayEnding tells a successor that all these locks will be free soon.
func (l *laneLocks) sayEnding() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, held := range l.held {
		_ = held.SayEnding() // if that fails, a successor is refused instead of waiting
	}
}

// keep releases the locks of all lanes for which wanted returns false.
func (l *laneLocks) keep(wanted func(lane string) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for lane, held := range l.held {
		if !wanted(lane) {
			_ = held.Release()
			delete(l.held, lane)
		}
	}
}

// takeLocks takes the locks of all lanes of the configuration. Errors of a lane's configuration are
// reported when the lane is built.
func (s *site) takeLocks(ctx context.Context) error {
	starting := s.daemon.current.Load() == nil
	for lane := range laneconf.IDs(s.conf) {
		if err := s.daemon.locks.take(ctx, s.stores.dir, lane, starting); err != nil {
			return err
		}
	}
	return nil
}
