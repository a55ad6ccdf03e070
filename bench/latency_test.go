package bench

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// gap leaves the system idle before a change, for a random time: no timer of a contender can be in
// step with the changes.
func gap() { <-time.After(200*time.Millisecond + rand.N(2800*time.Millisecond)) }

// change writes one small file and returns how long it took to arrive after it was closed.
func (c *contender) change(in *arrivals, data string) time.Duration {
	c.b.Helper()
	in.drain()
	write(c.b, filepath.Join(c.src, "file"), []byte(data))
	closed := time.Now()
	at, ok := in.wait()
	if !ok {
		c.b.Fatalf("%s: the change did not arrive", c.name)
	}
	return at.Sub(closed)
}

func small(i int) string { return fmt.Sprintf("%01000d\n", i) }

// BenchmarkLatency sends one small file on an idle system.
func BenchmarkLatency(b *testing.B) {
	once(b)
	ours, mark, ref := product(b), productWith(b, byFanotify, byMark), bare(b)
	others := []*contender{lsyncd(b), script(b)}
	all := append([]*contender{ours, mark, ref}, others...)
	in := map[*contender]*arrivals{}
	for _, c := range all {
		in[c] = watch(b, c.dst)
	}
	whole := series{name: "bare rsync, until it has ended"}
	for i := range scale(60) {
		gap()
		for _, c := range all {
			if i >= 20 && c.pid != 0 && c != ours && c != mark {
				continue
			}
			m := c.meter()
			if c != ref {
				took := c.change(in[c], small(i))
				c.settle()
				m.end(took, ended{})
				continue
			}
			took, e := c.bareChange(in[c], small(i), func() ended { return c.rsync("./file") })
			whole.add(e.took, e.cpu, 0, 0)
			m.end(took, e)
		}
		ours.against(&ref.series)
		mark.against(&ours.series)
		for _, c := range others {
			if i < 20 {
				c.against(&ref.series)
			}
		}
	}
	f, m, r := ours.figure(), mark.figure(), ref.figure()
	add(b, row{
		Work: "one small file, idle system", Goal: "p50 <= 0.5 x a bare rsync of it, p95 <= 2 x",
		Reached: fmt.Sprintf("p50 %.1f ms = %.2f x, p95 %.1f ms = %.2f x", f.P50, f.P50/r.P50, f.P95, f.P95/r.P50),
		OK:      f.P50 <= 0.5*r.P50 && f.P95 <= 2*r.P50,
		Figures: []figure{f, r, whole.figure(), others[0].figure(), others[1].figure()},
	})
	add(b, row{
		Work: "one small file, idle system, fanotify", Goal: "p50 <= 1.1 x that with inotify",
		Reached: fmt.Sprintf("p50 %.1f ms, p95 %.1f ms; %.2f x", m.P50, m.P95, m.Ratio),
		OK:      m.Ratio <= 1.1, Figures: []figure{m, f},
	})
}

// bareChange writes the file and runs rsync for it at once; the time counts from the start of rsync
// until the file has arrived.
func (c *contender) bareChange(in *arrivals, data string, run func() ended) (time.Duration, ended) {
	c.b.Helper()
	write(c.b, filepath.Join(c.src, "file"), []byte(data))
	in.drain()
	began := time.Now()
	type arrival struct {
		at time.Time
		ok bool
	}
	seen := make(chan arrival, 1)
	go func() {
		at, ok := in.wait()
		seen <- arrival{at, ok}
	}()
	e := run()
	a := <-seen
	if !a.ok {
		c.b.Fatal("the bare rsync's file did not arrive")
	}
	return a.at.Sub(began), e
}

// BenchmarkSSH is BenchmarkLatency with remotes over ssh.
func BenchmarkSSH(b *testing.B) {
	once(b)
	sshd := testkit.Sshd(b)
	ours, ref := place(b, "sersync"), place(b, "bare rsync -e ssh")
	ssh := filepath.Join(sshd.Bin, "ssh")
	remote := fmt.Sprintf(`ip="127.0.0.1" name="%s" ssh="true"`, ours.dst)
	ours.pid = start(b, ours.src, []string{remote}, func(o *testkit.Options) { o.Path = []string{sshd.Bin} }).PID()
	ours.canary()
	inOurs, inRef := watch(b, ours.dst), watch(b, ref.dst)
	for i := range scale(40) {
		gap()
		before, peak := tree(ours.pid).cpu, sample(ours.pid)
		took := ours.change(inOurs, small(i))
		<-time.After(time.Second)
		ours.add(took, tree(ours.pid).cpu-before, 0, 0)
		ours.peak = max(ours.peak, peak.end().rss)

		took, e := ref.bareChange(inRef, small(i), func() ended {
			return command(b, ref.src, "rsync", "-artuz", "-R", "-e", ssh, "./file", "127.0.0.1:"+ref.dst)
		})
		ref.add(took, e.cpu, 0, 0)
		ref.peak = max(ref.peak, e.peakMB)
		ours.against(&ref.series)
	}
	f, r := ours.figure(), ref.figure()
	add(b, row{
		Work: "one small file over ssh", Goal: "p50 <= 0.05 x a bare rsync -e ssh",
		Reached: fmt.Sprintf("p50 %.1f ms = %.3f x, p95 %.1f ms", f.P50, f.P50/r.P50, f.P95),
		OK:      f.P50 <= 0.05*r.P50, Figures: []figure{f, r},
	})
}
