package executor

import (
	"context"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/busyhours"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/executor/slots"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

// bubble is a lane to a remote in memory, in a bubble of fake time.
type bubble struct {
	*testing.T
	*Lane
	fake *transporttest.Fake
	src  string
	stop func() // ends the lane and waits
}

// inHours runs a test with a lane that has busy hours, from midnight of a Saturday on.
// carry decides what becomes of a batch; nil: it arrives.
func inHours(t *testing.T, s busyhours.Schedule, asks transport.Terms, carry func(context.Context, transport.Call) transport.Result, do func(*bubble)) {
	t.Helper()
	src := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := &bubble{T: t, src: src, fake: &transporttest.Fake{Asks: asks, Carry: carry}}
		c.Lane = NewLane(Options{
			ID: "lane", Dir: src, Transport: c.fake, Slots: slots.NewSlots(10, slots.NewTotal(10)), MayDelete: true, Busy: s,
			Held: func(string, bool) string { return "" }, Gone: func() bool { return false }, Logger: zap.NewNop(),
			Root: func() *fstree.Root {
				root, err := fstree.Open(src)
				must(t, err)
				return root
			},
		})
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- c.Lane.Run(ctx) }()
		c.stop = sync.OnceFunc(func() { stop(); must(t, <-ran) })
		defer c.stop()
		time.Sleep(time.Until(clock(0, 0)))
		do(c)
	})
}

// clock is a time of the first day, by the clock of this host.
func clock(hour, minute int) time.Time { return time.Date(2000, 1, 2, hour, minute, 0, 0, time.Local) }

// at lets the time come, and the lane do what it does then.
func (c *bubble) at(hour, minute int) {
	time.Sleep(time.Until(clock(hour, minute)))
	synctest.Wait()
}

// put makes a file of that size and marks it as its events would.
func (c *bubble) put(name string, size int64) {
	c.Helper()
	put(c.T, c.src, name, "")
	must(c.T, os.Truncate(c.src+"/"+name, size))
	c.Mark(name, dirty.Content)
}

// want asks for a full sync; the channel has its result.
func (c *bubble) want(f fullsync.Request) <-chan fullsync.Result {
	c.Helper()
	done := make(chan fullsync.Result, 1)
	f.Done = func(r fullsync.Result) { done <- r }
	must(c.T, c.FullSync(c.Context(), f))
	synctest.Wait()
	return done
}

// limits are the limits of the batches of a kind so far, in KiB per second.
func (c *bubble) limits(kind transport.Kind, name string) (limits []int) {
	for _, call := range c.fake.Calls() {
		if call.Batch.Kind == kind && !call.Batch.Verify && (name == "" || slices.Contains(call.Names, name)) {
			limits = append(limits, call.Batch.Pace.BWLimit)
		}
	}
	return limits
}

// holds says what the status has to say about what is held; reason is empty where
// nothing is.
func (c *bubble) holds(reason string, until time.Time) {
	c.Helper()
	s := c.Snapshot(time.Now())
	if s.Reason != reason || reason != "" && !s.NextTry.Equal(until) || s.Held(time.Now()) != (reason != "") {
		c.Errorf("status: %s, %q until %s, want %q until %s", s.State, s.Reason, s.NextTry, reason, until)
	}
	if reason != "" && (s.State == status.LaneInSync || status.AtRest(status.Snapshot{Ready: true, Lanes: []status.Lane{s}})) {
		c.Errorf("in sync while something is held: %s", s.State)
	}
}

func busy(from, to int, full, large busyhours.Rule) busyhours.Schedule {
	return busyhours.Schedule{{Span: busyhours.Span{From: from * 60, To: to * 60}, Days: busyhours.EveryDay(), Full: full, Large: large, Size: 1 << 20}}
}

var (
	waiting = busyhours.Rule{Wait: true}
	slow    = busyhours.Rule{BWLimit: 500}
)

// tillStopped is a batch that ends only when it is ended.
func tillStopped(ctx context.Context, c transport.Call) transport.Result {
	if c.Batch.Verify || c.Batch.Kind != transport.Full && c.Batch.Kind != transport.Send {
		return transport.Result{}
	}
	<-ctx.Done()
	return transport.Result{Class: transport.Stopped}
}

