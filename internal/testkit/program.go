package testkit

import (
	"os"
	"syscall"
	"testing"
)

// WriteProgram writes a script that is to be run. No other goroutine may start
// a process meanwhile: it would inherit the open file, and until it has become
// another program the kernel refuses to run this one (ETXTBSY).
func WriteProgram(t testing.TB, file, text string) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	must(t, os.WriteFile(file, []byte(text), 0o755))
}
