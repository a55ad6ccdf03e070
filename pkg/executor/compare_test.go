package executor

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/executor/carry"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// differing returns how many differences of one kind the lane's status counts, and their names.
func (b *bed) differing(kind status.DifferenceKind) (n int, names []string) {
	for _, d := range b.Snapshot(time.Now()).Differences {
		if d.Kind == kind {
			return d.Count, d.Names
		}
	}
	return 0, nil
}

// The status shows what a comparison has found until it is settled, by its path or by a full sync,
// and shows it also after a restart.
func TestWhatAComparisonFindsIsKnown(t *testing.T) {
	onBed(t, with{files: []string{"a", "d/b", "d/c"}, there: []string{"only/x"}}, func(t *testing.T, b *bed) {
		must(t, b.fullSync(fullsync.Request{}).Err)
		must(t, b.fullSync(fullsync.Request{Verify: true}).Err)
		if n, names := b.differing(status.Extras); n != 2 || !slices.Equal(names, []string{"only", "only/x"}) {
			t.Errorf("extras: %d %q", n, names)
		}
		for _, f := range []string{"a", "d/b", "d/c"} {
			put(t, b.dst, f, "changed on the remote")
			at(t, b.dst+"/"+f, time.Now().Add(-time.Hour))
		}
		must(t, b.fullSync(fullsync.Request{Verify: true}).Err)
		s := b.Snapshot(time.Now())
		if n, names := b.differing(status.Differing); n != 3 || !slices.Equal(names, []string{"a", "d/b", "d/c"}) || s.State != status.LaneDegraded {
			t.Errorf("%s, differing: %d %q", s.State, n, names)
		}
		var again known
		again.restore(b.Remember(time.Now()).Differences)
		if got := again.told.List(); len(got) != 2 || got[1].Count != 3 || len(again.kinds[status.Differing].paths) != 3 {
			t.Errorf("after a restart: %+v", got)
		}
		b.write("a", "written here")
		b.until("one less differs", func() bool { n, _ := b.differing(status.Differing); return n == 2 })
		b.remove("d")
		b.until("none differs", func() bool { n, _ := b.differing(status.Differing); return n == 0 })
		must(t, b.fullSync(fullsync.Request{Mirror: true}).Err)
		b.equal()
		b.until("in sync", func() bool { return b.Snapshot(time.Now()).State == status.LaneInSync })
	})
}

// A file that -u keeps on the remote is not among the files that a full sync would send, because it
// needs another remedy. An older file that has replaced one that was sent is among them.
func TestAComparisonTellsWhatIsNewerThere(t *testing.T) {
	onBed(t, with{files: []string{"theirs", "older"}}, func(t *testing.T, b *bed) {
		must(t, b.fullSync(fullsync.Request{}).Err)
		b.write("ours", "new")
		b.arrives("ours", "new")
		b.idle()
		past := time.Now().Add(-time.Hour)
		at(t, b.src+"/theirs", past)
		b.paused(func() {
			put(t, b.src, "ours", "rolled back")
			at(t, b.src+"/ours", past)
			at(t, b.dst+"/older", past)
		})
		r := b.fullSync(fullsync.Request{Verify: true})
		if want := []string{"older", "ours"}; r.Err != nil || !slices.Equal(r.Newer, []string{"theirs"}) || !slices.Equal(r.Differing, want) {
			t.Errorf("%+v", r)
		}
		if n, names := b.differing(status.Newer); n != 1 || !slices.Equal(names, []string{"theirs"}) {
			t.Errorf("newer: %d %q", n, names)
		}
		if n, _ := b.differing(status.Differing); n != 2 {
			t.Errorf("%d differ", n)
		}
	})
}

// A scan names a file that was sent long ago and of which the remote has a newer copy by now: with
// -u the run leaves that copy alone and does not report it.
func TestARunThatDidNotAskLeavesWhatIsNewerThere(t *testing.T) {
	onBed(t, with{}, func(t *testing.T, b *bed) {
		must(t, b.fullSync(fullsync.Request{}).Err)
		b.write("ours", "sent")
		b.arrives("ours", "sent")
		b.idle()
		b.paused(func() {
			put(t, b.dst, "ours", "newer on the remote")
			at(t, b.dst+"/ours", time.Now().Add(time.Hour))
		})
		if r := b.fullSync(fullsync.Request{Verify: true}); r.Err != nil || !slices.Equal(r.Newer, []string{"ours"}) {
			t.Fatalf("%+v", r)
		}
		b.Mark("ours", dirty.Unsure)
		b.idle()
		if n := b.newerTold(); n != 1 {
			t.Errorf("after a run that sent nothing the status tells of %d newer files", n)
		}
		b.write("ours", "written again")
		at(t, b.src+"/ours", time.Now().Add(2*time.Hour))
		b.arrives("ours", "written again")
		b.idle()
		if n := b.newerTold(); n != 0 {
			t.Errorf("after it was sent the status tells of %d newer files", n)
		}
	})
}

