package daemon

import (
	"context"
	"time"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/transport"
)

// verifyTurn is how long a lane waits at most for the comparison of the lane before it, which may
// itself wait for a full sync of its lane. After that time both go on side by side.
const verifyTurn = time.Hour

// verifyAll is <verify>: it compares one lane after the other, so that the disks of
// this host are read once at a time. A lane that cannot be compared, as during an
// outage, says so at once, and is compared at the next scheduled time.
func (s *site) verifyAll(ctx context.Context) {
	v := s.conf.Verify
	for _, start := range s.starts {
		if start.stream != nil {
			continue // its edges cannot be asked from here
		}
		ended := make(chan struct{}, 1)
		keep := s.verified(start.lane, v.Repair)
		err := start.lane.FullSync(ctx, fullsync.Request{
			Verify: true, Manner: fullsync.Manner{Contents: v.Contents, Repair: v.Repair, Pace: transport.Pace{Gentle: true, BWLimit: v.BWLimit}},
			Done: func(r fullsync.Result) {
				keep(r)
				select {
				case ended <- struct{}{}:
				default: // the turn has been passed on already
				}
			},
		})
		if err != nil {
			continue // the lane ends, and with it the site
		}
		turn := time.NewTimer(verifyTurn)
		select {
		case <-ended:
		case <-turn.C:
		case <-ctx.Done():
		}
		turn.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}
