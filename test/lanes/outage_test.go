package lanes

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

func TestARemoteThatComesBackIsServedWithinTenSeconds(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{files: []string{"gone"}})
	b.daemon.Stop()
	b.write("f", "1")
	b.remove("gone")
	testkit.Eventually(t, patient, "the lane backs off and says why", func() bool {
		s := b.Snapshot(time.Now())
		return s.State == status.LaneBackingOff && s.Reason != "" && s.Remedy != "" && s.Pending == 2
	})
	b.write("g", "2") // collected during the outage
	if n := b.looks(300 * time.Millisecond); n > 100 {
		t.Errorf("%d looks in 0.3 s of an outage: the loop spins", n)
	}
	b.daemon.Start()
	testkit.WaitEqual(t, b.src, b.dst, testkit.Compare{}, 10*time.Second)
	testkit.Eventually(t, patient, "all is well", func() bool { return !b.down() })
}

// Some forms and sources of host names are known only to the system's resolver. Such a host is
// found again after an outage, too.
func TestAHostThatOnlyRsyncResolvesComesBack(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{options: func(o *setup) { o.Way.Target.Host = "127.1" }})
	b.daemon.Stop()
	b.write("f", "1")
	testkit.Eventually(t, patient, "the lane backs off", func() bool { return b.down() })
	b.daemon.Start()
	testkit.WaitEqual(t, b.src, b.dst, testkit.Compare{}, patient)
}

// looks counts how often the loop asks whether the root is gone during a time. It asks a few times
// in each of its rounds.
func (b *bed) looks(d time.Duration) int64 {
	before := b.asked.Load()
	<-time.After(d)
	return b.asked.Load() - before
}

func TestAFrozenDaemonHoldsOnlyItsOwnLane(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{})
	b.write("before", "1")
	b.arrives("before", "1")
	b.daemon.Freeze()
	defer b.daemon.Thaw()
	other := newBed(t, with{options: func(o *setup) { o.Slots = b.setup.Slots }})
	b.write("f", "1")
	other.write("f", "1")
	other.arrives("f", "1")
	b.daemon.Thaw()
	b.arrives("f", "1")
}

func TestStoppingIsBounded(t *testing.T) {
	t.Parallel()
	testkit.Long(t)
	b := newBed(t, with{params: "-a --bwlimit=1"})
	b.write("f", strings.Repeat("x", 1<<20))
	testkit.Eventually(t, patient, "it is being sent", func() bool { return b.stats().InFlight == 1 && b.ran("rsync") > 0 })
	start := time.Now()
	b.stop()
	if took := time.Since(start); took > drainTime+10*time.Second {
		t.Errorf("stopping took %v", took)
	}
	if s := b.stats(); s.Pending != 1 || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
}

func standbyOn(o *setup) { o.Way.Standby = true }

func (b *bed) standing() bool { return b.way.Waits() }

func TestAStandbyIsUsed(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{options: standbyOn})
	for i := range 5 {
		testkit.Eventually(t, patient, "a standby waits", b.standing)
		name := fmt.Sprint("f", i)
		runs := b.ran("rsync")
		b.write(name, "1")
		b.arrives(name, "1")
		b.idle()
		if more := b.ran("rsync") - runs; more > 1 { // the run may be the next standby
			t.Errorf("%d runs for one change beside a standby", more)
		}
	}
}

func TestADeadStandbyCostsNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{options: standbyOn, module: []string{"timeout = 1"}})
	testkit.Eventually(t, patient, "a standby waits", b.standing)
	testkit.Eventually(t, patient, "its session has died", func() bool { return strings.Contains(b.daemon.Log(), "timeout") })
	start := time.Now()
	b.write("f", "1")
	b.arrives("f", "1")
	if took := time.Since(start); took > 15*time.Second { // shorter than any backoff or inactivity limit that it could wait for
		t.Errorf("took %v", took)
	}
	if b.down() {
		t.Error("the lane went into trouble")
	}
}

func TestMaxConnectionsGivesUpTheStandby(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{options: standbyOn, module: []string{"max connections = 1", "lock file = " + t.TempDir() + "/lock"}})
	for i := range 3 {
		name := fmt.Sprint("f", i)
		b.write(name, "1")
		must(t, b.FullSync(t.Context(), fullsync.Request{}))
		b.arrives(name, "1")
	}
	b.equal()
}

