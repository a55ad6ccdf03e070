package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// queueEvents is the length of the kernel's queue in the overflow tests.
const queueEvents = 100

// watched has the tree watched with inotify, because a test is about the limits of inotify, or
// about a user who may not use anything else.
func watched(s *scene) { s.set.Backend = "inotify" }

// short starts the program with a queue of that length. Tests that use it are not parallel, because
// each ordinary start raises the limit again.
func (s *scene) short(args ...string) {
	s.t.Helper()
	watched(s) // the queue of fanotify has no limit
	s.app = testkit.StartShortQueue(s.t, queueEvents, s.options(args...))
}

// overflows stops the program, so that it loses events while change works.
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

// TestOverflow loses events of every kind of change.
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
	// The watches must be right again below directories that were moved and made while events were
	// lost.
	s.write("moved/x/later", "n1/n2/later", "same/later")
	s.stays()
	if n := s.rsync.FullSyncs(); n != 1 {
		t.Errorf("%d full syncs, want the one of -r: the scan can tell what changed", n)
	}
	s.stop()
}

// TestOverflowWithoutMirror: nobody has requested a mirror run. After an overflow changes are sent,
// and files that were here and are gone are deleted on the target. Files that another source has
// put there, before the first comparison or after it, stay and are counted.
func TestOverflowWithoutMirror(t *testing.T) {
	needRoot(t)
	s := newScene(t)
	theirs := []string{"theirs", "flood/theirs", "d/later", "other/later"}
	put := func(names ...string) {
		for _, name := range names {
			s.must(os.MkdirAll(filepath.Dir(s.dst+"/"+name), 0o755))
			s.must(os.WriteFile(s.dst+"/"+name, nil, 0o644))
		}
	}
	put(theirs[:2]...)
	s.write("flood/f0", "remove", "d/remove", "d/keep", "old/x/y", "gone/a/b", "change")
	s.short()
	s.write("first", "came/here")
	s.arrives("first")
	s.arrives("came/here")
	put(theirs[2:]...) // these files did not exist when the remote was compared
	s.overflows(func() {
		s.write("new", "change")
		s.do(testkit.Op{"rm", "remove"}, testkit.Op{"rm", "d/remove"}, testkit.Op{"rmrf", "gone"}, testkit.Op{"mv", "old", "moved"},
			testkit.Op{"rm", "came/here"})
	})
	s.compare.Extra = func(p string) bool { return slices.Contains(append(theirs, "other"), p) }
	s.stays()
	for _, name := range []string{"remove", "d/remove", "gone", "old", "came/here"} {
		if s.has(name) {
			t.Errorf("%s is there, although it was deleted here", name)
		}
	}
	for _, name := range theirs {
		if !s.has(name) {
			t.Errorf("%s was deleted, which nobody asked for", name)
		}
	}
	s.logs("entries only the target has were left alone")
}

// TestOverflowTwoWay: two hosts mirror each other, and one of them loses events. A file that was
// deleted on that host is deleted on the other one. A file that only the other host has is not.
func TestOverflowTwoWay(t *testing.T) {
	needRoot(t)
	s := newScene(t)
	back := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: s.src}}})
	other := newScene(t, func(o *scene) {
		o.src, o.dst = s.dst, s.src
		o.set.Watch, o.set.Remotes = s.dst, []string{testkit.At(back.Port(), "m")}
		o.tree.Src = s.dst
	})
	s.write("flood/f0", "remove", "d/remove", "d/keep")
	s.short()
	s.equal()
	other.start()
	other.write("from-b")
	s.equal()
	back.Stop()
	s.overflows(func() {
		other.write("d/b-meanwhile", "new-b/f") // this file cannot come here yet
		s.do(testkit.Op{"rm", "remove"}, testkit.Op{"rm", "d/remove"})
	})
	s.leaves("remove")
	s.leaves("d/remove")
	unchanged(t, s.dst, lull)
	back.Start()
	for _, name := range []string{"d/b-meanwhile", "new-b/f", "from-b", "d/keep"} {
		testkit.Eventually(t, limit, name+" is on both sides", func() bool { return s.has(name) && other.has(name) })
	}
	s.equal()
}

