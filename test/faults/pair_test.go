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

// mirrors makes one host of each directory and starts a program on each host. The program mirrors
// its directory to those of the hosts in to.
func mirrors(t *testing.T, to [][]int) []*scene {
	t.Helper()
	hosts := make([]*scene, len(to))
	ports := make([]int, len(to))
	for i := range hosts {
		hosts[i] = newScene(t)
		ports[i] = testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: hosts[i].src}}}).Port()
	}
	for i, h := range hosts {
		h.set.Remotes = nil
		for _, other := range to[i] {
			h.set.Remotes = append(h.set.Remotes, testkit.At(ports[other], "m"))
		}
		if len(to[i]) > 0 {
			h.start()
		}
	}
	return hosts
}

// text is the content of a host's file; empty: there is no such file.
func (s *scene) text(name string) string {
	b, err := os.ReadFile(filepath.Join(s.src, name))
	if err != nil {
		return ""
	}
	return string(b)
}

// rest waits until no host runs rsync any more, and returns how many runs each host has made since
// the counts in before.
func rest(hosts []*scene, before []int) (runs []int) {
	testkit.Settled(2*time.Second, limit, func() string {
		var counts []int
		for _, h := range hosts {
			counts = append(counts, h.rsync.Count())
		}
		return fmt.Sprint(counts)
	})
	for i, h := range hosts {
		runs = append(runs, h.rsync.Count()-before[i])
	}
	return runs
}

// counts is how many runs each host has begun.
func counts(hosts []*scene) (n []int) {
	for _, h := range hosts {
		n = append(n, h.rsync.Count())
	}
	return n
}

// TestPairComesToRest: two hosts mirror each other. One change takes a few runs, and then there are
// no more. Large files are not sent back.
func TestPairComesToRest(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	hosts := mirrors(t, [][]int{{1}, {0}})
	rest(hosts, counts(hosts))
	for _, size := range []int{10, 20 << 20} {
		name, before := fmt.Sprint("f", size), counts(hosts)
		text := strings.Repeat("x", size)
		hosts[0].must(os.WriteFile(filepath.Join(hosts[0].src, name), []byte(text), 0o644))
		testkit.Eventually(t, limit, name+" is on the other side", func() bool { return hosts[1].text(name) == text })
		at, err := os.Stat(filepath.Join(hosts[0].src, name))
		hosts[0].must(err)
		// A change takes three runs; after each use of a standby the next standby starts.
		if runs := rest(hosts, before); runs[0] > 4 || runs[1] > 4 {
			t.Errorf("%s: %v runs, want at most three and the start of a standby", name, runs)
		}
		now, err := os.Stat(filepath.Join(hosts[0].src, name))
		hosts[0].must(err)
		if !os.SameFile(at, now) || !now.ModTime().Equal(at.ModTime()) {
			t.Errorf("%s was written again where it came from", name)
		}
	}
}

// TestPairLosesNoWrite: several versions are written within one second on one side. The last one
// stays, there and on all other hosts, whichever way it takes.
func TestPairLosesNoWrite(t *testing.T) {
	t.Parallel() // the pair also is in the quick suite
	for name, to := range map[string][][]int{
		"pair": {{1}, {0}}, "chain": {{1}, {2}, {}}, "ring": {{1}, {2}, {0}}, "triangle": {{1, 2}, {0, 2}, {0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "pair" {
				testkit.Long(t)
			}
			t.Parallel()
			hosts := mirrors(t, to)
			tick := time.NewTicker(200 * time.Millisecond) // the pace is a part of the operation
			defer tick.Stop()
			last := ""
			for n := range 10 {
				for _, file := range []string{"same", "longer"} {
					last = fmt.Sprint("version ", n)
					text := last
					if file == "longer" {
						text += strings.Repeat(".", n)
					}
					hosts[0].must(os.WriteFile(filepath.Join(hosts[0].src, file), []byte(text), 0o644))
				}
				<-tick.C
			}
			all := func() bool {
				for _, h := range hosts {
					if h.text("same") != last || strings.TrimRight(h.text("longer"), ".") != last {
						return false
					}
				}
				return true
			}
			testkit.Eventually(t, limit, "all have the last version", all)
			rest(hosts, counts(hosts))
			if !all() {
				t.Errorf("an older version has come back: %q, %q", hosts[0].text("same"), hosts[0].text("longer"))
			}
		})
	}
}

// TestPairKeepsTheLaterVersion: the other host has delivered a file while this program did not see
// it, or this host does not know which version the other one has. Then the file is no change of
// this host. A version that the other host has written since, within the same second, stays.
func TestPairKeepsTheLaterVersion(t *testing.T) {
	for _, c := range []struct {
		name string
		away func(here *scene, deliver func()) // has the delivery happen while the program here does not see it
	}{
		{"restart", func(here *scene, deliver func()) {
			here.stop()
			deliver()
			here.start()
		}},
		{"kill -9", func(here *scene, deliver func()) {
			here.crash()
			deliver()
			here.start()
		}},
		{"overflow", func(here *scene, deliver func()) {
			needRoot(here.t)
			here.stop()
			here.short()
			here.overflows(deliver)
		}},
		{"no answer", func(here *scene, deliver func()) {
			here.app.SignalProcess(syscall.SIGSTOP)
			deliver()
			here.rsync.Fail(23, 24, 23, 12)
			here.app.SignalProcess(syscall.SIGCONT)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name != "restart" {
				testkit.Long(t)
			}
			hosts := mirrors(t, [][]int{{1}, {0}})
			here, there := hosts[0], hosts[1]
			here.write("flood/f0")
			rest(hosts, counts(hosts))
			files := []string{"f", "made/with it"}
			c.away(here, func() {
				there.must(os.Mkdir(there.src+"/made", 0o755))
				for _, f := range files {
					there.must(os.WriteFile(filepath.Join(there.src, f), []byte("one"), 0o644))
				}
				for _, f := range files {
					testkit.Eventually(t, limit, f+" has been delivered", func() bool { return here.text(f) == "one" })
				}
				there.app.SignalProcess(syscall.SIGSTOP)
				for _, f := range files {
					there.writeWithin(f, "two")
				}
			})
			rest(hosts, counts(hosts))
			for _, f := range files {
				if got := there.text(f); got != "two" {
					t.Errorf("%s: the older version has come back: %q", f, got)
				}
			}
			there.app.SignalProcess(syscall.SIGCONT)
			for _, f := range files {
				testkit.Eventually(t, limit, f+" is two on both sides", func() bool { return here.text(f) == "two" && there.text(f) == "two" })
			}
		})
	}
}

// writeWithin writes a file again, later within the second in which it was written before.
func (s *scene) writeWithin(name, text string) {
	s.t.Helper()
	file := filepath.Join(s.src, name)
	info, err := os.Stat(file)
	s.must(err)
	s.must(os.WriteFile(file, []byte(text), 0o644))
	before := info.ModTime()
	end := before.Truncate(time.Second).Add(time.Second - time.Nanosecond)
	when := before.Add(end.Sub(before) / 2)
	s.must(os.Chtimes(file, when, when))
}
