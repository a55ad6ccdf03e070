package lock

import (
	"strconv"
	"strings"
	"testing"
)

// FuzzHolderIn: the pid is taken from a line of the table that names the file.
func FuzzHolderIn(f *testing.F) {
	f.Add("1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF\n", "08:01:5678")
	f.Add("1: FLOCK\n\n\x00", "")
	f.Add("1: FLOCK a b -5 x\n2: FLOCK a b 6 x", "x")
	f.Fuzz(func(t *testing.T, table, inode string) {
		pid := holderIn(table, inode)
		if pid < 0 {
			t.Fatalf("pid %d", pid)
		}
		if pid > 0 && (!strings.Contains(table, strconv.Itoa(pid)) || !strings.Contains(table, inode)) {
			t.Errorf("pid %d is not in the table", pid)
		}
	})
}
