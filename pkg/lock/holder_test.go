package lock

import (
	"os"
	"testing"
)

// TestHolder: Holder finds the holder without taking the lock, and makes no file for a lock that
// nobody holds.
func TestHolder(t *testing.T) {
	dir := t.TempDir()
	if pid := Holder(dir, "lane"); pid != 0 {
		t.Errorf("%d holds what nobody has taken", pid)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("looking has made %v (%v)", entries, err)
	}
	l, err := Acquire(dir, "lane")
	if err != nil {
		t.Fatal(err)
	}
	if pid := Holder(dir, "lane"); pid != os.Getpid() {
		t.Errorf("%d holds it, and should be %d", pid, os.Getpid())
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if pid := Holder(dir, "lane"); pid != 0 {
		t.Errorf("%d holds what was released", pid)
	}
}
