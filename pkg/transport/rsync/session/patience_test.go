package session

import (
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

// TestHowLongARunMayBeSilent: a run may be silent for a long time where the remote may read large
// files, also when it may be stuck. Each run that was given up for its silence doubles that time for the next one.
func TestHowLongARunMayBeSilent(t *testing.T) {
	for name, c := range map[string]struct {
		batch    transport.Batch
		checksum bool
		shift    int32
		want     time.Duration
		stuck    time.Duration // of a run that may be stuck
	}{
		"small files":                            {batch: transport.Batch{Kind: transport.Send}, want: 20 * time.Second, stuck: 20 * time.Second},
		"a survey":                               {batch: transport.Batch{Kind: transport.Survey}, want: 10 * time.Minute, stuck: 2 * time.Minute},
		"a full sync":                            {batch: transport.Batch{Kind: transport.Full}, want: 10 * time.Minute, stuck: 2 * time.Minute},
		"without large files":                    {batch: transport.Batch{Kind: transport.Full, MaxSize: 1 << 30}, want: 2 * time.Minute, stuck: 20 * time.Second},
		"without large files, after a silence":   {batch: transport.Batch{Kind: transport.Full, MaxSize: 1 << 30}, shift: 1, want: 4 * time.Minute, stuck: 40 * time.Second},
		"without large files, by contents":       {batch: transport.Batch{Kind: transport.Full, MaxSize: 1 << 30, Contents: true}, want: 10 * time.Minute, stuck: 2 * time.Minute},
		"without large files, the user's own -c": {batch: transport.Batch{Kind: transport.Full, MaxSize: 1 << 30}, checksum: true, want: 10 * time.Minute, stuck: 2 * time.Minute},
	} {
		s := &Session{stuckAfter: stuckAfter}
		s.patienceShift.Store(c.shift)
		run := rsync.Run{Batch: c.batch}
		run.Target.Params.Checksum = c.checksum
		if got := s.patience(run); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if got := stuckPatience(s, run); got != c.stuck {
			t.Errorf("%s, perhaps stuck: %v, want %v", name, got, c.stuck)
		}
	}
}
