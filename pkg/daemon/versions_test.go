package daemon

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/executor/slots"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

// TestOldVersionsAreLookedForEveryHour: the audit log names what is deleted, a lane that failed is
// tried again an hour later, and delays no other lane.
func TestOldVersionsAreLookedForEveryHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		s := &site{log: zap.New(core)}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		began := time.Now()
		asked := map[string][]time.Duration{} // how long after the beginning each lane was asked
		var deleted []string
		for id, fails := range map[string]bool{"sound": false, "broken": true} {
			lane := executor.NewLane(executor.Options{
				ID: id, Transport: &transporttest.Fake{}, Slots: slots.NewSlots(1, slots.NewTotal(1)),
				Gone: func() bool { return false }, Logger: zap.NewNop(),
			})
			go func() { ended <- lane.Run(ctx) }()
			s.starts = append(s.starts, &laneStart{
				lane: lane,
				versions: func(_ context.Context, now time.Time) ([]string, error) {
					asked[id] = append(asked[id], now.Sub(began).Round(time.Minute))
					if fails {
						return nil, errors.New("no answer")
					}
					return []string{".versions/1999-12-01"}, nil
				},
				deleted: func(cause audit.Cause, paths []string) {
					if cause != audit.CauseKeep || id != "sound" {
						t.Errorf("%s: %s", id, cause)
					}
					deleted = append(deleted, paths...)
				},
			})
		}
		go func() { ended <- s.timers(ctx) }()
		time.Sleep(3*time.Hour + time.Minute)
		synctest.Wait()
		want := []time.Duration{time.Hour, 2 * time.Hour, 3 * time.Hour}
		for _, id := range []string{"sound", "broken"} {
			if !slices.Equal(asked[id], want) {
				t.Errorf("%s was asked after %v, want %v", id, asked[id], want)
			}
		}
		if len(deleted) != 3 {
			t.Errorf("deleted %v", deleted)
		}
		if n := logs.FilterMessage("old versions cannot be deleted on the remote, will try again in an hour").Len(); n != 3 {
			t.Errorf("the failure was logged %d times", n)
		}
		stop()
		for range 3 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}
