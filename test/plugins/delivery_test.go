package plugins

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/plugins/plugintest"
)

// TestTenThousand delivers 10,000 different paths through each plugin, after real syncs and with
// the plugin alone: none is missing. Then one path is changed 1,000 times: the receiver sees its
// last state.
func TestTenThousand(t *testing.T) {
	testkit.Long(t)
	const paths, changes = 10_000, 1_000
	for _, alone := range []bool{false, true} {
		for _, name := range names {
			t.Run(map[bool]string{false: "sync", true: "alone"}[alone]+"/"+name, func(t *testing.T) {
				s := newScene(t, 1)
				attributes := ""
				if name == "command" {
					attributes = `paths="stdin"`
				}
				r := s.plug(name, "", attributes)
				if alone {
					s.start("-m", name)
				} else {
					s.start()
				}
				var want []string
				for i := range paths {
					if i%100 == 0 {
						s.do(testkit.Op{"mkdir", fmt.Sprint("d", i/100)})
					}
					rel := fmt.Sprintf("d%d/file %d", i/100, i)
					s.do(testkit.Op{"write", rel})
					want = append(want, rel)
				}
				s.told(r, want...)
				s.changes(r, changes)
			})
		}
	}
}

// changes changes one file again and again, and waits until the receiver, which is told of it, has
// seen its last state.
func (s *scene) changes(r *receiver, n int) {
	s.t.Helper()
	s.do(testkit.Op{"write", changing, "0"})
	s.told(r, changing)
	for i := 1; i <= n; i++ {
		s.do(testkit.Op{"write", changing, strconv.Itoa(i)})
	}
	var seen string
	if !testkit.Poll(limit, func() bool { seen = r.state(s.at(changing)); return seen == strconv.Itoa(n) }) {
		s.t.Errorf("the last state that %s has seen is %q, want %d", r.name, seen, n)
	}
}

// TestLastState: a command that is run for each path also sees the last state of a path that
// changes all the time.
func TestLastState(t *testing.T) {
	for _, alone := range []bool{false, true} {
		t.Run(map[bool]string{false: "sync", true: "alone"}[alone], func(t *testing.T) {
			s := newScene(t, 1)
			r := s.plug("command", "", "")
			if alone {
				s.start("-m", "command")
			} else {
				s.start()
			}
			s.changes(r, 1_000)
		})
	}
}

// TestTrouble: a receiver that is slow, refuses, crashes or hangs delays neither the sync nor
// another plugin. Afterwards it gets what it has missed, each path once.
func TestTrouble(t *testing.T) {
	for _, mode := range testkit.Few([]plugintest.Behaviour{plugintest.Refuse, plugintest.Hang, plugintest.Slow, plugintest.Fail}, 2) {
		for _, name := range []string{"socket", "http", "refreshCDN"} {
			t.Run(name+"/"+mode.String(), func(t *testing.T) {
				t.Parallel()
				s := newScene(t, 1)
				r := s.plug(name, "", "")
				other := s.plug("command", "", "")
				s.start()
				s.do(testkit.Op{"write", "first"})
				s.told(r, "first")
				r.Behave(mode)
				for range 20 {
					s.do(testkit.Op{"writemany", "f%d", "20"})
				}
				s.do(testkit.Op{"rm", "f7"}, testkit.Op{"mkdir", "d"})
				var want []string
				for i := range 20 {
					want = append(want, fmt.Sprint("f", i))
				}
				s.told(other, append(want, "d")...)
				testkit.WaitEqual(t, s.src, s.dst[0], testkit.CompareFor("-artuz"), limit)
				// With one path per connection a path is delivered once the receiver's kernel has
				// it, even if the receiver never reads it. So a socket receiver that hangs causes
				// no trouble.
				if mode != plugintest.Slow && !(name == "socket" && mode == plugintest.Hang) {
					testkit.Eventually(t, limit, "the trouble is in the status", func() bool {
						p := s.plugin(name)
						return p.FailedAttempts > 0 && p.Pending > 0 && p.LastError != "" && !p.LastFailure.IsZero() && !p.OldestPending.IsZero()
					})
				}
				before := len(r.got())
				r.Behave(plugintest.Serve)
				s.told(r, append(want, "d")...)
				testkit.Eventually(t, limit, "nothing is pending", func() bool { return s.plugin(name).Pending == 0 })
				if p := s.plugin(name); p.Dropped != 0 {
					t.Errorf("%d dropped", p.Dropped)
				}
				// There are 400 changes of 20 paths, and after the outage each path is told. A path
				// that was in flight when the receiver came back may be told twice.
				if more := len(r.got()) - before; mode == plugintest.Refuse && more > 2*len(want) {
					t.Errorf("%d deliveries for %d paths", more, len(want))
				}
			})
		}
	}
}

