package executor

import (
	"context"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sersync/sersync/pkg/busyhours"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

// inHours runs a test with a lane that has busy hours; it begins at midnight of a Saturday. carry
// decides the result of a batch; nil: every batch arrives.
func inHours(t *testing.T, s busyhours.Schedule, asks transport.Terms, carry func(context.Context, transport.Call) transport.Result, do func(*bed)) {
	t.Helper()
	remote := &transporttest.Fake{Asks: asks, Carry: carry}
	onBed(t, with{remote: remote, epoch: true, options: func(o *Options) { o.ID, o.Busy, o.Ledger = "lane", s, nil }}, func(_ *testing.T, b *bed) {
		time.Sleep(time.Until(clock(0, 0)))
		do(b)
	})
}

// clock is a time of the first day, by this host's clock.
func clock(hour, minute int) time.Time { return time.Date(2000, 1, 2, hour, minute, 0, 0, time.Local) }

// at lets time pass until that hour, and the lane do its work.
func (b *bed) at(hour, minute int) {
	time.Sleep(time.Until(clock(hour, minute)))
	synctest.Wait()
}

// put writes a file of this size and marks it as its events would.
func (b *bed) put(name string, size int64) {
	b.Helper()
	put(b.T, b.src, name, "")
	must(b.T, os.Truncate(b.src+"/"+name, size))
	b.Mark(name, dirty.Content)
}

// want requests a full sync; the channel receives its result.
func (b *bed) want(f fullsync.Request) <-chan fullsync.Result {
	b.Helper()
	done := make(chan fullsync.Result, 1)
	f.Done = func(r fullsync.Result) { done <- r }
	must(b.T, b.FullSync(b.Context(), f))
	synctest.Wait()
	return done
}

// limits returns the bandwidth limits of the batches of a kind that named a path, in KiB per
// second.
func (b *bed) limits(kind transport.Kind, name string) (limits []int) {
	for _, call := range b.remote.Calls() {
		if call.Batch.Kind == kind && !call.Batch.Verify && (name == "" || slices.Contains(call.Names, name)) {
			limits = append(limits, call.Batch.Pace.BWLimit)
		}
	}
	return limits
}

// holds checks what the status says about held work; without held work reason is empty.
func (b *bed) holds(reason string, until time.Time) {
	b.Helper()
	s := b.Snapshot(time.Now())
	if s.Reason != reason || reason != "" && !s.NextTry.Equal(until) || s.Held(time.Now()) != (reason != "") {
		b.Errorf("status: %s, %q until %s, want %q until %s", s.State, s.Reason, s.NextTry, reason, until)
	}
	if reason != "" && (s.State == status.LaneInSync || status.AtRest(status.Snapshot{Ready: true, Lanes: []status.Lane{s}})) {
		b.Errorf("in sync while something is held: %s", s.State)
	}
}

func busy(from, to int, full, large busyhours.Rule) busyhours.Schedule {
	return busyhours.Schedule{{Span: busyhours.Span{From: from * 60, To: to * 60}, Days: busyhours.EveryDay(), Full: full, Large: large, Size: 1 << 20}}
}

var (
	waiting = busyhours.Rule{Wait: true}
	slow    = busyhours.Rule{BWLimit: 500}
)

// tillStopped is the result of a batch that ends only when it is told to.
func tillStopped(ctx context.Context, c transport.Call) transport.Result {
	if c.Batch.Verify || c.Batch.Kind != transport.Full && c.Batch.Kind != transport.Send {
		return transport.Result{}
	}
	<-ctx.Done()
	return transport.Result{Class: transport.Stopped}
}

func TestAFullSyncWaitsForTheEndOfBusyHours(t *testing.T) {
	inHours(t, busy(8, 20, waiting, busyhours.Rule{}), transport.Terms{}, nil, func(b *bed) {
		b.at(9, 0)
		done := b.want(fullsync.Request{Mirror: true})
		b.at(19, 59)
		if got := b.limits(transport.Full, ""); got != nil {
			b.Fatalf("the full sync has begun: %v", got)
		}
		b.holds(fullWaits, clock(20, 0))
		waits, total := b.Pending(10)
		if total != 1 || len(waits) != 1 || waits[0].Reason != fullWaits || !waits[0].NextTry.Equal(clock(20, 0)) || !waits[0].Since.Equal(clock(9, 0)) || waits[0].LaneID != "lane" {
			b.Errorf("pending: %d %+v", total, waits)
		}
		b.put("small", 10)
		synctest.Wait()
		if !b.remote.Has("small") {
			b.Error("a small file waits")
		}
		if p := b.Where(b.Context(), "small"); p.Waiting == nil || p.Waiting.Reason != fullWaits || p.Settled() {
			b.Errorf("where: %+v", p)
		}
		b.at(20, 0)
		b.at(20, 1)
		if got := b.limits(transport.Full, ""); len(got) != 1 || got[0] != 0 {
			b.Errorf("after the hours: %v", got)
		}
		if r := <-done; r.Err != nil {
			b.Error(r.Err)
		}
		b.holds("", time.Time{})
	})
}

// A full sync that a person requests does not wait in busy hours, and neither does a comparison,
// whatever waits in the queue before them.
func TestWhoAsksByHandDoesNotWait(t *testing.T) {
	inHours(t, busy(8, 20, waiting, waiting), transport.Terms{}, nil, func(b *bed) {
		b.at(9, 0)
		crontab := b.want(fullsync.Request{Mirror: true, Excludes: []string{"x"}})
		b.put("large", 2<<20)
		b.at(9, 1)
		b.holds(bothWait, clock(20, 0))
		for name, f := range map[string]fullsync.Request{"a comparison": {Verify: true}, "a full sync by hand": {Mirror: true, Asker: fullsync.Person}} {
			select {
			case r := <-b.want(f):
				if r.Err != nil {
					b.Errorf("%s: %v", name, r.Err)
				}
			case <-time.After(time.Minute):
				b.Errorf("%s waits", name)
			}
		}
		b.at(9, 10)
		if !b.remote.Has("large") {
			b.Error("a large file waits although somebody has asked by hand")
		}
		b.holds(fullWaits, clock(20, 0)) // the full sync of the crontab still waits, because it has patterns of its own
		select {
		case <-crontab:
			b.Error("the full sync of the clock has not waited")
		default:
		}
		b.at(20, 1)
		<-crontab
		b.at(20, 2)
		b.put("later", 2<<20)
		time.Sleep(12 * time.Hour) // to the next day
		synctest.Wait()
		b.put("next", 2<<20)
		synctest.Wait()
		b.holds(filesWait, clock(20, 0).AddDate(0, 0, 1))
		if b.remote.Has("next") {
			b.Error("a request by hand lets later files through for ever")
		}
	})
}

func TestAFullSyncEndsWithTheBeginningOfBusyHoursAndGoesOnAfterThem(t *testing.T) {
	inHours(t, busy(8, 20, waiting, waiting), transport.Terms{}, tillStopped, func(b *bed) {
		b.at(7, 0)
		b.want(fullsync.Request{Mirror: true})
		if got := b.limits(transport.Full, ""); len(got) != 1 {
			b.Fatalf("before the hours: %v", got)
		}
		b.holds("", time.Time{})
		b.at(8, 1)
		b.holds(fullWaits, clock(20, 0))
		b.at(19, 59)
		if got := b.limits(transport.Full, ""); len(got) != 1 {
			b.Fatalf("in the hours: %v", got)
		}
		b.at(20, 1)
		if got := b.limits(transport.Full, ""); len(got) != 2 {
			b.Errorf("after the hours: %v", got)
		}
	})
}

// A run that is under way is slowed down when busy hours begin, and speeded up when they end.
func TestWhatRunsIsSlowed(t *testing.T) {
	inHours(t, busy(8, 20, slow, busyhours.Rule{BWLimit: 70}), transport.Terms{}, tillStopped, func(b *bed) {
		b.at(7, 0)
		b.want(fullsync.Request{Mirror: true})
		b.put("large", 20<<20)
		b.at(8, 1)
		b.at(20, 1)
		if got, want := b.limits(transport.Full, ""), []int{0, 500, 0}; !slices.Equal(got, want) {
			b.Errorf("full syncs with the limits %v, want %v", got, want)
		}
		if got, want := b.limits(transport.Send, "large"), []int{0, 70, 0}; !slices.Equal(got, want) {
			b.Errorf("the large file with the limits %v, want %v", got, want)
		}
		for _, call := range b.remote.Calls() {
			if slices.Contains(call.Names, "large") && !call.Batch.Resume {
				b.Error("the part of the large file that has arrived is not kept")
			}
		}
	})
}

// The part of a large file that has arrived stays on the remote for the next run, however long that
// takes.
func TestThePartOfALargeFileStaysInBusyHours(t *testing.T) {
	inHours(t, busy(8, 20, busyhours.Rule{}, waiting), transport.Terms{}, tillStopped, func(b *bed) {
		b.at(7, 0)
		b.put("d/large", 20<<20)
		b.at(7, 59)
		b.at(19, 59)
		if got := b.limits(transport.Send, "d/large"); len(got) != 1 {
			b.Errorf("runs with the limits %v, want one before the hours", got)
		}
		if got := b.limits(transport.Delete, "d/"+transport.PartialDir); got != nil {
			b.Error("the part is removed while its file waits")
		}
		b.at(20, 1)
		if got := b.limits(transport.Send, "d/large"); len(got) != 2 {
			b.Errorf("runs with the limits %v, want one more after the hours", got)
		}
	})
}

func TestLargeFilesWait(t *testing.T) {
	inHours(t, busy(8, 20, busyhours.Rule{}, waiting), transport.Terms{}, nil, func(b *bed) {
		b.at(9, 0)
		b.put("d/large", 1<<20) // files from this size on wait
		b.put("d/gone", 9<<20)
		b.put("d/small", 1<<20-1)
		b.Mark("d", dirty.Tree)
		b.at(9, 1)
		if !b.remote.Has("d") && !b.remote.Has("d/small") || b.remote.Has("d/large") {
			b.Errorf("%+v", b.remote.Calls())
		}
		b.holds(filesWait, clock(20, 0))
		waits, _ := b.Pending(10)
		if len(waits) != 2 || waits[0].Reason != filesWait || waits[0].Attempt != 0 || waits[0].InFlight || !waits[0].NextTry.Equal(clock(20, 0)) {
			b.Errorf("%+v", waits)
		}
		if wm := b.Remember(time.Now()).Watermark; wm.After(clock(9, 0)) {
			b.Errorf("the watermark is %s", wm)
		}
		must(b.T, os.Remove(b.src+"/d/gone"))
		b.Mark("d/gone", dirty.Gone)
		b.at(9, 2)
		if got := b.limits(transport.Delete, "d/gone"); len(got) != 1 {
			b.Errorf("the deletion waits: %v", b.remote.Calls())
		}
		must(b.T, os.Remove(b.src+"/d/large"))
		b.Mark("d/large", dirty.Gone)
		b.at(9, 3)
		b.holds("", time.Time{}) // nothing that could wait is left
		b.put("other", 2<<20)
		b.at(20, 1)
		if !b.remote.Has("other") {
			b.Error("the large file has not arrived after the hours")
		}
		b.holds("", time.Time{})
	})
}

// The speed of a run with a bandwidth limit says nothing about the link.
func TestALimitTellsNothingOfTheLink(t *testing.T) {
	for limit, want := range map[int]bool{0: true, 500: false} {
		tenSeconds := func(_ context.Context, call transport.Call) transport.Result {
			time.Sleep(10 * time.Second)
			for _, name := range call.Names {
				call.Changed(transport.Change{Path: name, Sent: true, Size: 20 << 20})
			}
			return transport.Result{}
		}
		inHours(t, busy(8, 20, busyhours.Rule{}, busyhours.Rule{BWLimit: limit}), transport.Terms{}, tenSeconds, func(b *bed) {
			b.at(9, 0)
			b.put("large", 20<<20)
			b.at(9, 5)
			if got := b.limits(transport.Send, "large"); !slices.Contains(got, limit) {
				b.Errorf("limits %v, want %d", got, limit)
			}
			if learnt := b.speed.known > 0; learnt != want {
				b.Errorf("with the limit %d the speed is %f", limit, b.speed.known)
			}
		})
	}
}

// A run that writes in place is not ended when busy hours begin: the remote would have half of a
// file until they end.
func TestWhatIsWrittenInPlaceIsNotEnded(t *testing.T) {
	inHours(t, busy(8, 20, waiting, waiting), transport.Terms{Inplace: true}, tillStopped, func(b *bed) {
		b.at(7, 0)
		b.put("large", 20<<20)
		b.want(fullsync.Request{Mirror: true})
		b.at(12, 0)
		if n, m := len(b.limits(transport.Send, "large")), len(b.limits(transport.Full, "")); n != 1 || m != 1 {
			b.Errorf("%d and %d runs, want one of each", n, m)
		}
		if s := b.Snapshot(time.Now()); s.InFlight != 1 || s.Held(time.Now()) {
			b.Errorf("%+v", s)
		}
	})
}

// After a reload, work that was waiting obeys the new busy hours.
func TestWhoInheritsHasItsOwnHours(t *testing.T) {
	inHours(t, busy(8, 20, waiting, waiting), transport.Terms{}, nil, func(b *bed) {
		b.at(9, 0)
		b.want(fullsync.Request{Mirror: true})
		b.put("large", 2<<20)
		b.at(9, 1)
		b.Leave()
		b.stop()
		opt, fake := *b.opt, &transporttest.Fake{}
		opt.Transport, opt.Busy = fake, nil
		next := NewLane(opt)
		next.Inherit(b.Lane, true)
		ctx, stop := context.WithCancel(b.Context())
		ran := make(chan error)
		go func() { ran <- next.Run(ctx) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if !fake.Has("large") {
			b.Errorf("the file waits: %v", fake.Calls())
		}
		if s := next.Snapshot(time.Now()); s.Reason != "" || !s.FullSyncSince.IsZero() {
			b.Errorf("%+v", s)
		}
		stop()
		must(b.T, <-ran)
	})
}