func TestTheOldRootIsNeverUsedAgain(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{options: standbyOn, files: []string{"keep"}})
	for i := range 3 {
		testkit.Eventually(t, patient, "a standby waits", b.standing)
		must(t, os.Rename(b.src, fmt.Sprint(b.src, ".old", i)))
		put(t, fmt.Sprint(b.src, ".old", i), "f", "the wrong one")
		must(t, os.Mkdir(b.src, 0o755))
		put(t, b.src, "keep", "old")
		put(t, b.src, "f", fmt.Sprint("right ", i))
		b.Mark("f", dirty.Content)
		b.arrives("f", fmt.Sprint("right ", i))
	}
}

func TestOneBadPathDoesNotHoldTheRest(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{module: []string{"uid = nobody", "gid = nogroup"}})
	must(t, os.Mkdir(b.dst+"/locked", 0o755))
	put(t, b.src, "locked/f", "1")
	put(t, b.src, "tree/a", "1")
	b.Mark("tree", dirty.Tree)
	b.Mark("locked", dirty.Tree)
	b.Mark("locked/f", dirty.Content)
	for i := range 30 {
		b.write(fmt.Sprint("f", i), "1")
	}
	for i := range 30 {
		b.arrives(fmt.Sprint("f", i), "1")
	}
	b.arrives("tree/a", "1")
	testkit.Eventually(t, patient, "the bad path alone fails, and is in the fail log", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		s := b.stats()
		return s.Pending+s.InFlight == 1 && s.Delayed == 1 && len(b.failLog) == 1 && strings.Contains(strings.Join(b.failLog[0].Argv, " "), "locked/f")
	})
	must(t, os.Chmod(b.dst+"/locked", 0o777))
	must(t, b.RetryNow(t.Context()))
	b.arrives("locked/f", "1")
	testkit.Eventually(t, patient, "the fail log is empty", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.failLog) == 0
	})
}

func TestAFullDiskTakesWhatIsSmall(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root: a small file system of its own")
	}
	b := newBed(t, with{})
	must(t, syscall.Mount("tmpfs", b.dst, "tmpfs", 0, "size=512k,mode=777"))
	t.Cleanup(func() { b.stop(); b.daemon.Stop(); must(t, syscall.Unmount(b.dst, syscall.MNT_DETACH)) })
	b.write("a-big", strings.Repeat("x", 2<<20))
	for i := range 10 {
		b.write(fmt.Sprint("small", i), "1")
	}
	for i := range 10 {
		b.arrives(fmt.Sprint("small", i), "1")
	}
	b.write("a-big", "not any more")
	must(t, b.RetryNow(t.Context()))
	b.arrives("a-big", "not any more")
}

// The part of a large file is kept when its run is interrupted. If the file does not fit, no part
// is kept: it would take the room from all other files.
func TestWhatDoesNotFitLeavesNoPart(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root: a small file system of its own")
	}
	b := newBed(t, with{})
	must(t, syscall.Mount("tmpfs", b.dst, "tmpfs", 0, "size=12m,mode=777"))
	t.Cleanup(func() { b.stop(); b.daemon.Stop(); must(t, syscall.Unmount(b.dst, syscall.MNT_DETACH)) })
	for _, name := range []string{"large", "moved/large"} {
		put(t, b.src, name, strings.Repeat("x", 16<<20))
	}
	b.Mark("large", dirty.Content)
	b.Mark("moved", dirty.Tree)
	half := strings.Repeat("y", 512<<10)
	put(t, b.src, "moved/small", "1")
	for i := range 20 { // so many that all but two of twelve megabytes are taken
		b.write(fmt.Sprint("small", i), half)
	}
	for i := range 20 {
		b.arrives(fmt.Sprint("small", i), half)
	}
	b.arrives("moved/small", "1")
	testkit.Eventually(t, patient, "no part is left", func() bool {
		return b.there(transport.PartialDir) == "<none>" && b.there("moved/"+transport.PartialDir) == "<none>"
	})
	must(t, syscall.Mount("tmpfs", b.dst, "tmpfs", syscall.MS_REMOUNT, "size=64m,mode=777"))
	must(t, b.RetryNow(t.Context()))
	b.equal()
}
