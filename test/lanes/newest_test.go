package lanes

import (
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
)

// at sets a file's time, to the nanosecond.
func at(t *testing.T, file string, when time.Time) {
	t.Helper()
	must(t, os.Chtimes(file, when, when))
}

// A killed receiver may leave a fifo or a link with another time. A difference of one second is
// corrected, too: by a full sync, and in a tree whose changes nobody saw.
func TestAFifosTimeArrives(t *testing.T) {
	t.Parallel()
	for name, find := range map[string]func(*bed){
		"tree":      func(b *bed) { b.Mark("d", dirty.Unsure|dirty.Tree) },
		"full sync": func(b *bed) { must(b.T, b.fullSync(fullsync.Request{}).Err) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, with{files: []string{"d/keep"}})
			when := time.Now().Add(-time.Hour).Truncate(time.Second)
			for _, e := range []struct {
				dir  string
				time time.Time
			}{{b.src, when}, {b.dst, when.Add(time.Second)}} {
				at(t, e.dir+"/d/keep", when) // two writes that are a second apart would look like a remote that keeps times coarsely
				must(t, unix.Mkfifo(e.dir+"/d/fifo", 0o644))
				at(t, e.dir+"/d/fifo", e.time)
				must(t, os.Symlink("keep", e.dir+"/d/link"))
				stamps := []unix.Timespec{unix.NsecToTimespec(e.time.UnixNano()), unix.NsecToTimespec(e.time.UnixNano())}
				must(t, unix.UtimesNanoAt(unix.AT_FDCWD, e.dir+"/d/link", stamps, unix.AT_SYMLINK_NOFOLLOW))
			}
			find(b)
			for _, f := range []string{"fifo", "link"} {
				testkit.Eventually(t, patient, f+" has its time", func() bool {
					info, err := os.Lstat(b.dst + "/d/" + f)
					return err == nil && info.ModTime().Equal(when)
				})
			}
		})
	}
}

// A receiver of release 3.2.3 keeps a copy of the same time. A file of the same size and time that
// nobody saw arriving is sent there all the same.
func TestATwinThatNobodySawArrivesAtARealOldReceiver(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{program: testkit.Bullseye.Install(t)})
	b.write("f", "one")
	b.arrives("f", "one")
	b.idle()
	info, err := os.Stat(b.src + "/f")
	must(t, err)
	put(t, b.src, "f", "two")
	at(t, b.src+"/f", info.ModTime())
	b.Mark("f", dirty.Unsure)
	b.arrives("f", "two")
}

// The user's own --size-only does not keep a file back that was seen to be written again.
func TestSizeOnlyKeepsNoRewriteBack(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{params: "-rt --size-only"})
	const files = 80
	for _, text := range []string{"one", "two"} {
		for i := range files {
			put(t, b.src, fmt.Sprint("f", i), text)
		}
		for i := range files {
			b.Mark(fmt.Sprint("f", i), dirty.Content)
		}
		for i := range files {
			b.arrives(fmt.Sprint("f", i), text)
		}
	}
}

// filtered gives a lane a filter, so that it names every entry of a tree.
func filtered(o *setup) { o.Excluded = func(path string, _ bool) bool { return path == "x" } }

// With a window of two seconds -u would skip a file that was written again within that time. It
// arrives all the same.
func TestAUsersWindowHoldsNoWriteBack(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{params: "-rtu --modify-window=2"})
	for _, text := range []string{"one", "two", "three and longer"} {
		b.write("f", text)
		b.arrives("f", text)
	}
}

// With -u a receiver of release 3.2.3 keeps a copy of the same second. A file that is written again
// at once, at the same size, arrives there all the same: through its event, in a tree, and when
// only a full sync finds it.
func TestRewritesOfOneSecondArriveAtARealOldReceiver(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{program: testkit.Bullseye.Install(t)})
	seen, found := 8, 4
	if testing.Short() {
		seen, found = 3, 1
	}
	for i := range seen {
		b.write("f", fmt.Sprint(i))
		b.arrives("f", fmt.Sprint(i))
		put(t, b.src, "d/f", fmt.Sprint(i))
		b.Mark("d", dirty.Content|dirty.Tree)
		b.arrives("d/f", fmt.Sprint(i))
	}
	for i := range found {
		put(t, b.src, "f", fmt.Sprint("x", i))
		must(t, b.fullSync(fullsync.Request{}).Err)
		put(t, b.src, "f", fmt.Sprint("y", i))
		must(t, b.fullSync(fullsync.Request{}).Err)
		b.arrives("f", fmt.Sprint("y", i))
	}
	b.equal()
}

// Nobody saw that a file was written again, in the same second and with the same size, and the lane
// does not know what it has sent. Whole seconds, which is all that -u compares, do not tell the two
// versions apart.
func TestARewriteOfOneSecondThatNobodySaw(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		find func(*bed)
		with with
	}{
		"full sync":            {func(b *bed) { b.fullSync(fullsync.Request{Unknown: true}) }, with{}},
		"file":                 {func(b *bed) { b.Mark("d/f", dirty.Unsure) }, with{}},
		"moved in, hard links": {func(b *bed) { b.Mark("d", dirty.Tree|dirty.Unsure) }, with{params: "-artuzH"}},
		"moved in, filter":     {func(b *bed) { b.Mark("d", dirty.Tree|dirty.Unsure) }, with{options: filtered}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.with.files = []string{"d/f"}
			b := newBed(t, c.with)
			b.idle()
			when := time.Now().Add(-time.Hour).Truncate(time.Second)
			put(t, b.src, "d/f", "new")
			at(t, b.dst+"/d/f", when.Add(100*time.Millisecond))
			at(t, b.src+"/d/f", when.Add(700*time.Millisecond))
			c.find(b)
			b.arrives("d/f", "new")
		})
	}
}

// Nobody saw how a file came here: it may have arrived from the remote, which may have a newer
// version of the same second by now. The later version stays.
func TestNothingUnseenReplacesWhatIsNewerThere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		find func(*bed)
		with with
	}{
		"full sync":    {func(b *bed) { b.fullSync(fullsync.Request{Unknown: true}) }, with{}},
		"file":         {func(b *bed) { b.Mark("d/f", dirty.Unsure); b.Mark("d/g", dirty.Unsure) }, with{}},
		"tree, filter": {func(b *bed) { b.Mark("d", dirty.Tree|dirty.Unsure) }, with{options: filtered}},
		"not watched":  {func(b *bed) { b.Mark("d", dirty.Tree|dirty.Extras) }, with{params: "-artuzH"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.with.files = []string{"d/f", "d/g", "d/longer"}
			b := newBed(t, c.with)
			b.idle()
			when := time.Now().Add(-time.Hour).Truncate(time.Second)
			for _, f := range []string{"d/f", "d/g", "d/longer"} {
				put(t, b.src, f, "new")
				at(t, b.src+"/"+f, when.Add(400*time.Millisecond))
				at(t, b.dst+"/"+f, when.Add(700*time.Millisecond))
			}
			put(t, b.dst, "d/longer", "written there since then")
			at(t, b.dst+"/d/longer", when.Add(700*time.Millisecond))
			at(t, b.dst+"/d/g", when.Add(100*time.Millisecond))
			c.find(b)
			b.arrives("d/g", "new")
			b.idle()
			if b.there("d/f") != "old" || b.there("d/longer") != "written there since then" {
				t.Errorf("replaced: %q, %q", b.there("d/f"), b.there("d/longer"))
			}
		})
	}
}
