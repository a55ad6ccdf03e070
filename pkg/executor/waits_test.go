package executor

import (
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/executor/health"
)

// Everything has to arrive within 10 s of the remote's first answer, so no wait may be longer.
func TestLongestWaits(t *testing.T) {
	for name, c := range map[string]struct {
		wait func() time.Duration
		most time.Duration
	}{
		"lane":              {func() time.Duration { return health.Wait(100) }, 8 * time.Second},
		"few paths":         {func() time.Duration { return pathWait(100, 1) }, 8 * time.Second},
		"a thousand paths":  {func() time.Duration { return pathWait(100, 1000) }, 8 * time.Second},
		"more paths":        {func() time.Duration { return pathWait(100, 1001) }, time.Minute},
		"a lasting failure": {func() time.Duration { return lastingWait(100) }, time.Minute},
	} {
		var longest time.Duration
		for range 100 { // half of the waits reach the bound
			longest = max(longest, c.wait())
		}
		if longest != c.most {
			t.Errorf("%s: the longest wait is %v, want %v", name, longest, c.most)
		}
	}
}
