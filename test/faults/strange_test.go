package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// old is a directory of this host in which nothing has changed for longer than a catch-up looks
// back.
const old = "/usr/share/common-licenses"

// bound mounts a directory at another path until the test ends.
func (s *scene) bound(from, at string) {
	s.t.Helper()
	s.must(syscall.Mount(from, at, "", syscall.MS_BIND, ""))
	s.t.Cleanup(func() { _ = syscall.Unmount(at, syscall.MNT_DETACH) }) // the test may have unmounted it already
}

// watermark is the watermark in the only state file.
func (s *scene) watermark() time.Time {
	s.t.Helper()
	files, err := filepath.Glob(s.set.State() + "/lane-*.json")
	s.must(err)
	if len(files) != 1 {
		s.t.Fatalf("state files: %q", files)
	}
	b, err := os.ReadFile(files[0])
	s.must(err)
	var envelope struct {
		State struct{ Watermark time.Time }
	}
	s.must(json.Unmarshal(b, &envelope))
	return envelope.State.Watermark
}

// The root is emptied while the program does not run. The operator has to say what the empty root
// means, however long the program runs.
func TestEmptiedUnseen(t *testing.T) {
	for name, empty := range map[string]func(*scene){
		"while the program is down": func(s *scene) {
			s.stop()
			s.do(testkit.Op{"sh", "rm -rf ./*"})
			s.start()
		},
		"while the root is away": func(s *scene) {
			s.must(os.Rename(s.src, s.src+"-away"))
			s.logs("watch root is gone")
			for _, name := range []string{"a", "d", "g"} {
				s.must(os.RemoveAll(s.src + "-away/" + name))
			}
			s.must(os.Rename(s.src+"-away", s.src))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.write("a", "d/e/f", "g")
			s.mirror()
			s.equal()
			empty(s)
			s.logs("accept-empty")
			unchanged(t, s.dst, 8*time.Second)
			s.accept()
			s.equal()
		})
	}
}

// While the program does not run a disk is mounted below the root, or in its place: the age of the
// disk's files says nothing about the target.
func TestAnotherDiskWhileDown(t *testing.T) {
	needRoot(t)
	for name, at := range map[string]string{"below the root": "/mnt", "in its place": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.write("a", "mnt/under")
			s.mirror()
			s.equal()
			s.stop()
			s.bound(old, s.src+at)
			s.start()
			s.compare.Extra = testkit.AnyExtra
			s.equalAt(s.dst, limit)
		})
	}
}

// A disk is away, and files on it change. If a watermark were saved meanwhile these changes would
// be older than it. So none is saved until the disk is back.
func TestNoWatermarkWhileADiskIsAway(t *testing.T) {
	needRoot(t)
	t.Parallel()
	s := newScene(t)
	s.must(os.MkdirAll(s.path("disk/d"), 0o755))
	s.must(os.WriteFile(s.path("disk/d/goes"), []byte("old"), 0o644))
	s.must(os.Mkdir(s.src+"/mnt", 0o755))
	s.bound(s.path("disk"), s.src+"/mnt")
	s.write("a")
	s.mirror()
	s.equal()
	testkit.Eventually(t, limit, "the disk can be unmounted", func() bool { return syscall.Unmount(s.src+"/mnt", 0) == nil })
	s.logs("deletions are held")
	s.must(os.Remove(s.path("disk/d/goes")))
	s.must(os.WriteFile(s.path("disk/d/comes"), []byte("new"), 0o644))
	s.stop()
	if w := s.watermark(); !w.IsZero() {
		t.Errorf("the watermark is %v", w)
	}
	s.bound(s.path("disk"), s.src+"/mnt")
	s.start()
	s.equalAt(s.dst, limit)
}

// A program that was stopped has not read the events of that time. If it is ended as soon as it
// goes on it must not save a watermark after these events.
func TestNoWatermarkFromAProgramThatWasStopped(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	s := newScene(t)
	s.write("a", "d/e/f")
	s.mirror()
	s.equal()
	s.app.SignalProcess(syscall.SIGSTOP)
	stopped := time.Now()
	s.write("b", "d/e/new", "h/i/j")
	testkit.Pass(3 * time.Second) // the time for which the program is stopped
	s.app.SignalProcess(syscall.SIGTERM)
	s.app.SignalProcess(syscall.SIGCONT)
	s.app.Wait(limit)
	if w := s.watermark(); w.After(stopped) {
		t.Errorf("the watermark lies %v after the stop", w.Sub(stopped))
	}
	s.start()
	s.equal()
}

