package faults

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// linkTime is how long a link is cut: longer than a run may be silent.
const linkTime = 30 * time.Second

// cut is a way in which a link stops carrying packets.
type cut struct {
	name       string
	begin, end func(*testkit.Island)
}

func cuts() []cut {
	return []cut{
		{"packets vanish", (*testkit.Island).Lose, (*testkit.Island).Find},
		{"carrier lost", (*testkit.Island).Unplug, (*testkit.Island).Plug},
	}
}

// TestLinkCut: the first remote is on a host of its own. The link to it is cut without a sign to
// the connections that go over it: once while nothing is under way and a standby waits, and once in
// the middle of a transfer.
func TestLinkCut(t *testing.T) {
	testkit.Long(t)
	for _, over := range []string{"daemon", "ssh"} {
		for _, c := range cuts() {
			for _, when := range []string{"idle", "in a transfer"} {
				t.Run(over+"/"+c.name+"/"+when, func(t *testing.T) {
					needRoot(t)
					t.Parallel()
					cutLink(t, over == "ssh", c, when != "idle")
				})
			}
		}
	}
}

func cutLink(t *testing.T, ssh bool, c cut, sending bool) {
	s, far, o := newFarSite(t, ssh)
	s.write("keep", "change", "remove", "d/e/f", "d/e/g", "old/x", "old/y")
	s.app = testkit.Start(t, o)
	s.logs("full sync done")
	s.equal()
	testkit.WaitEqual(t, s.src, s.dst2, s.compare, limit)
	s.write("warm")
	s.equal()
	if sending {
		s.must(os.WriteFile(s.src+"/large", random(20<<20), 0o644))
		testkit.Eventually(t, limit, "the large file is on its way", func() bool { return s.arriving() > 1<<20 })
	} else {
		testkit.Eventually(t, limit, "a standby waits for each remote", func() bool { return s.standbys() == 2 })
	}
	c.begin(far)
	began := time.Now()
	s.changes()
	testkit.WaitEqual(t, s.src, s.dst2, s.compare, limit)
	t.Logf("the other lane was through after %.1f s", time.Since(began).Seconds())
	before := names(t, s.dst)
	testkit.Pass(linkTime - time.Since(began))
	if s.has("new") {
		t.Errorf("the link was not cut: the target has %q, had %q", names(t, s.dst), before)
	}
	c.end(far)
	began = time.Now()
	testkit.Eventually(t, limit, "all has arrived", func() bool {
		return !slices.ContainsFunc(testkit.Equal(s.src, s.dst, s.compare), func(d testkit.Difference) bool { return d.Kind != "leftover" })
	})
	t.Logf("all there %.1f s after the link was back (promised: %v)", time.Since(began).Seconds(), promise)
	// The receiver of the transfer learns late that it was cut off, and keeps the part that it has
	// until then.
	var clean time.Time // several transfers may have been cut off, so it has to stay so
	testkit.Eventually(t, 2*limit, "no part of a file is left", func() bool {
		if s.arriving() != 0 || s.has(partDir) {
			clean = time.Time{}
			return false
		}
		if clean.IsZero() {
			clean = time.Now()
		}
		return time.Since(clean) > lull
	})
	s.over()
}

// newFarSite is a site whose first remote is on an island. Transfers to it are slow enough to be
// cut in their middle.
func newFarSite(t *testing.T, ssh bool) (s *site, far *testkit.Island, o testkit.Options) {
	t.Helper()
	far = testkit.NewIsland(t)
	s = newSite(t)
	s.set.Params = "-artu --bwlimit=3000"
	if ssh {
		sshd := testkit.SshdOn(t, far)
		s.set.Remotes[0] = fmt.Sprintf(`ip="%s" name="%s" ssh="true"`, far.Address(), s.dst)
		o = s.options("-r")
		o.Path = []string{sshd.Bin}
		return s, far, o
	}
	s.rsyncd = testkit.Rsyncd(t, testkit.RsyncdConf{On: far, Modules: []testkit.Module{{Name: "m", Path: s.dst}}})
	s.set.Remotes[0] = testkit.Remote(far.Address(), s.rsyncd.Port(), "m")
	return s, far, s.options("-r")
}

// standbys counts the rsyncs of the program that wait for names.
func (s *scene) standbys() (n int) {
	for _, pid := range s.app.Processes() {
		args, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		if strings.Contains(string(args), "/rsync\x00") && strings.Contains(string(args), "--files-from=-") {
			n++
		}
	}
	return n
}