// Where nothing is to be deleted, entries that only the remote has are no difference that a person
// has to settle.
func TestExtrasOfALaneThatDeletesNothing(t *testing.T) {
	onBed(t, with{there: []string{"only"}, options: func(o *Options) {
		o.MayDelete = false
		o.Differences = []status.Difference{{Kind: status.Extras, Count: 1, Since: time.Now()}}
	}}, func(t *testing.T, b *bed) {
		must(t, b.fullSync(fullsync.Request{}).Err)
		if r := b.fullSync(fullsync.Request{Verify: true}); !slices.Equal(r.Extras, []string{"only"}) {
			t.Errorf("%+v", r)
		}
		if s := b.Snapshot(time.Now()); s.State != status.LaneInSync {
			t.Errorf("%s %+v", s.State, s.Differences)
		}
	})
}

func TestAFullSyncSettlesWhatAComparisonHasFound(t *testing.T) {
	onBed(t, with{files: []string{"a"}, terms: withoutUpdate}, func(t *testing.T, b *bed) {
		must(t, b.fullSync(fullsync.Request{}).Err)
		put(t, b.dst, "a", "changed on the remote")
		must(t, b.fullSync(fullsync.Request{Verify: true}).Err)
		if n, _ := b.differing(status.Differing); n != 1 {
			t.Errorf("%d differ", n)
		}
		must(t, b.fullSync(fullsync.Request{}).Err)
		if s := b.Snapshot(time.Now()); s.State != status.LaneInSync {
			t.Errorf("%s %+v", s.State, s.Differences)
		}
	})
}

// Every request for a comparison gets an answer, also from a lane that cannot compare at the
// moment, and whatever else is requested.
func TestAComparisonThatCannotBeMadeEnds(t *testing.T) {
	ask := func(b *bed) error {
		done := make(chan fullsync.Result, 2)
		must(b.T, b.FullSync(b.Context(), fullsync.Request{Verify: true, Done: func(r fullsync.Result) { done <- r }}))
		select {
		case r := <-done:
			return r.Err
		case <-time.After(patient):
			b.Fatal("no answer")
			return nil
		}
	}
	t.Run("remote down", func(t *testing.T) {
		onBed(t, with{}, func(t *testing.T, b *bed) {
			must(t, b.fullSync(fullsync.Request{}).Err)
			b.away.Store(true)
			if err := ask(b); err == nil || !strings.Contains(err.Error(), "refuses the connection; start it") {
				t.Errorf("err = %v", err)
			}
			must(t, b.FullSync(t.Context(), fullsync.Request{Mirror: true})) // stays wanted until the end of the pause
			if err := ask(b); err == nil {
				t.Error("compared with a remote that is down")
			}
			b.away.Store(false)
			if err := ask(b); err != nil {
				t.Errorf("the remote is back: %v", err)
			}
		})
	})
	t.Run("paused", func(t *testing.T) {
		onBed(t, with{}, func(t *testing.T, b *bed) {
			must(t, b.Pause(t.Context(), true))
			if err := ask(b); !errors.Is(err, errPaused) {
				t.Errorf("err = %v", err)
			}
		})
	})
	t.Run("watch root gone", func(t *testing.T) {
		onBed(t, with{}, func(t *testing.T, b *bed) {
			b.gone.Store(true)
			if err := ask(b); !errors.Is(err, transport.ErrRootGone) {
				t.Errorf("err = %v", err)
			}
		})
	})
	t.Run("nothing can be started", func(t *testing.T) {
		onBed(t, with{}, func(t *testing.T, b *bed) {
			b.broken.Store(true)
			if err := ask(b); err == nil {
				t.Error("compared without a run")
			}
			if s := b.Snapshot(time.Now()); s.FailedRuns == 0 || len(s.Failures) == 0 {
				t.Errorf("%d failed runs, %d failures shown", s.FailedRuns, len(s.Failures))
			}
		})
	})
}

