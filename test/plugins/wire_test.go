package plugins

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/plugins/plugintest"
)

// fourSteps makes the changes of the recorded runs of the plugins: two files, a directory, and a
// deletion.
func (s *scene) fourSteps(r *receiver) {
	s.do(testkit.Op{"write", "a.txt"}, testkit.Op{"write", "b c.txt"})
	s.told(r, "a.txt", "b c.txt")
	s.do(testkit.Op{"mkdir", "dd"})
	s.told(r, "dd")
	s.do(testkit.Op{"rm", "a.txt"})
	testkit.Eventually(s.t, limit, "deletion told", func() bool { return r.times(s.at("a.txt")) >= 2 })
}

// wire is what each plugin's receiver must have got, byte by byte.
func (s *scene) wire(name string) []string {
	switch name {
	case "socket":
		return []string{s.at("a.txt"), s.at("b c.txt"), s.at("dd"), s.at("a.txt")}
	case "http":
		post := func(rel, isdir, mask string) string {
			return "watchroot=" + url.QueryEscape(s.src) + "&isdir=" + isdir + "&inotifyPath=" + url.QueryEscape(s.at(rel)) + "&mask=" + mask
		}
		return []string{post("a.txt", "0", "8"), post("b c.txt", "0", "8"), post("dd", "1", "1073742080"), post("a.txt", "0", "512")}
	case "refreshCDN":
		head := func(what string) string {
			return "HEAD /index.jsp?user=xxxx&pswd=xxxx&ok=ok&" + what + " HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
		}
		return []string{head("urls=" + cdnBase + "/a.txt"), head("urls=" + cdnBase + "/b c.txt"), head("dirs=" + cdnBase + "/dd/"), head("urls=" + cdnBase + "/a.txt")}
	}
	return nil // what the command is told is compared as paths
}

func (s *scene) checkWire(r *receiver) {
	s.t.Helper()
	want, got := s.wire(r.name), r.bytes()
	if r.name == "command" {
		want, got = []string{s.at("a.txt"), s.at("b c.txt"), s.at("dd"), s.at("a.txt")}, r.got()
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		s.t.Errorf("%s\ngot  %q\nwant %q", r.name, got, want)
	}
}

// TestWireAlone: with -m the receivers get the bytes of 2.5.4, and no rsync runs.
func TestWireAlone(t *testing.T) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, 0)
			s.set.Remotes = []string{testkit.At(testkit.FreePort(t), "m")}
			r := s.plug(name, "", "")
			s.start("-m", name)
			s.fourSteps(r)
			testkit.Eventually(t, limit, "four deliveries in the status", func() bool {
				p := s.plugin(name, "-m", name)
				return p.Delivered == 4 && p.Pending == 0 && !p.LastSuccess.IsZero()
			})
			s.app.Stop()
			s.checkWire(r)
			if n := s.rsync.Count(); n != 0 {
				t.Errorf("rsync was run %d times", n)
			}
		})
	}
}

// TestWireAfterSync: with all plugins at once, each one is told of a path when the remote has it.
func TestWireAfterSync(t *testing.T) {
	s := newScene(t, 1)
	var all []*receiver
	for _, name := range names {
		r := s.plug(name, "", "")
		r.arrival = func(path string) {
			rel := strings.TrimPrefix(path, s.src+"/")
			there, here := testkit.Exists(filepath.Join(s.dst[0], rel)), testkit.Exists(path)
			if there != here {
				t.Errorf("%s: told of %q too early: here %v, there %v", name, rel, here, there)
			}
		}
		all = append(all, r)
	}
	s.start()
	s.do(testkit.Op{"write", "a.txt"}, testkit.Op{"write", "b c.txt"})
	for _, r := range all {
		s.told(r, "a.txt", "b c.txt")
	}
	s.do(testkit.Op{"mkdir", "dd"})
	for _, r := range all {
		s.told(r, "dd")
	}
	s.do(testkit.Op{"rm", "a.txt"})
	for _, r := range all {
		testkit.Eventually(t, limit, r.name+" is told of the deletion", func() bool { return r.times(s.at("a.txt")) >= 2 })
		s.checkWire(r)
	}
}

// hostile are those names of the suite that 2.5.4's rule for temporary files lets through.
func hostile() []string {
	return slices.DeleteFunc(plugintest.HostileNames(), func(name string) bool { return strings.HasSuffix(name, "~") })
}

// TestHostileNames: the receiver gets the exact bytes of each name, and nothing executes or splits
// a name: after syncs and with a plugin alone, for files that are written and deleted.
func TestHostileNames(t *testing.T) {
	for _, alone := range []bool{false, true} {
		for _, name := range names {
			t.Run(map[bool]string{false: "sync", true: "alone"}[alone]+"/"+name, func(t *testing.T) {
				s := newScene(t, 1)
				r := s.plug(name, "", "")
				if alone {
					s.start("-m", name)
				} else {
					s.start()
				}
				known := map[string]bool{}
				for _, n := range hostile() {
					known[s.at(n)] = true
					if dir := filepath.Dir(n); dir != "." {
						known[s.at(dir)] = true
						s.do(testkit.Op{"mkdirp", dir})
					}
					s.do(testkit.Op{"write", n})
				}
				s.told(r, hostile()...)
				before := len(r.got())
				for _, n := range hostile() {
					s.do(testkit.Op{"rm", n})
				}
				testkit.Eventually(t, limit, "deletions told", func() bool { return len(r.got()) >= before+len(hostile()) })
				for _, p := range r.got() {
					if !known[p] {
						t.Errorf("told of %q, which never was", p)
					}
				}
			})
		}
	}
}

// TestMovedInTree: a tree that is moved in causes one event, for its directory, as in 2.5.4. For a
// tree that is created each path is told, even if the path was made before its directory was
// watched.
func TestMovedInTree(t *testing.T) {
	for _, alone := range []bool{false, true} {
		t.Run(map[bool]string{false: "sync", true: "alone"}[alone], func(t *testing.T) {
			s := newScene(t, 1)
			r := s.plug("socket", "", "")
			outside := &testkit.Tree{Src: s.base}
			s.must(outside.DoAll(testkit.Op{"mkdirp", "in/deep/er"}, testkit.Op{"writemany", "in/deep/er/f%d", "50"}))
			if alone {
				s.start("-m", "socket")
			} else {
				s.start()
			}
			s.do(testkit.Op{"mv", s.base + "/in", "in"})
			s.told(r, "in")
			s.do(testkit.Op{"write", "after"})
			s.told(r, "after")
			if got := r.got(); len(got) != 2 {
				t.Errorf("told of %q", got)
			}
			var fresh []string
			for _, d := range []string{"n0", "n1", "n2", "n3"} {
				dir := d + "/a/b/c"
				s.do(testkit.Op{"mkdirp", dir}, testkit.Op{"write", dir + "/f"}, testkit.Op{"symlink", "f", dir + "/l"})
				fresh = append(fresh, d, d+"/a", d+"/a/b", dir, dir+"/f", dir+"/l")
			}
			s.told(r, fresh...)
		})
	}
}
