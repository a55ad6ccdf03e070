package testkit

import (
	"os"
	"syscall"
	"testing"
)

// WriteProgram writes a script that is to be run. Meanwhile no other goroutine may start a process:
// that process would inherit the open file, and until it has executed its program the kernel
// refuses to run the script (ETXTBSY).
func WriteProgram(t testing.TB, file, text string) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	must(t, os.WriteFile(file, []byte(text), 0o755))
}
