package fanotify

import (
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/fsevent/watchertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options(o watchertest.Options) Options {
	return Options{CloseWrite: o.CloseWrite, Modify: o.Modify, Attrib: o.Attrib, Skip: o.Skip}
}

func backend() watchertest.Backend {
	return watchertest.Backend{
		New: func(root string, o watchertest.Options) (fsevent.Watcher, error) { return New(root, options(o)) },
		Short: func(t testing.TB, events int, root string, o watchertest.Options) (fsevent.Watcher, error) {
			opt := options(o)
			opt.kernel = shortQueue(t, events)
			return New(root, opt)
		},
		Settled: func(w fsevent.Watcher) bool {
			s := w.(*Watcher).cur.Load()
			return s != nil && watchertest.Queued(s.queue.FD) == 0
		},
	}
}

const queueLimit = "/proc/sys/fs/fanotify/max_queued_events"

// shortQueue returns kernel calls that make instances with a queue of n events. The kernel reads
// the limit only at fanotify_init, so the limit is put back at once.
func shortQueue(t testing.TB, n int) *kernel {
	k := realKernel()
	k.init = func(flags, eventFlags uint) (int, error) {
		old, err := os.ReadFile(queueLimit)
		if err != nil {
			return -1, err
		}
		if err := os.WriteFile(queueLimit, []byte(strconv.Itoa(n)), 0); err != nil {
			return -1, err
		}
		fd, err := unix.FanotifyInit(flags&^unix.FAN_UNLIMITED_QUEUE, eventFlags)
		if err := os.WriteFile(queueLimit, old, 0); err != nil {
			t.Errorf("restore %s: %v", queueLimit, err)
		}
		return fd, err
	}
	return k
}

func TestSuite(t *testing.T) { backend().Suite(t) }
