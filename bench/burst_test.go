package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// burst is a set of files that is written as fast as possible, several times, by each contender in
// turn.
type burst struct {
	b         *testing.B
	spec      spec
	ours, ref *contender
	factories []func(*testing.B) *contender
	others    []*contender
	// first has the program's times counted from the first create on.
	first  series
	delete map[*contender]*series // the times of deleting each set
}

func newBurst(b *testing.B, s spec, others ...func(*testing.B) *contender) *burst {
	b.Helper()
	once(b)
	return &burst{
		b: b, spec: s, ours: product(b), ref: bare(b), factories: others,
		first: series{name: "sersync, from the first create"}, delete: map[*contender]*series{},
	}
}

// run has the sets written, and if remove is set removed again at the end. They are not removed
// earlier because a file system that has just deleted so many files is slow to make new ones: ext4
// does not use their inodes again for some minutes, and has to look for others.
func (u *burst) run(times int, remove bool) {
	u.b.Helper()
	u.make(u.ours, "set", 0, times)
	// The other contenders come after the program, one after the other: the work that a contender
	// still does after its last file has arrived would disturb its neighbours.
	for _, f := range u.factories {
		c := f(u.b)
		u.others = append(u.others, c)
		if !u.make(c, c.name[:6], times, 2) || !remove {
			stop(c.pid)
		}
	}
	if !remove {
		return
	}
	u.remove(u.ours, "set", times)
	for _, c := range u.others {
		if c.note == "" {
			u.remove(c, c.name[:6], 2)
			stop(c.pid)
		}
	}
}

// make has a contender bring sets over, each one next to the same set by the reference, and tells
// whether all of them arrived.
func (u *burst) make(c *contender, name string, differential, times int) bool {
	u.b.Helper()
	for i := range times {
		u.spec.differential = differential + i
		u.reference(setPath(name, i))
		u.contend(c, setPath(name, i))
		if c.note != "" {
			return false
		}
	}
	return true
}

// setPath is the path of a set. Each set has a parent of its own, so that a bare rsync can delete
// the set without comparing the others.
func setPath(name string, i int) string { return fmt.Sprintf("%s%d/tree", filepath.Base(name), i) }

func (u *burst) reference(top string) {
	u.b.Helper()
	u.spec.make(u.b, u.ref.src, top)
	m := u.ref.meter()
	e := u.ref.rsync("./" + top)
	u.ref.settle()
	m.end(e.took, e)
}

// remove has a contender delete the sets that make has made.
func (u *burst) remove(c *contender, name string, times int) {
	u.b.Helper()
	for i := range times {
		top := setPath(name, i)
		u.removeReference(top)
		d := u.deletions(c)
		keep := c.series
		c.series = *d
		m := c.meter()
		if err := os.RemoveAll(filepath.Join(c.src, top)); err != nil {
			u.b.Fatal(err)
		}
		last := time.Now()
		at, ok := vanished(filepath.Join(c.dst, top))
		if !ok {
			c.note = fmt.Sprintf("not complete after %v", patience)
		}
		c.settle()
		m.end(at.Sub(last), ended{})
		c.against(u.delete[u.ref])
		*d, c.series = c.series, keep
	}
}

func (u *burst) removeReference(top string) {
	u.b.Helper()
	if err := os.RemoveAll(filepath.Join(u.ref.src, top)); err != nil {
		u.b.Fatal(err)
	}
	d := u.deletions(u.ref)
	keep := u.ref.series
	u.ref.series = *d
	m := u.ref.meter()
	e := u.ref.rsync("--delete", "./"+filepath.Dir(top)+"/")
	u.ref.settle()
	m.end(e.took, e)
	*d, u.ref.series = u.ref.series, keep
}

func (u *burst) deletions(c *contender) *series {
	if u.delete[c] == nil {
		u.delete[c] = &series{name: c.name}
	}
	return u.delete[c]
}

// contend measures one contender. Its time runs from the last write until everything has arrived;
// its processor time and its runs also count the work that it does after that.
func (u *burst) contend(c *contender, top string) {
	u.b.Helper()
	m := c.meter()
	first, last := u.spec.make(u.b, c.src, top)
	at, ok := arrived(c.dst, u.spec.paths(top))
	if !ok {
		c.note = fmt.Sprintf("not complete after %v", patience)
	}
	c.settle()
	m.end(at.Sub(last), ended{})
	c.against(&u.ref.series)
	if c == u.ours {
		u.first.times = append(u.first.times, at.Sub(first))
		u.first.against(&u.ref.series)
	}
}

// figures are the results of a work, those of the program first.
func (u *burst) figures() []figure {
	out := []figure{u.ours.figure(), u.first.figure(), u.ref.figure()}
	for _, c := range u.others {
		out = append(out, c.figure())
	}
	return out
}

// BenchmarkBurst200 has the files of a gallery uploaded.
func BenchmarkBurst200(b *testing.B) {
	u := newBurst(b, spec{dirs: 1, files: scale(200), least: 10 << 10, most: 100 << 10}, lsyncd, script)
	u.run(repeats(9), false)
	f := u.ours.figure()
	add(b, row{
		Work: "200 files of 10-100 KB at once, from the last write", Goal: "<= 1.5 x one bare rsync of them",
		Reached: fmt.Sprintf("%.2f x, %.0f runs", f.Ratio, f.Runs), OK: f.Ratio <= 1.5, Figures: u.figures(),
	})
}

// BenchmarkBurst5000 has the burst that the program is mainly made for.
func BenchmarkBurst5000(b *testing.B) {
	u := newBurst(b, spec{dirs: 50, files: scale(5000), least: 1 << 10, most: 1 << 10}, lsyncd)
	u.run(repeats(7), false)
	f, first := u.ours.figure(), u.first.figure()
	add(b, row{
		Work: "5,000 files of 1 KiB in 50 directories", Goal: "<= 2 x one bare rsync of the tree",
		Reached: fmt.Sprintf("%.2f x from the last write, %.2f x from the first create", f.Ratio, first.Ratio),
		OK:      f.Ratio <= 2, Figures: u.figures(),
	})
}

// BenchmarkBurst10000 has a tree unpacked, and removed again.
func BenchmarkBurst10000(b *testing.B) {
	u := newBurst(b, spec{dirs: 100, files: scale(10000), least: 1 << 10, most: 4 << 10}, lsyncd, script)
	u.run(repeats(5), true)
	f, r := u.ours.figure(), u.ref.figure()
	add(b, row{
		Work: "10,000 files of 1-4 KiB in 100 new directories, from the last write",
		Goal: "time <= 1.0 x, CPU <= 1.5 x one bare rsync of the tree; at most 10 runs",
		Reached: fmt.Sprintf("time %.2f x, CPU %.2f x, %.0f runs (CPU with the remote's: %.2f x)",
			f.Ratio, f.CPU/r.CPU, f.Runs, (f.CPU+f.Remote)/(r.CPU+r.Remote)),
		OK: f.Ratio <= 1 && f.CPU <= 1.5*r.CPU && f.Runs <= 10, Figures: u.figures(),
	})
	d := u.delete[u.ours].figure()
	figures := []figure{d, u.delete[u.ref].figure()}
	for _, c := range u.others {
		figures = append(figures, u.delete[c].figure())
	}
	add(b, row{
		Work: "delete that tree, from the last unlink", Goal: "<= 1.5 x one bare rsync --delete; at most 5 runs",
		Reached: fmt.Sprintf("%.2f x, %.0f runs", d.Ratio, d.Runs), OK: d.Ratio <= 1.5 && d.Runs <= 5, Figures: figures,
	})
}
