package executor

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/executor/slots"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

// A watch root that cannot be opened for a moment holds up for a moment what is ready,
// whether or not anything changes later.
func TestAWatchRootThatIsAwayForAMoment(t *testing.T) {
	var away atomic.Bool
	away.Store(true)
	inBubble(t, &transporttest.Fake{}, func(f *fakeLane, opt *Options) {
		open := opt.Root
		opt.Root = func() *fstree.Root {
			if away.Load() {
				return nil
			}
			return open()
		}
	}, func(f *fakeLane) {
		f.write("a")
		f.after(100 * time.Millisecond)
		if n := f.waiting(); n != 1 {
			f.Fatalf("%d paths wait while the watch root is away", n)
		}
		away.Store(false)
		f.after(2 * time.Second)
		if n := f.waiting(); n != 0 {
			f.Errorf("%d paths wait although the watch root is back", n)
		}
	})
}

// A lane that gets its slot while it is paused takes nothing, and goes on later.
func TestASlotThatIsGrantedInAPause(t *testing.T) {
	var own *slots.Slots
	inBubble(t, &transporttest.Fake{}, func(f *fakeLane, opt *Options) {
		own = slots.NewSlots(1, slots.NewTotal(1))
		opt.Slots = own
	}, func(f *fakeLane) {
		must(f.T, own.Acquire(f.Context()))
		f.write("a")
		f.after(time.Second)
		must(f.T, f.Pause(f.Context(), true))
		own.Release()
		f.after(time.Second)
		if n := f.waiting(); n != 1 {
			f.Fatalf("%d paths wait in the pause", n)
		}
		must(f.T, f.Pause(f.Context(), false))
		f.after(2 * time.Second)
		if n := f.waiting(); n != 0 {
			f.Errorf("%d paths wait after the pause", n)
		}
	})
}
