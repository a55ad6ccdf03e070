package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if dirs := os.Getenv(hosts); dirs != "" {
		os.Exit(hostEdges(strings.Split(dirs, ":")))
	}
	code := m.Run()
	if build.path != "" {
		os.RemoveAll(filepath.Dir(build.path))
	}
	if len(rows) > 0 {
		if err := report(os.Getenv("BENCH_OUT")); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// scale makes sizes and counts smaller for quick runs, by the factor in BENCH_SCALE (such as 0.1).
func scale(n int) int {
	f, err := strconv.ParseFloat(os.Getenv("BENCH_SCALE"), 64)
	if err != nil || f <= 0 {
		return n
	}
	return max(1, int(float64(n)*f))
}

// repeats is how often a work is measured; BENCH_RUNS replaces the number.
func repeats(n int) int {
	if r, err := strconv.Atoi(os.Getenv("BENCH_RUNS")); err == nil && r > 0 {
		return r
	}
	return n
}

// once makes sure that a row is run once. Go would repeat a benchmark for its timing, but a row
// repeats its work itself.
func once(b *testing.B) {
	b.Helper()
	if b.N != 1 {
		b.Fatal("run the rows with -benchtime 1x (make bench)")
	}
	runtime.GC()
}
