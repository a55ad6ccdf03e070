package confine

import (
	"os"
	"runtime"
	"testing"
)

// TestMain keeps the main thread for itself: no test may confine it.
func TestMain(m *testing.M) {
	runtime.LockOSThread()
	os.Exit(m.Run())
}
