// Package reopen keeps a watch root watched: a watch that ends because the root is
// gone is followed by another one, once a directory is at the path again.
package reopen

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/fsevent"
)

// ErrRootLost ends a Watch: the root's path does not exist any more, or is another directory.
var ErrRootLost = errors.New("watch root is gone")

// Watch is a watch from its first look at the root until the root is lost.
type Watch interface {
	// Run returns when the root is lost, when ctx ends, or when it cannot go on. stood tells
	// whether h was told arrived, which says that the tree is watched.
	Run(ctx context.Context, h fsevent.Handler, arrived fsevent.RootState) (stood bool, err error)
}

// How often a lost root is looked for: at once for a directory that is
// replaced by a rename, then at a rate that costs nothing.
const (
	firstLook = 10 * time.Millisecond
	lastLook  = time.Second
)

// Run runs one Watch after the other, each made by open, for the tree at root until ctx ends, which
// is no error. It returns an error if the root cannot be watched at the start, and when a watch
// cannot go on.
func Run(ctx context.Context, h fsevent.Handler, root string, log *zap.Logger, open func(context.Context) (Watch, error)) error {
	arrived := fsevent.RootWatched
	delay := firstLook
	for ctx.Err() == nil {
		s, err := open(ctx)
		if err != nil && arrived == fsevent.RootWatched {
			return err
		}
		if err != nil {
			log.Debug("watch root is not back", zap.Error(err))
			delay = min(2*delay, lastLook)
			pause(ctx, delay)
			continue
		}
		stood, err := s.Run(ctx, h, arrived)
		switch {
		case ctx.Err() != nil:
			return nil
		case !errors.Is(err, ErrRootLost):
			return fmt.Errorf("watch %s: %w", root, err)
		case !stood && arrived == fsevent.RootWatched:
			return fmt.Errorf("watch %s: %w", root, err)
		}
		if stood {
			log.Warn("watch root is gone, waiting for its return")
			h.Root(fsevent.RootGone)
			delay = firstLook
		}
		arrived = fsevent.RootBack
		pause(ctx, delay)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
