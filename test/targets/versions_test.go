package targets

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// TestVersionsCannotBeKept: the remote's rsync may not write to the directory of <backup>. --check
// --connect reports that beforehand, and a running sersync reports it in its status, with the names
// of this remote in the remedy. A change that replaces and deletes nothing arrives meanwhile, and
// all others arrive as soon as the directory can be written to.
func TestVersionsCannotBeKept(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can have a remote that is somebody else")
	}
	const nobody, nogroup, dir = 65534, 65534, ".old"
	daemon := func(t *testing.T) *scene {
		t.Helper()
		s := newScene(t, "")
		d := rsyncd(s, nil, "uid = nobody", "gid = nogroup")
		s.set.Remotes = []string{testkit.At(d.Port(), "m")}
		return s
	}
	ssh := func(t *testing.T) *scene {
		t.Helper()
		s := newSSH(t, "")
		program := filepath.Join(s.scratch, "rsync-as-nobody")
		testkit.WriteProgram(t, program, fmt.Sprintf("#!/bin/sh\nexec setpriv --reuid=%d --regid=%d --clear-groups rsync \"$@\"\n", nobody, nogroup))
		s.set.Params = "-artuz --rsync-path=" + program
		return s.scene
	}
	owned := func(uid int, mode os.FileMode) func(s *scene, path string) {
		return func(s *scene, path string) {
			s.must(os.Mkdir(path, 0o755))
			s.must(os.Chown(path, uid, uid))
			s.must(os.Chmod(path, mode))
		}
	}
	for _, c := range testkit.Few([]struct {
		name   string
		remote func(*testing.T) *scene
		spoil  func(s *scene, path string)
		remedy func(s *scene) string
	}{
		{"a daemon and a directory of root", daemon, owned(0, 0o755), daemonsRemedy},
		{"ssh and a directory of root", ssh, owned(0, 0o755), sshRemedy},
		{"a daemon and a directory that is read-only", daemon, owned(nobody, 0o555), daemonsRemedy},
		{"a daemon and a file", daemon, func(s *scene, path string) { s.must(os.WriteFile(path, nil, 0o644)) }, daemonsRemedy},
		{"ssh and a file", ssh, func(s *scene, path string) { s.must(os.WriteFile(path, nil, 0o644)) }, sshRemedy},
	}, 1) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.remote(t)
			s.set.Backup = dir
			s.must(os.Chown(s.dst, nobody, nogroup))
			if run := s.tried(testkit.Options{}); run.Wait(limit) != 0 || !strings.Contains(run.Stdout(), dir+" does not exist yet") {
				t.Errorf("without the directory:\n%s\n%s", run.Stdout(), run.Stderr())
			}
			s.write("before", "replaced", "deleted")
			s.start()
			if s.there("replaced") != "replaced before\n" || s.there("deleted") != "deleted before\n" {
				t.Fatal("the full sync has brought nothing")
			}

			old := filepath.Join(s.dst, dir)
			c.spoil(s, old)
			remedy, reason := c.remedy(s), "the remote cannot keep the old versions"
			run := s.tried(testkit.Options{})
			if line := lineOf(run.Stdout(), " versions "); run.Wait(limit) != 1 || !strings.Contains(line, reason) || !strings.HasSuffix(line, "; "+remedy) {
				t.Errorf("--check --connect:\n%s\n%s", run.Stdout(), run.Stderr())
			}
			if run := s.tried(testkit.Options{Env: []string{"LC_ALL=zh_CN.UTF-8"}}); !strings.Contains(lineOf(run.Stdout(), "旧版本"), "中创建目录 "+dir+" 并写入") {
				t.Errorf("in Chinese:\n%s\n%s", run.Stdout(), run.Stderr())
			}
			s.write("after", "replaced")
			s.must(os.Remove(filepath.Join(s.src, "deleted")))
			s.status(reason, 2)
			s.status("remedy: "+remedy+"\n", 2)
			if replaced := s.there("replaced"); replaced != "replaced before\n" || s.there("deleted") != "deleted before\n" {
				t.Errorf("replaced or deleted without a version: %q", replaced)
			}
			if info, err := os.Stat(old); err == nil && info.IsDir() {
				s.write("now", "new")
				testkit.Eventually(t, limit, "what replaces nothing arrives", func() bool { return s.there("new") == "new now\n" })
			}
			if out := s.status(reason, 2); strings.Contains(out, "exclude the path") {
				t.Errorf("a path is blamed:\n%s", out)
			}

			s.must(os.RemoveAll(old))
			owned(nobody, 0o755)(s, old)
			testkit.Eventually(t, limit, "both versions are kept", func() bool {
				kept, err := filepath.Glob(old + "/sersync-*/*/*ed")
				return err == nil && len(kept) == 2
			})
			if run := s.tried(testkit.Options{}); run.Wait(limit) != 0 || !strings.Contains(run.Stdout(), "old versions can be kept in "+dir) {
				t.Errorf("with the directory:\n%s\n%s", run.Stdout(), run.Stderr())
			}
			s.status("in sync", 0)
			if left, err := filepath.Glob(old + "/.sersync-*"); err != nil || len(left)+len(s.left()) > 0 {
				t.Errorf("left: %q %q %v", left, s.left(), err)
			}
			s.end()
		})
	}
}

func daemonsRemedy(*scene) string {
	return "let the uid of [m] in the rsyncd.conf on 127.0.0.1 make the directory .old in m, and write in it"
}

func sshRemedy(s *scene) string {
	return "let 127.0.0.1 make the directory .old in " + s.dst + " on 127.0.0.1, and write in it"
}

// lineOf returns the last line that contains a text.
func lineOf(out, text string) (last string) {
	for line := range strings.Lines(out) {
		if strings.Contains(line, text) {
			last = strings.TrimSuffix(line, "\n")
		}
	}
	return last
}

// there is the content of a file on the remote.
func (s *scene) there(name string) string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dst, name))
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return string(b)
}
