package executor

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/executor/slots"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

// When a watch root cannot be opened for a moment, the paths that are ready wait for that moment
// only, whether or not anything changes later.
func TestAWatchRootThatIsAwayForAMoment(t *testing.T) {
	var away atomic.Bool
	away.Store(true)
	onBed(t, with{remote: &transporttest.Fake{}, options: func(opt *Options) {
		open := opt.Root
		opt.Root = func() *fstree.Root {
			if away.Load() {
				return nil
			}
			return open()
		}
	}}, func(_ *testing.T, b *bed) {
		b.write("a", "1")
		b.after(100 * time.Millisecond)
		if n := b.waiting(); n != 1 {
			b.Fatalf("%d paths wait while the watch root is away", n)
		}
		away.Store(false)
		b.after(2 * time.Second)
		if n := b.waiting(); n != 0 {
			b.Errorf("%d paths wait although the watch root is back", n)
		}
	})
}

// A lane that gets a slot while it is paused starts no run with it, and does so after the pause.
func TestASlotThatIsGrantedInAPause(t *testing.T) {
	var own *slots.Slots
	onBed(t, with{remote: &transporttest.Fake{}, options: func(opt *Options) {
		own = slots.NewSlots(1, slots.NewTotal(1))
		opt.Slots = own
	}}, func(_ *testing.T, b *bed) {
		must(b.T, own.Acquire(b.Context()))
		b.write("a", "1")
		b.after(time.Second)
		must(b.T, b.Pause(b.Context(), true))
		own.Release()
		b.after(time.Second)
		if n := b.waiting(); n != 1 {
			b.Fatalf("%d paths wait in the pause", n)
		}
		must(b.T, b.Pause(b.Context(), false))
		b.after(2 * time.Second)
		if n := b.waiting(); n != 0 {
			b.Errorf("%d paths wait after the pause", n)
		}
	})
}
