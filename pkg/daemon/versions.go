package daemon

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/executor"
)

// pruneEvery is how often old versions whose time is over are looked for.
const pruneEvery = time.Hour

// prune deletes the versions on the lane's remote whose time is over.
func (start *laneStart) prune(ctx context.Context, log *zap.Logger) {
	if start.versions == nil {
		return // a stream keeps none
	}
	var days []string
	var err error
	stopped := executor.Beside(ctx, start.lane, func(ctx context.Context) { days, err = start.versions(ctx, time.Now()) })
	switch err = errors.Join(stopped, err); {
	case ctx.Err() != nil:
	case err != nil:
		log.Warn("old versions cannot be deleted on the remote, will try again in an hour", zap.String("lane", start.lane.ID()), zap.Error(err))
	case len(days) > 0:
		log.Info("old versions deleted on the remote", zap.String("lane", start.lane.ID()), zap.Strings("days", days))
		start.deleted(audit.CauseKeep, days)
	}
}