// The watch path is a link to the current release, and is set back to an earlier release.
func TestALinkToARootIsSetBack(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	s := newScene(t)
	s.set.Params = "-artz"
	s.must(os.Remove(s.src))
	s.must(os.Mkdir(s.path("two"), 0o755))
	s.must(os.WriteFile(s.path("two/BSD"), []byte("in two"), 0o644))
	leadsTo := func(dir string) {
		_ = os.Remove(s.src) // the first time there is none
		s.must(os.Symlink(dir, s.src))
	}
	has := func(dir string) {
		t.Helper()
		want, err := os.ReadFile(dir + "/BSD")
		s.must(err)
		testkit.Eventually(t, limit, "the target has that of "+dir, func() bool {
			got, _ := os.ReadFile(s.dst + "/BSD")
			return string(got) == string(want)
		})
	}
	leadsTo(old)
	s.mirror()
	has(old)
	s.stop()
	leadsTo(s.path("two"))
	s.start()
	has(s.path("two"))
	testkit.Pass(2 * time.Second) // states that are saved within a second count as one
	s.stop()
	leadsTo(old)
	s.start()
	has(old)
}

// The link in the watch path is set to another release while the program runs. The new release is
// mirrored, even if its files have the same sizes and times as those of the old one, or older
// times. Nothing is deleted unless a person accepts it. While the link leads nowhere, or to the
// root directory of the system, the status says so.
func TestALinkToARootIsRepointed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	link := s.src
	then := time.Now().Add(-time.Hour).Truncate(time.Second)
	release := func(name, text string, at time.Time, more ...string) {
		dir := s.path(name) + "/public"
		s.must(os.MkdirAll(dir, 0o755))
		for _, f := range append(more, "same") {
			s.must(os.WriteFile(dir+"/"+f, []byte(text), 0o644))
			s.must(os.Chtimes(dir+"/"+f, at, at))
		}
	}
	leadsTo := func(dir string) {
		s.must(os.Symlink(dir, link+".new"))
		s.must(os.Rename(link+".new", link))
	}
	has := func(name, text string) {
		t.Helper()
		testkit.Eventually(t, limit, "the target has "+name+" of the release", func() bool {
			got, _ := os.ReadFile(s.dst + "/" + name)
			return string(got) == text
		})
	}
	release("one", "1", then, "only in one")
	release("two", "2", then)
	release("three", "three", then.Add(-time.Hour))
	s.must(os.Remove(link))
	leadsTo(s.path("one"))
	s.set.Watch = link + "/public"
	s.mirror()
	has("same", "1")
	leadsTo(s.path("two"))
	has("same", "2")
	if !s.has("only in one") {
		t.Error("what only the old release had was deleted, which nobody has asked for")
	}
	s.must(os.WriteFile(s.path("two/public/new"), []byte("later"), 0o644))
	has("new", "later")
	leadsTo(s.path("three"))
	has("same", "three")
	leadsTo("nowhere")
	testkit.Eventually(t, limit, "it says that the watch path leads nowhere", func() bool {
		return strings.Contains(s.ask("--status"), "leads to no directory")
	})
	leadsTo(s.path("three"))
	s.must(os.WriteFile(s.path("three/public/newer"), []byte("after all"), 0o644))
	has("newer", "after all")
	if !s.has("only in one") || !s.has("new") {
		t.Error("what only an old release had was deleted, which nobody has asked for")
	}
	testkit.Eventually(t, limit, "it is settled", func() bool { return !strings.Contains(s.ask("--status"), "leads to no directory") })
	s.stop()
	leadsTo(s.path("two"))
	s.mirror()
	has("same", "2")
	release("four", "4", then)
	s.stop()
	leadsTo(s.path("four"))
	s.mirror() // the files have the sizes and times of the release before
	has("same", "4")
}

// Two ssh servers with different ports at one address are two remotes.
func TestTwoSSHPorts(t *testing.T) {
	s := newScene(t)
	s.set.Remotes = nil
	var bins []string
	for range 2 {
		d := testkit.Sshd(t)
		bins = append(bins, d.Bin)
		s.set.Remotes = append(s.set.Remotes, fmt.Sprintf(`ip="127.0.0.1" name="%s" ssh="true" port="%d"`, s.dst, d.Port()))
	}
	o := s.options("-r")
	o.Path = bins[:1]
	s.app = testkit.Start(t, o)
	s.logs("full sync done")
	if strings.Contains(s.logged(), "named twice") {
		t.Error(s.logged())
	}
}
