package fstree

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkChanged compares the catch-up scan of 200,000 files in memory with find -newer over the
// same files, by turns.
func BenchmarkChanged(b *testing.B) {
	find, err := exec.LookPath("find")
	if err != nil {
		b.Fatal(err)
	}
	root, err := os.MkdirTemp("/dev/shm", "scan")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(root)
	for i := range 2000 {
		sub := mkdir(b, root, fmt.Sprint("d", i%50), fmt.Sprint("e", i))
		for j := range 100 {
			touch(b, sub, fmt.Sprint("file", j))
		}
	}
	ref := touch(b, b.TempDir(), "reference")
	st, err := os.Stat(ref)
	if err != nil {
		b.Fatal(err)
	}
	changed := touch(b, root, "d1", "new")
	later := st.ModTime().Add(time.Minute) // find compares the mtime
	if err := os.Chtimes(changed, later, later); err != nil {
		b.Fatal(err)
	}
	fd := openDir(b, filepath.Clean(root))
	var ours, theirs time.Duration
	for b.Loop() {
		begin := time.Now()
		if out, err := exec.Command(find, root, "-newer", ref).Output(); err != nil || len(out) == 0 {
			b.Fatalf("find: %q, %v", out, err)
		}
		theirs += time.Since(begin)
		begin = time.Now()
		n, err := Changed(context.Background(), fd, st.ModTime(), ScanOptions{}, func(string, Change) {})
		if err != nil || n.Others != 200001 {
			b.Fatalf("counted %+v, %v", n, err)
		}
		ours += time.Since(begin)
	}
	b.ReportMetric(ours.Seconds()/theirs.Seconds(), "x-find")
}
