package filterqueue

import (
	"testing"
	"time"

	"github.com/dlclark/regexp2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The engine's clock, which runs on for a moment after a match with a
	// timeout, is none of ours.
	regexp2.SetTimeoutCheckPeriod(10 * time.Millisecond)
	goleak.VerifyTestMain(clockStopper{m})
}

type clockStopper struct{ m *testing.M }

func (c clockStopper) Run() int {
	defer regexp2.StopTimeoutClock()
	return c.m.Run()
}
