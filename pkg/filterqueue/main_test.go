package filterqueue

import (
	"testing"
	"time"

	"github.com/dlclark/regexp2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// After a match with a timeout the clock of the engine runs on for a moment. It is no goroutine
	// that a test has left.
	regexp2.SetTimeoutCheckPeriod(10 * time.Millisecond)
	goleak.VerifyTestMain(clockStopper{m})
}

type clockStopper struct{ m *testing.M }

func (c clockStopper) Run() int {
	defer regexp2.StopTimeoutClock()
	return c.m.Run()
}