// A lane with a full sync that was requested and has not been done is not in sync.
func TestAWantedFullSyncIsNotInSync(t *testing.T) {
	onBed(t, with{files: []string{"f"}}, func(t *testing.T, b *bed) {
		must(t, b.fullSync(fullsync.Request{}).Err)
		b.until("in sync", func() bool {
			s := b.Snapshot(time.Now())
			return s.State == status.LaneInSync && s.FullSyncSince.IsZero() && s.FailedRuns == 0
		})
		b.away.Store(true)
		must(t, b.FullSync(t.Context(), fullsync.Request{Mirror: true}))
		if s := b.Snapshot(time.Now()); s.State == status.LaneInSync || s.FullSyncSince.IsZero() {
			t.Errorf("%s, wanted since %v", s.State, s.FullSyncSince)
		}
		b.until("it backs off", func() bool {
			s := b.Snapshot(time.Now())
			return s.State == status.LaneBackingOff && s.FailedRuns > 0 && len(s.Failures) > 0 && s.Lag(time.Now().Add(time.Hour)) > time.Hour
		})
		b.away.Store(false)
		b.until("in sync", func() bool {
			s := b.Snapshot(time.Now())
			return s.State == status.LaneInSync && s.FullSyncSince.IsZero()
		})
	})
}

func TestAFullSyncCountsWhatItSends(t *testing.T) {
	onBed(t, with{files: []string{"same"}}, func(t *testing.T, b *bed) {
		put(t, b.src, "a", "12345")
		put(t, b.src, "d/b", "678")
		must(t, os.Chtimes(b.src+"/same", time.Unix(1700000000, 0), time.Unix(1700000000, 0)))
		must(t, os.Chtimes(b.dst+"/same", time.Unix(1700000000, 0), time.Unix(1700000000, 0)))
		must(t, b.fullSync(fullsync.Request{Mirror: true}).Err)
		s := b.Snapshot(time.Now())
		var files, bytes int64
		for i := range s.Series.Files {
			files, bytes = files+s.Series.Files[i], bytes+s.Series.Bytes[i]
		}
		if s.Files != 2 || s.BytesSent != 8 || files != 2 || bytes != 8 || s.Latency.Count != 0 {
			t.Errorf("%d files, %d bytes; charts %d, %d; %+v", s.Files, s.BytesSent, files, bytes, s.Latency)
		}
	})
}

// A full sync whose last attempt has nothing left to do took no time, and never a negative one.
func TestHowLongAFullSyncTook(t *testing.T) {
	onBed(t, with{}, func(t *testing.T, b *bed) {
		run := carry.FullRun{Carrier: b.carrier}
		o := run.Fly(t.Context(), outcome.Flight{Kind: plan.KindFull, Caps: transport.Capabilities{NoDelete: true}}, true)
		if took := o.Ended.Sub(o.Began); took < 0 {
			t.Errorf("took %v", took)
		}
	})
}

// A file that could not be sent is neither counted as sent nor reported as settled.
func TestAFullSyncThatDeliversNothing(t *testing.T) {
	all := transport.Result{Class: transport.Partly, Failed: append(denied("a").Failed, denied("b").Failed...)}
	onBed(t, with{carry: func(_ context.Context, _ *bed, c transport.Call) (transport.Result, bool) {
		return all, c.Batch.Kind == transport.Full || c.Batch.Kind == transport.Send
	}}, func(t *testing.T, b *bed) {
		put(t, b.src, "a", "1")
		put(t, b.src, "b", "2")
		done := make(chan fullsync.Result, 1)
		must(t, b.FullSync(t.Context(), fullsync.Request{Mirror: true, Done: func(r fullsync.Result) { done <- r }}))
		if r := <-done; r.Unreadable != 2 {
			t.Errorf("%+v", r)
		}
		s := b.Snapshot(time.Now())
		if s.Files != 0 || s.State == status.LaneInSync {
			t.Errorf("%d files were sent, %s", s.Files, s.State)
		}
		if n := b.logs.FilterMessage("full sync done").Len(); n != 0 {
			t.Error("the log says that it is done")
		}
		if n := b.logs.FilterMessageSnippet("full sync ended").Len(); n != 1 {
			t.Errorf("%d lines say how it ended", n)
		}
	})
}

// With -u a path that a run leaves alone when it is looked at again still differs.
func TestWhatMinusULeavesStillDiffers(t *testing.T) {
	onBed(t, with{files: []string{"a", "d/b"}}, func(t *testing.T, b *bed) {
		must(t, b.fullSync(fullsync.Request{}).Err)
		for _, f := range []string{"a", "d/b"} {
			put(t, b.dst, f, "newer on the remote")
		}
		must(t, b.fullSync(fullsync.Request{Verify: true}).Err)
		b.Mark("a", 0)
		b.Mark("d", dirty.Tree)
		b.idle()
		if s := b.Snapshot(time.Now()); s.State != status.LaneDegraded || len(s.Differences) == 0 {
			t.Errorf("%s %+v", s.State, s.Differences)
		}
		b.write("a", "written here")
		b.write("d/b", "written here")
		b.equal()
		b.until("in sync", func() bool { return b.Snapshot(time.Now()).State == status.LaneInSync })
	})
}