func TestAFullSyncWaitsForTheEndOfBusyHours(t *testing.T) {
	inHours(t, busy(8, 20, waiting, busyhours.Rule{}), transport.Terms{}, nil, func(c *bubble) {
		c.at(9, 0)
		done := c.want(fullsync.Request{Mirror: true})
		c.at(19, 59)
		if got := c.limits(transport.Full, ""); got != nil {
			c.Fatalf("it has begun: %v", got)
		}
		c.holds(fullWaits, clock(20, 0))
		waits, total := c.Pending(10)
		if total != 1 || len(waits) != 1 || waits[0].Reason != fullWaits || !waits[0].NextTry.Equal(clock(20, 0)) || !waits[0].Since.Equal(clock(9, 0)) || waits[0].LaneID != "lane" {
			c.Errorf("pending: %d %+v", total, waits)
		}
		c.put("small", 10)
		synctest.Wait()
		if !c.fake.Has("small") {
			c.Error("a small file waits")
		}
		if p := c.Where(c.Context(), "small"); p.Waiting == nil || p.Waiting.Reason != fullWaits || p.Settled() {
			c.Errorf("where: %+v", p)
		}
		c.at(20, 0)
		c.at(20, 1)
		if got := c.limits(transport.Full, ""); len(got) != 1 || got[0] != 0 {
			c.Errorf("after the hours: %v", got)
		}
		if r := <-done; r.Err != nil {
			c.Error(r.Err)
		}
		c.holds("", time.Time{})
	})
}

// Who asks by hand does not wait, and neither does a comparison, whatever waits before
// them.
func TestWhoAsksByHandDoesNotWait(t *testing.T) {
	inHours(t, busy(8, 20, waiting, waiting), transport.Terms{}, nil, func(c *bubble) {
		c.at(9, 0)
		crontab := c.want(fullsync.Request{Mirror: true, Excludes: []string{"x"}})
		c.put("large", 2<<20)
		c.at(9, 1)
		c.holds(bothWait, clock(20, 0))
		for name, f := range map[string]fullsync.Request{"a comparison": {Verify: true}, "a full sync by hand": {Mirror: true, Asker: fullsync.Person}} {
			select {
			case r := <-c.want(f):
				if r.Err != nil {
					c.Errorf("%s: %v", name, r.Err)
				}
			case <-time.After(time.Minute):
				c.Errorf("%s waits", name)
			}
		}
		c.at(9, 10)
		if !c.fake.Has("large") {
			c.Error("a large file waits although somebody has asked by hand")
		}
		c.holds(fullWaits, clock(20, 0)) // that of the crontab, which leaves out something else
		select {
		case <-crontab:
			c.Error("the full sync of the clock has not waited")
		default:
		}
		c.at(20, 1)
		<-crontab
		c.at(20, 2)
		c.put("later", 2<<20)
		time.Sleep(12 * time.Hour) // the next day
		synctest.Wait()
		c.put("next", 2<<20)
		synctest.Wait()
		c.holds(filesWait, clock(20, 0).AddDate(0, 0, 1))
		if c.fake.Has("next") {
			c.Error("what was asked for by hand holds for ever")
		}
	})
}

func TestAFullSyncEndsWithTheBeginningOfBusyHoursAndGoesOnAfterThem(t *testing.T) {
	inHours(t, busy(8, 20, waiting, waiting), transport.Terms{}, tillStopped, func(c *bubble) {
		c.at(7, 0)
		c.want(fullsync.Request{Mirror: true})
		if got := c.limits(transport.Full, ""); len(got) != 1 {
			c.Fatalf("before the hours: %v", got)
		}
		c.holds("", time.Time{})
		c.at(8, 1)
		c.holds(fullWaits, clock(20, 0))
		c.at(19, 59)
		if got := c.limits(transport.Full, ""); len(got) != 1 {
			c.Fatalf("in the hours: %v", got)
		}
		c.at(20, 1)
		if got := c.limits(transport.Full, ""); len(got) != 2 {
			c.Errorf("after the hours: %v", got)
		}
	})
}

// What runs is slowed when the hours begin, and goes as before when they are over.
func TestWhatRunsIsSlowed(t *testing.T) {
	inHours(t, busy(8, 20, slow, busyhours.Rule{BWLimit: 70}), transport.Terms{}, tillStopped, func(c *bubble) {
		c.at(7, 0)
		c.want(fullsync.Request{Mirror: true})
		c.put("large", 20<<20)
		c.at(8, 1)
		c.at(20, 1)
		if got, want := c.limits(transport.Full, ""), []int{0, 500, 0}; !slices.Equal(got, want) {
			c.Errorf("full syncs with the limits %v, want %v", got, want)
		}
		if got, want := c.limits(transport.Send, "large"), []int{0, 70, 0}; !slices.Equal(got, want) {
			c.Errorf("the large file with the limits %v, want %v", got, want)
		}
		for _, call := range c.fake.Calls() {
			if slices.Contains(call.Names, "large") && !call.Batch.Resume {
				c.Error("what has arrived of the large file is not kept")
			}
		}
	})
}

// What has arrived of a large file stays there for its next run, however long that is.
func TestThePartOfALargeFileStaysInBusyHours(t *testing.T) {
	inHours(t, busy(8, 20, busyhours.Rule{}, waiting), transport.Terms{}, tillStopped, func(c *bubble) {
		c.at(7, 0)
		c.put("d/large", 20<<20)
		c.at(7, 59)
		c.at(19, 59)
		if got := c.limits(transport.Send, "d/large"); len(got) != 1 {
			c.Errorf("runs with the limits %v, want one before the hours", got)
		}
		if got := c.limits(transport.Delete, "d/"+transport.PartialDir); got != nil {
			c.Error("the part is removed while its file waits")
		}
		c.at(20, 1)
		if got := c.limits(transport.Send, "d/large"); len(got) != 2 {
			c.Errorf("runs with the limits %v, want one more after the hours", got)
		}
	})
}

