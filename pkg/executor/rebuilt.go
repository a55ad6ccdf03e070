package executor

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor/carry"
	"github.com/sersync/sersync/pkg/executor/outcome"
)

// A target that was rebuilt, or whose disk is not mounted, answers as if nothing had happened, but
// is empty. If the lane sent everything again by itself it could fill the disk below a missing
// mount. So it reports that and waits for a person, while it goes on sending changes.

// suspectRebuilt looks at the target's top level after an outage or a restart.
func (l *loop) suspectRebuilt(ctx context.Context) {
	since := l.topSince
	if since.IsZero() {
		return
	}
	l.topSince = time.Time{}
	f, lost := outcome.Flight{Caps: l.state.caps}, false
	l.errand(ctx, func(ctx context.Context) {
		if names := (&carry.Scout{Planner: l.planner}).TopEntries(since); len(names) > 0 && !f.Caps.NoList && l.slots.Wait(ctx) == nil {
			lost = l.carrier.NoneThere(ctx, f, names)
			l.slots.Release()
		}
	}, func() {
		if lost {
			l.targetLost()
		}
	})
}

// targetLost shows that a person has to look after the target.
func (l *loop) targetLost() {
	l.log.Warn("the target has lost its content, changes go on arriving", zap.String("remedy", rebuiltRemedy))
	l.degrade("the target is empty although it was in sync: rebuilt, or its disk is not mounted", rebuiltRemedy)
}

const rebuiltRemedy = "mount the target's disk, or send everything again: sersync --resync LANE"