// The watch root has a directory that an expression for directories excludes. A run would make it
// on the remote, since nothing has said whether the remote has an entry of that name.
func TestAnExcludedDirectoryIsNoDifference(t *testing.T) {
	onBed(t, with{files: []string{"a"}, options: func(o *Options) {
		o.Excluded = func(path string, dir bool) bool { return dir && path == "skip" }
	}}, func(t *testing.T, b *bed) {
		put(t, b.src, "skip/in", "excluded")
		must(t, b.fullSync(fullsync.Request{Mirror: true}).Err)
		if r := b.fullSync(fullsync.Request{Verify: true}); r.Err != nil || len(r.Extras)+len(r.Differing) > 0 {
			t.Errorf("%+v", r)
		}
		if s := b.Snapshot(time.Now()); s.State != status.LaneInSync {
			t.Errorf("%s: %+v", s.State, s.Differences)
		}
	})
}

// A comparison that repairs sends what differs, deletes what an automatic full sync would delete,
// and leaves alone what -u leaves alone.
func TestAComparisonRepairs(t *testing.T) {
	for _, mirrored := range []bool{false, true} {
		onBed(t, with{files: []string{"size", "same", "newer", "fine"}}, func(t *testing.T, b *bed) {
			b.fullSync(fullsync.Request{Mirror: mirrored})
			past := time.Now().Add(-time.Hour)
			for _, dir := range []string{b.src, b.dst} {
				at(t, dir+"/same", past)
				at(t, dir+"/fine", past)
			}
			put(t, b.dst, "size", "longer than here")
			put(t, b.dst, "same", "OLD") // the same size and time as in the watch root
			at(t, b.dst+"/size", past)
			at(t, b.dst+"/same", past)
			put(t, b.dst, "newer", "theirs")
			at(t, b.dst+"/newer", time.Now().Add(time.Hour))
			put(t, b.dst, "theirs/x", "only there")
			r := b.fullSync(fullsync.Request{Verify: true, Manner: fullsync.Manner{Pace: transport.Pace{Gentle: true, BWLimit: 900}}})
			if b.there("size") == "old" || slices.Contains(r.Differing, "same") || len(r.Newer) != 1 {
				t.Errorf("without repair: %+v, size is %q", r, b.there("size"))
			}
			r = b.fullSync(fullsync.Request{Verify: true, Manner: fullsync.Manner{Contents: true, Repair: true, Pace: transport.Pace{Gentle: true, BWLimit: 900}}})
			if r.Err != nil || !slices.Contains(r.Differing, "same") || !slices.Contains(r.Differing, "size") {
				t.Errorf("%+v", r)
			}
			b.arrives("size", "old")
			b.arrives("same", "old")
			if b.there("newer") != "theirs" {
				t.Errorf("the newer copy was replaced: %q", b.there("newer"))
			}
			if mirrored {
				b.arrives("theirs/x", "<none>")
				b.until("the audit log says why", func() bool { return len(b.deletions(audit.CauseVerify)) > 0 })
			} else if b.idle(); b.there("theirs/x") != "only there" {
				t.Error("deleted what nobody has asked for")
			}
			if !slices.ContainsFunc(b.remote.Calls(), func(c transport.Call) bool { return c.Batch.Pace.BWLimit == 900 && c.Batch.Pace.Gentle }) {
				t.Error("the pace was not given to any run")
			}
		})
	}
}

// A person who waits for a comparison does not get a slow one because a scheduled one waits, too;
// and the repairs of the scheduled one are made.
func TestJoinedComparisons(t *testing.T) {
	slow := fullsync.Request{Verify: true, Manner: fullsync.Manner{Pace: transport.Pace{Gentle: true, BWLimit: 9}, Repair: true, Contents: true}}
	for _, f := range []fullsync.Request{{Verify: true}, slow} {
		list := fullsync.Merged([]*fullsync.Request{&slow}, &f)
		if len(list) != 1 || !list[0].Repair || !list[0].Contents || list[0].Gentle != f.Gentle && f.Gentle {
			t.Errorf("%+v", list[0])
		}
	}
	f := fullsync.Request{Verify: true}
	if f.Join(&slow); f.Gentle || f.BWLimit != 0 {
		t.Errorf("slow for somebody who waits: %+v", f)
	}
}
