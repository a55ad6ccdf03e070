package confine

import (
	"os"
	"runtime"
	"testing"
)

// TestMain occupies the main thread, so that no test confines it.
func TestMain(m *testing.M) {
	runtime.LockOSThread()
	os.Exit(m.Run())
}
