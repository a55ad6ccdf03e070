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

// A start right after kill(1) finds the program before still ending. It lets
// running rsyncs finish, so that it may take a while.
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
	waited bool                  // it has been said that a predecessor is waited for
}

func newLaneLocks(print func(string, ...any), log *zap.Logger) *laneLocks {
	return &laneLocks{print: print, log: log, held: map[string]*lock.Lock{}}
}

// take makes sure that the lane's lock is held, if there is a directory for it. At the start it waits for a
// predecessor that is ending; the error is a *lock.HeldError for one that is not.
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

// sayWaiting says once why the start takes longer.
func (l *laneLocks) sayWaiting(held *lock.HeldError) {
	l.mu.Lock()
	first := !l.waited
	l.waited = true
	l.mu.Unlock()
	if first {
		l.print("sersync (pid %d) is ending, waiting for it for up to %v\n", held.PID, predecessorEnding)
		l.log.Info("another sersync serves the same directory and remote and is ending, waiting for it",
			zap.Int("pid", held.PID), zap.String("lane", held.Key), zap.Duration("limit", predecessorEnding))
	}
}

// sayEnding tells a successor that all these locks will be free soon.
func (l *laneLocks) sayEnding() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, held := range l.held {
		_ = held.SayEnding() // a successor that is not told is refused, as it was before
	}
}

// keep releases the locks of all lanes that wanted is false for.
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

// takeLocks takes the locks of all lanes of the configuration. What is wrong
// with a lane is for buildLane to say.
func (s *site) takeLocks(ctx context.Context) error {
	starting := s.daemon.current.Load() == nil
	for lane := range laneconf.IDs(s.conf) {
		if err := s.daemon.locks.take(ctx, s.stores.dir, lane, starting); err != nil {
			return err
		}
	}
	return nil
}