func TestLargeFilesWait(t *testing.T) {
	inHours(t, busy(8, 20, busyhours.Rule{}, waiting), transport.Terms{}, nil, func(c *bubble) {
		c.at(9, 0)
		c.put("d/large", 1<<20) // from that size on
		c.put("d/gone", 9<<20)
		c.put("d/small", 1<<20-1)
		c.Mark("d", dirty.Tree)
		c.at(9, 1)
		if !c.fake.Has("d") && !c.fake.Has("d/small") || c.fake.Has("d/large") {
			c.Errorf("%+v", c.fake.Calls())
		}
		c.holds(filesWait, clock(20, 0))
		waits, _ := c.Pending(10)
		if len(waits) != 2 || waits[0].Reason != filesWait || waits[0].Attempt != 0 || waits[0].InFlight || !waits[0].NextTry.Equal(clock(20, 0)) {
			c.Errorf("%+v", waits)
		}
		if wm := c.Remember(time.Now()).Watermark; wm.After(clock(9, 0)) {
			c.Errorf("the watermark is %s", wm)
		}
		must(c.T, os.Remove(c.src+"/d/gone"))
		c.Mark("d/gone", dirty.Gone)
		c.at(9, 2)
		if got := c.limits(transport.Delete, "d/gone"); len(got) != 1 {
			c.Errorf("the deletion waits: %v", c.fake.Calls())
		}
		must(c.T, os.Remove(c.src+"/d/large"))
		c.Mark("d/large", dirty.Gone)
		c.at(9, 3)
		c.holds("", time.Time{}) // nothing that waits is left
		c.put("other", 2<<20)
		c.at(20, 1)
		if !c.fake.Has("other") {
			c.Error("it has not come after the hours")
		}
		c.holds("", time.Time{})
	})
}

// How fast the link is, a slowed run does not tell.
func TestALimitTellsNothingOfTheLink(t *testing.T) {
	for limit, want := range map[int]bool{0: true, 500: false} {
		tenSeconds := func(_ context.Context, call transport.Call) transport.Result {
			time.Sleep(10 * time.Second)
			for _, name := range call.Names {
				call.Changed(transport.Change{Path: name, Sent: true, Size: 20 << 20})
			}
			return transport.Result{}
		}
		inHours(t, busy(8, 20, busyhours.Rule{}, busyhours.Rule{BWLimit: limit}), transport.Terms{}, tenSeconds, func(c *bubble) {
			c.at(9, 0)
			c.put("large", 20<<20)
			c.at(9, 5)
			if got := c.limits(transport.Send, "large"); !slices.Contains(got, limit) {
				c.Errorf("limits %v, want %d", got, limit)
			}
			if learnt := c.speed.known > 0; learnt != want {
				c.Errorf("with the limit %d the speed is %f", limit, c.speed.known)
			}
		})
	}
}

// Half of a file would stand there until the hours are over.
func TestWhatIsWrittenInPlaceIsNotEnded(t *testing.T) {
	inHours(t, busy(8, 20, waiting, waiting), transport.Terms{Inplace: true}, tillStopped, func(c *bubble) {
		c.at(7, 0)
		c.put("large", 20<<20)
		c.want(fullsync.Request{Mirror: true})
		c.at(12, 0)
		if n, m := len(c.limits(transport.Send, "large")), len(c.limits(transport.Full, "")); n != 1 || m != 1 {
			c.Errorf("%d and %d runs, want one of each", n, m)
		}
		if s := c.Snapshot(time.Now()); s.InFlight != 1 || s.Held(time.Now()) {
			c.Errorf("%+v", s)
		}
	})
}

// A reload takes over what waits, with its own hours.
func TestWhoInheritsHasItsOwnHours(t *testing.T) {
	inHours(t, busy(8, 20, waiting, waiting), transport.Terms{}, nil, func(c *bubble) {
		c.at(9, 0)
		c.want(fullsync.Request{Mirror: true})
		c.put("large", 2<<20)
		c.at(9, 1)
		c.Leave()
		c.stop()
		opt, fake := *c.opt, &transporttest.Fake{}
		opt.Transport, opt.Busy = fake, nil
		next := NewLane(opt)
		next.Inherit(c.Lane, true)
		ctx, stop := context.WithCancel(c.Context())
		ran := make(chan error)
		go func() { ran <- next.Run(ctx) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if !fake.Has("large") {
			c.Errorf("the file waits: %v", fake.Calls())
		}
		if s := next.Snapshot(time.Now()); s.Reason != "" || !s.FullSyncSince.IsZero() {
			c.Errorf("%+v", s)
		}
		stop()
		must(c.T, <-ran)
	})
}
