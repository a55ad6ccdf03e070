package executor

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

// named counts how often the log says that a path fails.
func (b *bed) named(path string) (n int) {
	for _, e := range b.logs.FilterMessage("path failed").All() {
		if e.ContextMap()["path"] == path {
			n++
		}
	}
	return n
}

// A path first failed within a batch that failed as a whole. Once the path itself is found, the log
// names it, once.
func TestAPathOutOfAnUnclearBatchIsNamed(t *testing.T) {
	onBed(t, with{carry: refusing("bad", unclear)}, func(t *testing.T, b *bed) {
		must(t, b.Pause(t.Context(), true))
		for _, dir := range []string{"good", "bad", "other"} {
			put(t, b.src, dir+"/f", "1")
			b.Mark(dir, dirty.Tree)
		}
		must(t, b.Pause(t.Context(), false))
		b.arrives("good/f", "1")
		b.arrives("other/f", "1")
		b.until("bad is named", func() bool { return b.named("bad") > 0 })
		must(t, b.RetryNow(t.Context()))
		b.until("it alone fails, and has been tried again", func() bool {
			f := b.dirty.Failing(10)
			return b.Snapshot(time.Now()).Failing == 1 && len(f) == 1 && f[0].Path == "bad" && f[0].Attempt > 2
		})
		if n := b.named("bad"); n != 1 {
			t.Errorf("named %d times", n)
		}
		if n := b.named("good") + b.named("other"); n > 0 {
			t.Errorf("others named %d times", n)
		}
	})
}

// Some batches take two runs. When the first run has failed for a path, the works of the second run
// do not count as done.
func TestAFailureInTheFirstOfTwoRuns(t *testing.T) {
	for name, c := range map[string]struct {
		with
		do func(*bed)
	}{
		"trees": {with{files: []string{"d/old"}}, func(b *bed) {
			put(b.T, b.src, "bad/f", "1")
			must(b.T, os.RemoveAll(b.src+"/d"))
			put(b.T, b.src, "d/new", "1")
			b.Mark("bad", dirty.Tree)
			b.Mark("d", dirty.Tree|dirty.Gone)
		}},
		"by the second": {with{files: []string{"f"}, options: func(o *Options) { o.Caps = o.Caps.Lacking(transport.Nanoseconds) }}, func(b *bed) {
			put(b.T, b.src, "bad", "1")
			b.Mark("bad", 0)
			b.write("f", "new")
		}},
		"deletions": {with{
			files:   []string{"bad", "d/f"},
			options: func(o *Options) { o.Excluded = func(path string, _ bool) bool { return path == "d/kept" } },
		}, func(b *bed) {
			put(b.T, b.dst, "d/kept", "1")
			b.remove("bad")
			b.remove("d")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c.carry = refusing("bad", denied("bad"))
			onBed(t, c.with, func(t *testing.T, b *bed) {
				must(t, b.Pause(t.Context(), true))
				c.do(b)
				must(t, b.Pause(t.Context(), false))
				b.until("all the rest is done", func() bool {
					f := b.dirty.Failing(10)
					s := b.dirty.Stats()
					return len(f) == 1 && f[0].Path == "bad" && s.Pending+s.InFlight == 1
				})
				for _, p := range []string{"d/old", "d/new", "d/f", "f"} {
					here, err := os.ReadFile(filepath.Join(b.src, p))
					want := string(here)
					if err != nil {
						want = "<none>"
					}
					if got := b.there(p); got != want {
						t.Errorf("%s is %q, want %q", p, got, want)
					}
				}
			})
		})
	}
}

// A full sync that does not say which paths it has left out is repeated.
func TestAnUnclearFullSyncIsRepeated(t *testing.T) {
	first := once()
	onBed(t, with{carry: func(_ context.Context, _ *bed, c transport.Call) (transport.Result, bool) {
		return unclear, c.Batch.Kind == transport.Full && first()
	}}, func(t *testing.T, b *bed) {
		put(t, b.src, "d/f", "1")
		if r := b.fullSync(fullsync.Request{}); r.Err != nil {
			t.Fatal(r.Err)
		}
		if n := b.ran(transport.Full); n < 2 {
			t.Errorf("%d runs", n)
		}
		if got := b.there("d/f"); got != "1" {
			t.Errorf("d/f is %q", got)
		}
	})
}