// TestHangingReceiverCostsNothing: single files arrive as fast as they do with a receiver that
// serves. Both are measured by turns, in the same run.
func TestHangingReceiverCostsNothing(t *testing.T) {
	testkit.Long(t)
	const rounds, each = 4, 12
	s := newScene(t, 1)
	var all []*receiver
	for _, name := range []string{"socket", "http", "refreshCDN"} {
		all = append(all, s.plug(name, "", ""))
	}
	s.start()
	s.do(testkit.Op{"write", "warm"})
	for _, r := range all {
		s.told(r, "warm")
	}
	latency := map[plugintest.Behaviour][]time.Duration{}
	for round := range rounds {
		mode := plugintest.Serve
		if round%2 == 1 {
			mode = plugintest.Hang
		}
		for _, r := range all {
			r.Behave(mode)
		}
		for i := range each {
			name := fmt.Sprintf("r%d-%d", round, i)
			begin := time.Now()
			s.do(testkit.Op{"write", name, name})
			for {
				if b, err := os.ReadFile(s.dst[0] + "/" + name); err == nil && string(b) == name {
					break
				}
				if time.Since(begin) > limit {
					t.Fatalf("%s did not arrive while the receivers %s", name, mode)
				}
				<-time.After(200 * time.Microsecond)
			}
			latency[mode] = append(latency[mode], time.Since(begin))
			<-time.After(120 * time.Millisecond) // by then the next standby is ready
		}
	}
	median := func(mode plugintest.Behaviour) time.Duration {
		slices.Sort(latency[mode])
		return latency[mode][len(latency[mode])/2]
	}
	serving, hanging := median(plugintest.Serve), median(plugintest.Hang)
	t.Logf("median with receivers that serve %v, that hang %v", serving, hanging)
	// A receiver's time limit is one second. If the sync waited for the receiver, these figures
	// would show it.
	if hanging > 3*serving+50*time.Millisecond {
		t.Errorf("hanging receivers delay the sync: %v instead of %v", hanging, serving)
	}
}

// TestLongOutage: a receiver that is down for 200,000 events costs a bounded amount of memory;
// events for which there is no room are counted and logged.
func TestLongOutage(t *testing.T) {
	testkit.Long(t)
	const distinct, again = 110_000, 90_000
	s := newScene(t, 0)
	s.set.Remotes = []string{testkit.At(testkit.FreePort(t), "m")}
	r := s.plug("socket", "", "")
	r.Behave(plugintest.Refuse)
	s.start("-m", "socket")
	for i := range distinct {
		if i%1000 == 0 {
			s.do(testkit.Op{"mkdir", fmt.Sprint("d", i/1000)})
		}
		s.do(testkit.Op{"write", fmt.Sprintf("d%d/f%d", i/1000, i)})
	}
	full := func() bool { p := s.plugin("socket", "-m", "socket"); return p.Pending == 100_000 && p.Dropped > 0 }
	testkit.Eventually(t, limit, "the bound is reached and drops are counted", full)
	before := memory(t, s.app.PID())
	for i := range again {
		s.do(testkit.Op{"write", fmt.Sprintf("d%d/f%d", i%90, i%90*1000+i/90%1000)})
	}
	after := memory(t, s.app.PID())
	t.Logf("%d MiB for 110,000 events, %d MiB for 200,000", before>>20, after>>20)
	if after > before+before/2+(64<<20) || before > 600<<20 {
		t.Errorf("memory goes from %d to %d MiB", before>>20, after>>20)
	}
	if log := s.logTail(); !strings.Contains(s.log(), "plugin queue is full") {
		t.Errorf("drops are not logged:\n%s", log)
	}
	r.Behave(plugintest.Serve)
	testkit.Eventually(t, 6*limit, "everything that is pending is delivered", func() bool {
		p := s.plugin("socket", "-m", "socket")
		return p.Pending == 0 && p.Delivered >= 100_000
	})
}

func (s *scene) log() string {
	b, err := os.ReadFile(s.set.Log())
	s.must(err)
	return string(b)
}

// memory is the resident size of a process, in bytes.
func memory(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize()
}
