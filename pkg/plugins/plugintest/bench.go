package plugintest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/plugins"
)

// Benchmark measures how many events per second go through a Runner and its
// plugin to a receiver that answers at once. received tells how many the
// receiver has.
func Benchmark(b *testing.B, plugin plugins.Plugin, received func() int) {
	b.Helper()
	r := plugins.NewRunner(plugin, plugins.RunnerConfig{MaxPending: b.N + 1, MaxBytes: 1 << 40}, nil)
	names := make([]string, b.N)
	for i := range names {
		names[i] = fmt.Sprintf("dir%d/file%d", i%100, i)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	b.ResetTimer()
	go func() { done <- r.Run(ctx) }()
	for i, name := range names {
		r.Add(plugins.Event{Root: "/data/www", Path: name, Op: plugins.Changed, Seq: uint64(i)})
	}
	drained, stop := context.WithTimeout(ctx, 5*time.Minute)
	defer stop()
	if err := r.Drain(drained); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	if st := r.Stats(); st.Dropped != 0 || received() < b.N {
		b.Fatalf("receiver has %d of %d; %+v", received(), b.N, st)
	}
}
