package executor

import (
	"context"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// The remote mirrors back. A path that a scan finds only there may be new and on its way here: only
// what both sides have had is deleted, and the status shows the rest.
func TestAScanDeletesNothingThatIsNewOnAPeer(t *testing.T) {
	for name, find := range map[string]func(*bed){
		"directories": func(b *bed) { b.Mark("", dirty.Extras); b.Mark("d", dirty.Extras) },
		"trees":       func(b *bed) { b.Mark("", dirty.Tree|dirty.Extras|dirty.Unsure) },
		"all":         func(b *bed) { b.fullSync(fullsync.Request{Unknown: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			onBed(t, with{files: []string{"arrived", "d/keep"}}, func(t *testing.T, b *bed) {
				b.fullSync(fullsync.Request{Mirror: true})
				b.write("d/sent", "1")
				b.write("gone/sent", "1")
				b.arrives("gone/sent", "1")
				b.arrives("d/sent", "1")
				info, err := os.Stat(b.dst + "/arrived")
				must(t, err)
				at(t, b.src+"/arrived", info.ModTime())
				b.Mark("arrived", dirty.Arrival)
				b.until("it is known that the remote mirrors back", func() bool { return b.Remember(time.Now()).Peer })
				b.idle()
				for _, f := range []string{"arrived", "d/sent"} {
					must(t, os.Remove(b.src+"/"+f))
				}
				must(t, os.RemoveAll(b.src+"/gone"))
				for _, f := range []string{"d/new", "new/dir/f", "gone/new"} {
					put(t, b.dst, f, "theirs")
				}
				find(b)
				for _, f := range []string{"arrived", "d/sent", "gone/sent"} {
					b.arrives(f, "<none>")
				}
				b.idle()
				for _, f := range []string{"d/new", "new/dir/f", "gone/new"} {
					if b.there(f) != "theirs" {
						t.Errorf("%s: %q", f, b.there(f))
					}
				}
				told := func() bool {
					return slices.ContainsFunc(b.Snapshot(time.Now()).Differences, func(d status.Difference) bool { return d.Kind == status.Extras && d.Count >= 3 })
				}
				b.until("what only the remote has is told", told)
			})
		})
	}
}

// A file may be replaced while the remote is asked about it. The answer does not hold for the new
// file, so the remote is asked again.
func TestWhatIsReplacedDuringAQuestionIsAskedAboutAgain(t *testing.T) {
	var calls []string
	onBed(t, with{files: []string{"f"}, carry: func(_ context.Context, b *bed, c transport.Call) (transport.Result, bool) {
		if !slices.Contains(c.Names, "f") {
			return transport.Result{}, false
		}
		if calls = append(calls, c.Batch.Kind.String()); len(calls) == 1 {
			put(b.T, b.src, "other", "newer")
			must(b.T, os.Rename(b.src+"/other", b.src+"/f"))
		}
		return transport.Result{}, false
	}}, func(t *testing.T, b *bed) {
		put(t, b.src, "f", "arrived")
		at(t, b.dst+"/f", time.Now().Add(-time.Hour))
		b.Mark("f", dirty.Arrival)
		b.arrives("f", "newer")
		b.idle()
		if want := []string{"times", "times", "send"}; !slices.Equal(calls, want) {
			t.Errorf("calls %q, want %q", calls, want)
		}
	})
}

// A file is changed here and looked at. Before rsync reads it, the peer's version takes its place
// here, and in the same second people write to the file on the peer again. The version that came
// from the peer must not go back and overwrite the newer one.
func TestAPeersOwnVersionDoesNotGoBackOverItsNextOne(t *testing.T) {
	second := time.Now().Truncate(time.Second).Add(-time.Minute)
	var sends atomic.Int64
	onBed(t, with{files: []string{"f"}, options: func(o *Options) { o.Peer = true }, carry: func(_ context.Context, b *bed, c transport.Call) (transport.Result, bool) {
		if c.Batch.Kind != transport.Send || !slices.Contains(c.Names, "f") {
			return transport.Result{}, false
		}
		if sends.Add(1) == 1 {
			put(b.T, b.src, "f", "theirs")
			at(b.T, b.src+"/f", second.Add(200*time.Millisecond))
			put(b.T, b.dst, "f", "their next")
			at(b.T, b.dst+"/f", second.Add(400*time.Millisecond))
		}
		return transport.Result{}, false
	}}, func(t *testing.T, b *bed) {
		put(t, b.src, "f", "ours")
		at(t, b.src+"/f", second.Add(100*time.Millisecond))
		at(t, b.dst+"/f", second.Add(-time.Hour))
		b.Mark("f", dirty.Content)
		b.until("it was sent", func() bool { return sends.Load() > 0 })
		b.Mark("f", dirty.Arrival)
		b.idle()
		if got := b.there("f"); got != "their next" {
			t.Errorf("the remote has %q", got)
		}
	})
}

// A file that is written here again and again within one second arrives at a peer, too.
func TestRewritesOfOneSecondArriveAtAPeer(t *testing.T) {
	second := time.Now().Truncate(time.Second).Add(-time.Minute)
	onBed(t, with{files: []string{"f"}, options: func(o *Options) { o.Peer = true }}, func(t *testing.T, b *bed) {
		for i, text := range []string{"1", "2", "four", "3"} {
			put(t, b.src, "f", text)
			at(t, b.src+"/f", second.Add(time.Duration(i)*100*time.Millisecond))
			b.Mark("f", dirty.Content)
			b.arrives("f", text)
		}
	})
}

// A file that is equal on a peer, with a time that is equal to the nanosecond, is compared and not
// sent. If the contents differ all the same, it is sent.
func TestAnEqualFileIsNotSentToAPeer(t *testing.T) {
	when := time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		there string
		flags dirty.Flags
		sent  bool
	}{
		"found by a scan":                     {"same", dirty.Unsure, false},
		"written again":                       {"same", dirty.Content, false},
		"found by a scan, with other content": {"SAME", dirty.Unsure, true},
		"written, with other content":         {"SAME", dirty.Content, true},
	} {
		t.Run(name, func(t *testing.T) {
			var judged, sent atomic.Bool
			onBed(t, with{files: []string{"f"}, options: func(o *Options) { o.Peer = true }, carry: func(_ context.Context, _ *bed, c transport.Call) (transport.Result, bool) {
				if slices.Contains(c.Names, "f") {
					if c.Batch.Kind == transport.Times {
						judged.Store(true)
					}
					if judged.Load() && c.Batch.Kind == transport.Send && !c.Batch.Verify {
						sent.Store(true)
					}
				}
				return transport.Result{}, false
			}}, func(t *testing.T, b *bed) {
				put(t, b.src, "f", "same")
				put(t, b.dst, "f", c.there)
				at(t, b.src+"/f", when)
				at(t, b.dst+"/f", when)
				b.Mark("f", c.flags)
				b.until("the remote was asked", judged.Load)
				b.idle()
				if sent.Load() != c.sent || b.there("f") != "same" {
					t.Errorf("sent: %v, the remote has %q", sent.Load(), b.there("f"))
				}
			})
		})
	}
}

// A tree takes in the events of the files below it. That a receiver has put a file there which the
// remote has as well shows that the remote mirrors back, also then.
func TestAPeerIsKnownByWhatArrivesInATree(t *testing.T) {
	for name, c := range map[string]struct {
		flags dirty.Flags
		there string
		want  bool
	}{
		"arrived":                       {dirty.Tree | dirty.Arrival, "same", true},
		"arrived, and found by a scan":  {dirty.Tree | dirty.Arrival | dirty.Unsure, "same", true},
		"found by a scan":               {dirty.Tree | dirty.Unsure, "same", false},
		"arrived, and goes to a third":  {dirty.Tree | dirty.Arrival, "another", false},
		"written here, not by receiver": {dirty.Tree | dirty.Content, "same", false},
	} {
		t.Run(name, func(t *testing.T) {
			onBed(t, with{files: []string{"d/f"}}, func(t *testing.T, b *bed) {
				when := time.Now().Truncate(time.Second).Add(-time.Hour)
				put(t, b.src, "d/f", "same")
				put(t, b.dst, "d/f", c.there)
				at(t, b.src+"/d/f", when)
				at(t, b.dst+"/d/f", when.Add(-time.Duration(len(c.there)-len("same"))*time.Second))
				b.Mark("d", c.flags)
				b.idle()
				if got := b.Remember(time.Now()).Peer; got != c.want {
					t.Errorf("the remote mirrors back: %v", got)
				}
			})
		})
	}
}
