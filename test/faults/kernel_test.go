package faults

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// queueEvents is the length of the kernel's queue in the overflow tests.
const queueEvents = 100

// short starts the program with that queue. Tests that use it are not parallel:
// each ordinary start raises the limit again.
func (s *scene) short(args ...string) {
	s.t.Helper()
	s.app = testkit.StartShortQueue(s.t, queueEvents, s.options(args...))
}

// overflows lets a stopped program lose events while change works.
func (s *scene) overflows(change func()) {
	s.t.Helper()
	seen := strings.Count(s.logged(), "event queue overflow")
	s.app.SignalProcess(syscall.SIGSTOP)
	for i := range 2 * queueEvents {
		s.write(fmt.Sprintf("flood/f%d", i))
	}
	change()
	s.app.SignalProcess(syscall.SIGCONT)
	testkit.Eventually(s.t, limit, "the overflow is noticed", func() bool {
		return strings.Count(s.logged(), "event queue overflow") > seen
	})
}

// TestOverflow loses the events of every kind of change.
func TestOverflow(t *testing.T) {
	needRoot(t)
	s := newScene(t)
	s.write("flood/f0", "change", "remove", "d/e/f", "old/x/y", "gone/a/b", "stay/z", "same")
	s.short("-r")
	s.logs("full sync done")
	s.equal()
	s.overflows(func() {
		s.write("change", "new", "d/new", "n1/n2/f")
		s.do(testkit.Op{"rm", "remove"}, testkit.Op{"rmrf", "gone"}, testkit.Op{"mv", "old", "moved"},
			testkit.Op{"rm", "same"}, testkit.Op{"mkdir", "same"}, testkit.Op{"write", "same/in"})
	})
	t.Logf("equal %.1f s after the overflow", s.equal().Seconds())
	// The watches are right again: below what was moved and made unseen.
	s.write("moved/x/later", "n1/n2/later", "same/later")
	s.stays()
	if n := s.rsync.FullSyncs(); n != 1 {
		t.Errorf("%d full syncs, want the one of -r: the scan can tell what changed", n)
	}
	s.stop()
}

// TestOverflowWithoutMirror: where no mirror was asked for, the repair of an
// overflow sends and deletes nothing.
func TestOverflowWithoutMirror(t *testing.T) {
	needRoot(t)
	s := newScene(t)
	s.must(os.WriteFile(s.dst+"/theirs", nil, 0o644))
	s.must(os.Mkdir(s.dst+"/flood", 0o755))
	s.must(os.WriteFile(s.dst+"/flood/theirs", nil, 0o644))
	s.write("flood/f0")
	s.short()
	s.write("first")
	s.arrives("first")
	s.overflows(func() { s.write("new") })
	s.compare.Extra = func(p string) bool { return p == "theirs" || p == "flood/theirs" }
	s.stays()
	for _, name := range []string{"theirs", "flood/theirs"} {
		if !s.has(name) {
			t.Errorf("%s was deleted, which nobody asked for", name)
		}
	}
}

// TestOverflowInRenameStorm: directories are renamed all the time while events
// are lost; none may keep a watch under an old name.
func TestOverflowInRenameStorm(t *testing.T) {
	needRoot(t)
	s := newScene(t)
	s.write("flood/f0")
	for i := range 20 {
		s.write(fmt.Sprintf("d%d/e/f", i))
	}
	s.short("-r")
	s.logs("full sync done")
	for round := range 5 {
		s.overflows(func() {})
		for i := range 20 {
			s.do(testkit.Op{"renamemany", fmt.Sprintf("d%d", i), fmt.Sprintf("tmp%d", i), "20"})
			s.do(testkit.Op{"mv", fmt.Sprintf("d%d", i), fmt.Sprintf("x%d", i)}, testkit.Op{"mv", fmt.Sprintf("x%d", i), fmt.Sprintf("d%d", (i+round)%20+100)},
				testkit.Op{"mv", fmt.Sprintf("d%d", (i+round)%20+100), fmt.Sprintf("d%d", i)})
		}
	}
	s.equal()
	for i := range 20 {
		s.write(fmt.Sprintf("d%d/e/late", i))
	}
	s.stays()
}

// TestWatchLimit: there are more directories than watches. What is not watched
// is named with the remedy.
func TestWatchLimit(t *testing.T) {
	needRoot(t)
	t.Parallel()
	s := newScene(t)
	for i := range 40 {
		s.write(fmt.Sprintf("d%d/f", i))
	}
	o := s.options("-r")
	o.Binary = testkit.FewWatches(t, "", 20)
	s.app = testkit.Start(t, o)
	s.equal()
	testkit.Eventually(t, limit, "the log names the limit and the remedy", func() bool {
		return strings.Contains(s.logged(), "max_user_watches")
	})
	for i := range 40 {
		s.write(fmt.Sprintf("d%d/later", i))
	}
	// They are compared once a minute.
	testkit.WaitEqual(t, s.src, s.dst, s.compare, time.Minute+limit)
}
