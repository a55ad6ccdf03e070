package bench

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// BenchmarkWhere asks where a file is, with one remote: it measures the whole command, from its
// start to its end. The reference is what a person would do instead: a dry run of rsync for that
// file that compares contents.
func BenchmarkWhere(b *testing.B) {
	once(b)
	ours := place(b, "sersync --where")
	s := start(b, ours.src, []string{testkit.At(ours.daemon.Port(), module)}, nil)
	ours.pid = s.PID()
	ours.canary()
	write(b, filepath.Join(ours.src, "file"), []byte(small(0)))
	testkit.WaitEqual(b, ours.src, ours.dst, testkit.Compare{}, time.Minute)
	ref := &contender{series: series{name: "bare rsync -nci"}}
	for range scale(40) {
		gap()
		asked := command(b, ours.src, binary(b), "--where", filepath.Join(ours.src, "file"), "-o", s.File)
		ours.add(asked.took, asked.cpu, 0, 0)
		dry := ours.rsync("-nci", "./file")
		ref.add(dry.took, dry.cpu, 0, 0)
		ours.against(&ref.series)
	}
	f, r := ours.figure(), ref.figure()
	add(b, row{
		Work: "where a file is, one remote, the whole command", Goal: "p50 <= 3 x a dry run of rsync for it",
		Reached: fmt.Sprintf("p50 %.1f ms = %.2f x, p95 %.1f ms", f.P50, f.Ratio, f.P95),
		OK:      f.Ratio <= 3,
		Figures: []figure{f, r},
	})
}
