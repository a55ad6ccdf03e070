package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// marked has the tree watched with fanotify, by one mark.
func marked(s *scene) { s.set.Backend = "fanotify" }

// TestFanotify has trees that come, move and go, a pause with more events than a queue of inotify
// could hold, kill -9, a disk that is mounted below, and a root that is made anew.
func TestFanotify(t *testing.T) {
	needRoot(t)
	t.Parallel()
	s := newScene(t, marked)
	for i := range 200 {
		s.write(fmt.Sprintf("many/%d/%d/f", i%10, i))
	}
	s.write("old/x/y/f", "gone/a/b", "stay")
	s.mirror()
	s.equal()

	s.do(testkit.Op{"mv", "old", "new"}, testkit.Op{"rmrf", "gone"}, testkit.Op{"mv", "many/3", "three"})
	s.write("new/x/y/later", "three/3/later", "d/e/f/g")
	s.must(os.Rename(s.src+"/many/4", s.out+"/four"))
	s.equal()
	s.must(os.Rename(s.out+"/four", s.src+"/back"))
	s.write("back/4/later")
	s.equal()

	flood := 20_000 // more than the kernel keeps for inotify
	if testing.Short() {
		flood /= 10
	}
	s.app.SignalProcess(syscall.SIGSTOP)
	for i := range flood {
		s.must(os.WriteFile(fmt.Sprintf("%s/d/e/flood%d", s.src, i%500), fmt.Appendln(nil, i), 0o644))
	}
	s.do(testkit.Op{"rmrf", "three"}, testkit.Op{"mv", "back", "d/back"})
	s.app.SignalProcess(syscall.SIGCONT)
	s.stays()
	if strings.Contains(s.logged(), "overflow") {
		t.Error("the queue has overflowed")
	}

	s.crash()
	s.do(testkit.Op{"rmrf", "d/back"}, testkit.Op{"mv", "new", "newer"})
	s.write("while/it/was/down")
	s.start()
	s.write("after/the/start")
	s.stays()

	mnt := s.src + "/mnt"
	s.must(os.Mkdir(mnt, 0o755))
	s.must(syscall.Mount("tmpfs", mnt, "tmpfs", 0, "size=4m"))
	t.Cleanup(func() { _ = syscall.Unmount(mnt, syscall.MNT_DETACH) }) // the test may have unmounted it already
	s.write("mnt/on/it")
	s.equal()
	s.write("mnt/on/later")
	s.equal()
	testkit.Eventually(t, limit, "the disk can be unmounted", func() bool { return syscall.Unmount(mnt, 0) == nil })
	s.write("mnt/below")
	s.arrives("mnt/below")

	if text := s.ask("--status"); !strings.Contains(text, ", fanotify\n") {
		t.Errorf("--status does not say what watches:\n%s", text)
	}
	var all struct {
		Roots []struct{ Backend string }
	}
	s.must(json.Unmarshal([]byte(s.ask("--status", "--json")), &all))
	if len(all.Roots) != 1 || all.Roots[0].Backend != "fanotify" {
		t.Errorf("%+v", all.Roots)
	}

	s.must(os.Rename(s.src, s.out+"/root"))
	s.must(os.Mkdir(s.src, 0o755))
	s.write("again")
	s.arrives("again")
	s.write("d/again")
	s.arrives("d/again")
}

// TestAutoChoosesAndSaysWhy: a disk of its own is watched with fanotify; a small tree on a disk
// that also has other files is not.
func TestAutoChoosesAndSaysWhy(t *testing.T) {
	needRoot(t)
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*scene)
		want   string
	}{
		{"a disk of its own", mounted, "fanotify (the directory is the root of its file system)"},
		{"a small tree", func(*scene) {}, "2 directories (the tree has 2 directories)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, c.change, func(s *scene) { s.set.Backend = "auto" })
			s.write("d/f")
			s.mirror()
			s.write("d/g")
			s.equal()
			if text := s.ask("--status"); !strings.Contains(text, c.want) {
				t.Errorf("no %q in\n%s", c.want, text)
			}
			why := c.want[strings.Index(c.want, "(")+1 : len(c.want)-1]
			check, _ := exec.Command(testkit.Build(t), "--check", "-o", filepath.Join(s.set.Dir, "confxml.xml")).CombinedOutput()
			if !strings.Contains(string(check), "watched by: ") || !strings.Contains(string(check), why) || !strings.Contains(s.logged(), why) {
				t.Errorf("no %q in\n%s\n%s", why, check, s.logged())
			}
		})
	}
}

// TestFanotifyIsRefused: where fanotify would not see every change it is refused by --check and by
// a start, with line, cause and remedy.
func TestFanotifyIsRefused(t *testing.T) {
	needRoot(t)
	t.Parallel()
	overlay := func(s *scene) {
		dirs := map[string]string{}
		for _, d := range []string{"lower", "upper", "work"} {
			dirs[d] = s.path(d)
			s.must(os.Mkdir(dirs[d], 0o755))
		}
		s.must(syscall.Mount("overlay", s.src, "overlay", 0, "lowerdir="+dirs["lower"]+",upperdir="+dirs["upper"]+",workdir="+dirs["work"]))
		s.t.Cleanup(func() { _ = syscall.Unmount(s.src, syscall.MNT_DETACH) })
	}
	for _, c := range []struct {
		name   string
		change func(*scene)
		want   []string
	}{
		{"overlay", overlay, []string{"overlayfs", `backend="inotify"`}},
		{"createFolder", func(s *scene) { s.set.Set = map[string]bool{"createFolder": false} }, []string{"createFolder", `backend="inotify"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, marked, c.change)
			o := s.options()
			o.NoWait = true
			s.app = testkit.Start(t, o)
			if code := s.app.Wait(limit); code == 0 {
				t.Error("it has started")
			}
			check, _ := exec.Command(testkit.Build(t), "--check", "-o", filepath.Join(s.set.Dir, "confxml.xml")).CombinedOutput()
			for _, want := range append(c.want, "localpath@backend") {
				if !strings.Contains(s.app.Stderr(), want) || !strings.Contains(string(check), want) {
					t.Errorf("no %q in\n%s\n%s", want, s.app.Stderr(), check)
				}
			}
		})
	}
}
