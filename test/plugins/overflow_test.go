package plugins

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// queueEvents is the length of the kernel's queue in the overflow tests.
const queueEvents = 100

// short starts the program with a queue of that length. Tests that use it are not parallel, because
// each ordinary start raises the limit again.
func (s *scene) short(args ...string) {
	s.t.Helper()
	if os.Getuid() != 0 {
		s.t.Skip("needs root: kernel limits")
	}
	s.set.Backend = "inotify" // the queue of fanotify has no limit
	s.app = testkit.StartShortQueue(s.t, queueEvents, s.options(args...))
}

// TestOverflow: after the kernel's queue has overflowed the plugins are told of what the scan
// finds, as always once the remote has it. A deletion that nobody saw is told as a change of its
// directory.
func TestOverflow(t *testing.T) {
	for _, alone := range []bool{false, true} {
		t.Run(map[bool]string{false: "sync", true: "alone"}[alone], func(t *testing.T) {
			s := newScene(t, 1)
			s.do(testkit.Op{"mkdirp", "flood"}, testkit.Op{"mkdirp", "deleted/in"}, testkit.Op{"write", "old", "old"},
				testkit.Op{"write", "changed", "old"}, testkit.Op{"write", "deleted/in/f"}, testkit.Op{"write", "gone"})
			r := s.plug("socket", "", "")
			if alone {
				s.short("-m", "socket")
			} else {
				r.arrival = func(path string) {
					rel := strings.TrimPrefix(path, s.src+"/")
					if testkit.Exists(path) && !testkit.Exists(filepath.Join(s.dst[0], rel)) {
						t.Errorf("told of %q before the remote has it", rel)
					}
				}
				s.short("-r")
				testkit.WaitEqual(t, s.src, s.dst[0], testkit.CompareFor("-artuz"), limit)
			}
			s.do(testkit.Op{"write", "first"})
			s.told(r, "first")
			s.app.SignalProcess(syscall.SIGSTOP)
			var want []string
			for i := range 2 * queueEvents {
				rel := fmt.Sprint("flood/f", i)
				s.do(testkit.Op{"write", rel})
				want = append(want, rel)
			}
			s.do(testkit.Op{"write", "changed", "new"}, testkit.Op{"write", "new"}, testkit.Op{"mkdirp", "a/b"}, testkit.Op{"write", "a/b/c"},
				testkit.Op{"rm", "deleted/in/f"}, testkit.Op{"rm", "gone"})
			s.app.SignalProcess(syscall.SIGCONT)
			s.told(r, append(want, "changed", "new", "a", "a/b", "a/b/c", "deleted/in")...)
			if !strings.Contains(s.log(), "event queue overflow") {
				t.Error("the queue has not overflowed")
			}
			if alone {
				return
			}
			testkit.WaitEqual(t, s.src, s.dst[0], testkit.CompareFor("-artuz"), limit)
			testkit.Eventually(t, limit, "nothing waits", func() bool { return s.plugin("socket").Pending == 0 })
		})
	}
}