// TestOverflowInRenameStorm: directories are renamed all the time while events are lost. No watch
// may keep an old name.
func TestOverflowInRenameStorm(t *testing.T) {
	testkit.Long(t)
	needRoot(t)
	s := newScene(t, watched)
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

// TestWatchLimit: there are more directories than watches. The log names the directories that are
// not watched, with the remedy.
func TestWatchLimit(t *testing.T) {
	testkit.Long(t)
	needRoot(t)
	t.Parallel()
	s := newScene(t, watched)
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
	// These directories are compared once a minute.
	testkit.WaitEqual(t, s.src, s.dst, s.compare, time.Minute+limit)
}

// TestWatchLimitRaised: the limit of watches is raised while the program runs. Then the program
// also watches the directories that it could not watch before.
func TestWatchLimitRaised(t *testing.T) {
	testkit.Long(t)
	needRoot(t)
	t.Parallel()
	s := newScene(t, watched)
	for i := range 40 {
		s.write(fmt.Sprintf("d%d/e/f", i))
	}
	o := s.options("-r")
	o.Binary = testkit.FewWatches(t, "", 20)
	s.app = testkit.Start(t, o)
	s.equal()
	s.logs("max_user_watches")
	if got := s.watched(); got > 20 {
		t.Fatalf("%d directories are watched with 20 watches", got)
	}
	s.app.MoreWatches(1000)
	began := time.Now()
	testkit.Eventually(t, time.Minute+limit, "all directories are watched", func() bool { return s.watched() == 81 })
	t.Logf("all watched %.1f s after the limit was raised", time.Since(began).Seconds())
	for i := range 40 {
		s.write(fmt.Sprintf("d%d/later", i), fmt.Sprintf("d%d/e/later", i))
	}
	t.Logf("equal %.1f s after changes everywhere", s.equal().Seconds())
}

// watched is how many directories are watched, according to the program.
func (s *scene) watched() int {
	s.t.Helper()
	var all struct {
		Roots []struct{ Directories int }
	}
	s.must(json.Unmarshal([]byte(s.ask("--status", "--json")), &all))
	if len(all.Roots) != 1 {
		s.t.Fatalf("%d roots in the state, want one", len(all.Roots))
	}
	return all.Roots[0].Directories
}

// TestInstanceLimit: the user has no inotify instance left. The program raises the limit if it may.
func TestInstanceLimit(t *testing.T) {
	needRoot(t)
	t.Parallel()
	s := newScene(t, watched)
	o := s.options("-r")
	o.Binary = testkit.NoInstances(t, "", true)
	s.app = testkit.Start(t, o)
	s.write("f", "d/g")
	s.stays()
	s.stop()
}

// TestInstanceLimitLasting: raising the limit does not help. The program names the remedy and ends,
// because it cannot watch anything.
func TestInstanceLimitLasting(t *testing.T) {
	testkit.Long(t)
	needRoot(t)
	t.Parallel()
	s := newScene(t, watched)
	for _, args := range [][]string{nil, {"-d"}} {
		o := s.options(args...)
		o.Binary = testkit.NoInstances(t, "", false)
		o.NoWait = true
		app := testkit.Start(t, o)
		if code := app.Wait(limit); code == 0 {
			t.Errorf("%q: exit status 0 although nothing is watched", args)
		}
		said := app.Stdout() + app.Stderr()
		for _, want := range []string{"inotify instances", "max_user_instances"} {
			if !strings.Contains(said, want) {
				t.Errorf("%q: %q is not in what it says:\n%s", args, want, said)
			}
		}
		testkit.Eventually(t, limit, "nothing of it is left", func() bool { return len(app.Processes()) == 0 })
	}
}
