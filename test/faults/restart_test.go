package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// TestRestart: a start without -r brings over what has changed before, during and after a crash.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.write("change", "remove", "d/e/f", "old/x/y", "gone/a/b", "same", "quiet/f")
	s.must(os.MkdirAll(s.out+"/tree/in", 0o755))
	s.must(os.WriteFile(s.out+"/tree/in/f", []byte("moved in"), 0o644))
	s.must(os.Chtimes(s.out+"/tree/in/f", s.long(), s.long()))
	s.mirror()
	s.equal()
	open, err := os.OpenFile(s.src+"/slow", os.O_CREATE|os.O_WRONLY, 0o644)
	s.must(err)
	_, err = open.WriteString("before the crash")
	s.must(err)
	for i := range 100 {
		s.write(fmt.Sprintf("before/f%d", i)) // some of the files are being sent
	}
	s.crash()
	s.must(open.Close())
	s.write("change", "new", "d/new", "n1/n2/f")
	s.do(testkit.Op{"rm", "remove"}, testkit.Op{"rmrf", "gone"}, testkit.Op{"mv", "old", "moved"},
		testkit.Op{"rm", "same"}, testkit.Op{"mkdir", "same"}, testkit.Op{"write", "same/in"},
		testkit.Op{"mv", s.out + "/tree", "tree"})
	s.start()
	s.write("while it starts")
	t.Logf("equal %.1f s after the start", s.equal().Seconds())
	s.write("moved/x/later", "tree/in/later")
	s.stays()
	if n := s.rsync.FullSyncs(); n != 1 {
		t.Errorf("%d full syncs, want the one of -r", n)
	}
}

// TestRestartCrashes kills the program again and again while files change.
func TestRestartCrashes(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	s := newScene(t)
	s.write("f")
	s.mirror()
	for round := range 6 {
		for i := range 60 {
			s.write(fmt.Sprintf("d%d/f%d", i%7, i))
			if i%5 == 0 {
				s.do(testkit.Op{"mv", fmt.Sprintf("d%d", i%7), fmt.Sprintf("e%d-%d", i, round)})
			}
		}
		s.crash()
		s.do(testkit.Op{"sh", "rm -rf e0-*; rm -f */f3"})
		s.start()
	}
	s.stays()
}

// TestRestartTwice: the remote is down for longer than the margin of the watermark, and the program
// is ended twice meanwhile. The scan of the first start has found changes that could not be sent;
// the scan of the second start finds them again.
func TestRestartTwice(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	s := newScene(t)
	s.write("change", "remove", "gone/a", "d/f")
	s.mirror()
	s.equal()
	s.rsyncd.Stop()
	s.crash()
	s.write("change", "d/new")
	s.do(testkit.Op{"rm", "remove"}, testkit.Op{"rmrf", "gone"})
	testkit.Pass(75 * time.Second) // the margin is a minute
	s.start()
	s.logs("catch-up scan done")
	s.stop() // the stop saves the watermark
	s.rsyncd.Start()
	s.start()
	s.stays()
	if n := s.rsync.FullSyncs(); n != 1 {
		t.Errorf("%d full syncs, want the one of -r", n)
	}
}

