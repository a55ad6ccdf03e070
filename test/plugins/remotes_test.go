package plugins

import (
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// TestDeadRemote: one of three remotes is down. It does not delay a plugin, unless the plugin has
// when="all": then the plugin is told once the remote is back and has the path.
func TestDeadRemote(t *testing.T) {
	s := newScene(t, 3)
	s.remotes[1].Stop()
	soon := s.plug("socket", "", "")
	all := s.plug("http", `when="all"`, "")
	all.arrival = func(path string) {
		rel := path[len(s.src)+1:]
		if testkit.Exists(path) != testkit.Exists(s.dst[1]+"/"+rel) {
			t.Errorf("told of %s before the last remote has its state", rel)
		}
	}
	s.start()
	s.do(testkit.Op{"write", "f"}, testkit.Op{"mkdir", "d"}, testkit.Op{"write", "d/g"})
	s.told(soon, "f", "d", "d/g")
	testkit.Eventually(t, limit, "the living remotes have it", func() bool {
		return testkit.Exists(s.dst[0]+"/d/g") && testkit.Exists(s.dst[2]+"/d/g")
	})
	s.do(testkit.Op{"rm", "f"})
	testkit.Eventually(t, limit, "deletion told", func() bool { return soon.times(s.at("f")) >= 2 })
	never(t, "the plugin that wants all remotes was told", func() bool { return len(all.got()) > 0 })
	testkit.Eventually(t, limit, "what waits for the remote is in the status", func() bool { return s.plugin("http").Pending >= 2 })
	s.remotes[1].Start()
	s.told(all, "f", "d", "d/g")
}

// TestRemoteDiesMeanwhile: a path waits for a remote that then goes down: the plugin is told.
func TestRemoteDiesMeanwhile(t *testing.T) {
	s := newScene(t, 2)
	r := s.plug("socket", "", "")
	s.start()
	s.do(testkit.Op{"write", "first"})
	s.told(r, "first")
	s.remotes[1].Stop()
	s.do(testkit.Op{"writemany", "f%d", "200"})
	for _, name := range []string{"f0", "f100", "f199"} {
		s.told(r, name)
	}
}

// TestNoRemoteAtAll: all remotes are down, and the plugin is told all the same.
func TestNoRemoteAtAll(t *testing.T) {
	s := newScene(t, 2)
	r := s.plug("socket", "", "")
	for _, d := range s.remotes {
		d.Stop()
	}
	s.start()
	s.do(testkit.Op{"write", "f"})
	s.told(r, "f")
}

// TestWatchPaths: a plugin's own watch path selects which paths the plugin gets, and does not
// change what is synced. The receiver sees paths in the spelling of that watch path.
func TestWatchPaths(t *testing.T) {
	s := newScene(t, 1)
	s.must(s.tree.Do(testkit.Op{"mkdirp", "pub/img"}))
	r := newReceiver(t, "socket", s.base+"/./src//pub/", "")
	s.refs, s.elements = `<plugin start="true" name="socket"/>`, r.element
	s.start()
	s.do(testkit.Op{"write", "outside"}, testkit.Op{"write", "pub/img/x"}, testkit.Op{"write", "pub/y"})
	want := []string{s.base + "/./src//pub//img/x", s.base + "/./src//pub//y"}
	testkit.Eventually(t, limit, "both paths below the plugin's own", func() bool { return r.has(want...) })
	if got := r.got(); len(got) != 2 {
		t.Errorf("told of %q, want %q", got, want)
	}
	testkit.Eventually(t, limit, "everything is synced", func() bool { return testkit.Exists(s.dst[0] + "/outside") })
}
