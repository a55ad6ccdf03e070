package inotify

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// BenchmarkNames compares the store of names with one string for each name: the bytes that a name
// of twelve letters costs, and how long a garbage collection takes that has to look at the names.
// docs/architecture.md has the figures.
func BenchmarkNames(b *testing.B) {
	const count = 1_000_000
	name := func(i int) []byte { return fmt.Appendf(nil, "dir-%08d", i) }
	var keep any
	for way, fill := range map[string]func() any{
		"store": func() any {
			var s names
			places := make([]uint32, count)
			for i := range count {
				places[i] = s.add(name(i))
			}
			return []any{&s, places}
		},
		"strings": func() any {
			list := make([]string, count)
			for i := range count {
				list[i] = string(name(i))
			}
			return list
		},
	} {
		b.Run(way, func(b *testing.B) {
			for range b.N {
				keep = nil
				before := heap()
				keep = fill()
				b.ReportMetric(float64(heap()-before)/count, "B/name")
				begin := time.Now()
				runtime.GC()
				b.ReportMetric(float64(time.Since(begin).Milliseconds()), "ms/collection")
			}
		})
	}
	runtime.KeepAlive(keep)
}