// TestRestartState: a state file that is missing, cut short, or nonsense is reported and ignored.
// Nothing is lost and nothing is deleted.
func TestRestartState(t *testing.T) {
	for name, spoil := range map[string]func(string) error{
		"deleted":   os.Remove,
		"truncated": func(f string) error { return os.Truncate(f, 7) },
		"empty":     func(f string) error { return os.Truncate(f, 0) },
		"nonsense":  func(f string) error { return os.WriteFile(f, []byte("\x00\xffnonsense\n"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.write("a", "d/b", "gone")
			s.must(os.WriteFile(s.dst+"/theirs", nil, 0o644))
			s.start()
			s.write("more")
			s.compare.Extra = func(p string) bool { return p == "theirs" || p == "gone" }
			s.write("a", "d/b", "gone")
			s.equal()
			s.stop()
			spoilt := 0
			s.must(filepath.Walk(s.set.State(), func(file string, info os.FileInfo, err error) error {
				if err != nil || !info.Mode().IsRegular() || strings.HasSuffix(file, ".lock") {
					return err
				}
				spoilt++
				return spoil(file)
			}))
			if spoilt == 0 {
				t.Fatal("there is no state file to spoil")
			}
			s.write("a", "d/new")
			s.do(testkit.Op{"rm", "gone"})
			s.start()
			s.stays()
			if !s.has("theirs") {
				t.Error("the restart deleted what only the target had")
			}
		})
	}
}

// TestRestartConfiguration: a lane was mirrored, and its configuration is changed between two
// starts. A file that is deleted here is still deleted on the target, at once or after an outage. A
// file that the filter of the mirror run matched stays there.
func TestRestartConfiguration(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.compare.Extra = func(p string) bool { return p == "theirs.log" }
	s.set.Exclude = []string{`(.*)\.log`}
	s.write("keep", "f0", "f1", "f2", "f3", "d/f4")
	s.must(os.WriteFile(s.dst+"/theirs.log", nil, 0o644))
	s.mirror()
	s.equal()
	for i, edit := range []func(){
		func() { s.set.Exclude = append(s.set.Exclude, "zzz/") },
		func() { s.set.Exclude = nil },
		func() { s.set.Params = "-artu" },
	} {
		s.stop()
		s.do(testkit.Op{"rm", fmt.Sprint("f", i)})
		edit()
		s.start()
		s.stays()
	}
	s.rsyncd.Stop()
	s.do(testkit.Op{"rm", "f3"}, testkit.Op{"rmrf", "d"})
	s.stop()
	s.set.Params = "-artuz"
	s.start()
	s.rsyncd.Start()
	s.stays()
	if !s.has("theirs.log") {
		t.Error("what the filter of the mirror run matched was deleted")
	}
	s.stop()
	s.mirror()
	s.leaves("theirs.log")
}

// TestRestartTwoWay: two hosts mirror each other, and both restart. Nothing is deleted that nobody
// has deleted, and a newer copy on the remote stays.
func TestRestartTwoWay(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	back := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: s.src}}})
	other := newScene(t, func(o *scene) {
		o.src, o.dst = s.dst, s.src
		o.set.Watch, o.set.Remotes = s.dst, []string{testkit.At(back.Port(), "m")}
		o.tree.Src = s.dst
	})
	s.start()
	other.start()
	s.write("from-a", "d/from-a")
	other.write("from-b", "d/from-b")
	s.stays()
	for range 2 {
		s.crash()
		other.crash()
		s.write("a-down")
		other.write("b-down", "d/b-down")
		s.start()
		s.write("a-up")
		other.start()
		other.write("b-up")
		for _, name := range []string{"from-a", "d/from-a", "from-b", "d/from-b", "a-down", "b-down", "d/b-down", "a-up", "b-up"} {
			testkit.Eventually(t, limit, name+" is on both sides", func() bool { return s.has(name) && other.has(name) })
		}
		s.stays()
	}
	s.do(testkit.Op{"rm", "from-b"})
	testkit.Eventually(t, limit, "a real deletion goes across", func() bool { return !s.has("from-b") })
	s.stays()
}

// TestRestartTwoSources: two sources use one module. When one of them restarts it deletes no file
// of the other.
func TestRestartTwoSources(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	s := newScene(t)
	other := newScene(t, func(o *scene) { o.dst = s.dst; o.set.Remotes = s.set.Remotes })
	s.write("a", "common/a")
	other.write("b", "common/b")
	s.start()
	other.start()
	s.write("a", "common/a", "a2")
	other.write("b", "common/b", "b2")
	all := []string{"a", "common/a", "a2", "b", "common/b", "b2"}
	for _, name := range all {
		s.arrives(name)
	}
	s.crash()
	other.stop()
	s.write("common/a3")
	other.write("common/b3")
	s.start()
	other.start()
	for _, name := range append(all, "common/a3", "common/b3") {
		s.arrives(name)
	}
	unchanged(t, s.dst, lull)
	s.do(testkit.Op{"rm", "common/a3"})
	s.leaves("common/a3")
	unchanged(t, s.dst, lull)
}

// TestStopUnderLoad: at any load SIGTERM ends the program with status 0, in bounded time, and
// leaves none of its processes. A change that was not sent is sent after the next start.
func TestStopUnderLoad(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	s := newScene(t)
	s.mirror()
	for i := range 3000 {
		s.write(fmt.Sprintf("d%d/f%d", i%50, i))
	}
	s.must(os.WriteFile(s.src+"/big", make([]byte, 50<<20), 0o644))
	s.stop()
	s.start()
	s.stays()
}

// TestStopOverSSH: no ssh, and no master connection, outlives the program, in whichever way the
// program ends.
func TestStopOverSSH(t *testing.T) {
	for name, sig := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGKILL": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if sig == syscall.SIGTERM {
				testkit.Long(t)
			}
			s := newScene(t)
			sshd := testkit.Sshd(t)
			s.set.Remotes = []string{fmt.Sprintf(`ip="127.0.0.1" name="%s" ssh="true"`, s.dst)}
			o := s.options("-r")
			o.Path = []string{sshd.Bin}
			s.app = testkit.Start(t, o)
			s.write("f")
			s.equal()
			for i := range 500 {
				s.write(fmt.Sprintf("d%d/f%d", i%5, i))
			}
			if sig == syscall.SIGTERM {
				s.stop()
			} else {
				s.crash()
			}
			s.app = testkit.Start(t, o)
			s.stays()
		})
	}
}
