package executor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

// named counts how often the log says that a path fails.
func (b *bed) named(path string) (n int) {
	for _, e := range b.logs.FilterMessage("path failed").All() {
		if e.ContextMap()["path"] == path {
			n++
		}
	}
	return n
}

// A path that failed first in a batch that failed as a whole is named when it
// is found, once.
func TestAPathOutOfAnUnclearBatchIsNamed(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{options: program(scripted(t, `if grep -qaz '^bad$' "$list"; then echo strange >&2; exit 23; fi`))})
	must(t, b.Pause(t.Context(), true))
	for _, dir := range []string{"good", "bad", "other"} {
		put(t, b.src, dir+"/f", "1")
		b.Mark(dir, dirty.Tree)
	}
	must(t, b.Pause(t.Context(), false))
	b.arrives("good/f", "1")
	b.arrives("other/f", "1")
	testkit.Eventually(t, patient, "bad is named", func() bool { return b.named("bad") > 0 })
	must(t, b.RetryNow(t.Context()))
	testkit.Eventually(t, patient, "it alone fails, and has been tried again", func() bool {
		f := b.dirty.Failing(10)
		return b.Snapshot(time.Now()).Failing == 1 && len(f) == 1 && f[0].Path == "bad" && f[0].Attempt > 2
	})
	if n := b.named("bad"); n != 1 {
		t.Errorf("named %d times", n)
	}
	if n := b.named("good") + b.named("other"); n > 0 {
		t.Errorf("others named %d times", n)
	}
}

// Some batches take two runs. What the second was for is not done when the
// first has failed for one of its paths.
func TestAFailureInTheFirstOfTwoRuns(t *testing.T) {
	t.Parallel()
	refuse := `if grep -qaz '^/*bad$' "$list"; then echo 'rsync: [receiver] mkstemp ".bad.AbCdEf" (in m) failed: Permission denied (13)' >&2; exit 23; fi`
	for name, c := range map[string]struct {
		with
		do func(*bed)
	}{
		"trees": {with{files: []string{"d/old"}}, func(b *bed) {
			put(b.T, b.src, "bad/f", "1")
			must(b.T, os.RemoveAll(b.src+"/d"))
			put(b.T, b.src, "d/new", "1")
			b.Mark("bad", dirty.Tree)
			b.Mark("d", dirty.Tree|dirty.Gone)
		}},
		"by the second": {with{files: []string{"f"}, options: func(o *setup) { o.Caps = o.Caps.Lacking(transport.Nanoseconds) }}, func(b *bed) {
			put(b.T, b.src, "bad", "1")
			b.Mark("bad", 0)
			b.write("f", "new")
		}},
		"deletions": {with{
			files:   []string{"bad", "d/f"},
			options: func(o *setup) { o.Excluded = func(path string, _ bool) bool { return path == "d/kept" } },
		}, func(b *bed) {
			put(b.T, b.dst, "d/kept", "1")
			b.remove("bad")
			b.remove("d")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			options := c.options
			c.options = func(o *setup) {
				o.Way.Program = scripted(t, refuse)
				if options != nil {
					options(o)
				}
			}
			b := newBed(t, c.with)
			must(t, b.Pause(t.Context(), true))
			c.do(b)
			must(t, b.Pause(t.Context(), false))
			testkit.Eventually(t, patient, "all the rest is done", func() bool {
				f := b.dirty.Failing(10)
				s := b.dirty.Stats()
				return len(f) == 1 && f[0].Path == "bad" && s.Pending+s.InFlight == 1
			})
			for _, p := range []string{"d/old", "d/new", "d/f", "f"} {
				here, err := os.ReadFile(filepath.Join(b.src, p))
				want := string(here)
				if err != nil {
					want = "<none>"
				}
				if got := b.there(p); got != want {
					t.Errorf("%s is %q, want %q", p, got, want)
				}
			}
		})
	}
}

// deeper makes a chain of directories below dir that is longer than a path can
// be, and returns the path of its first part.
func (b *bed) deeper(dir string) string {
	b.Helper()
	name := strings.Repeat("p", 250)
	fd, err := unix.Open(filepath.Join(b.src, dir), unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	must(b.T, err)
	for range 20 {
		must(b.T, unix.Mkdirat(fd, name, 0o755))
		next, err := unix.Openat(fd, name, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
		must(b.T, err)
		must(b.T, unix.Close(fd))
		fd = next
	}
	must(b.T, unix.Close(fd))
	return filepath.Join(dir, name)
}

// What is too long for rsync fails by its own name, without runs that can only
// fail, and takes nothing with it: not even the deletions beside it, which
// rsync withholds when it cannot read everything.
func TestATreeTooDeepFailsByItsName(t *testing.T) {
	t.Parallel()
	for name, filtered := range map[string]bool{"plain": false, "filtered": true} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, with{files: []string{"d/old", "e/old"}, options: func(o *setup) {
				if filtered {
					o.Excluded = func(path string, _ bool) bool { return path == "nothing" }
				}
			}})
			must(t, b.Pause(t.Context(), true))
			must(t, os.RemoveAll(b.src+"/d"))
			must(t, os.RemoveAll(b.src+"/e"))
			put(t, b.src, "d/new", "1")
			put(t, b.src, "e/new", "1")
			first := b.deeper("d")
			b.Mark("d", dirty.Tree|dirty.Gone)
			b.Mark("e", dirty.Tree|dirty.Gone)
			must(t, b.Pause(t.Context(), false))
			b.arrives("d/new", "1")
			b.arrives("d/old", "<none>")
			b.arrives("e/new", "1")
			b.arrives("e/old", "<none>")
			tooDeep := func() bool {
				f := b.dirty.Failing(10)
				s := b.dirty.Stats()
				return len(f) == 1 && disk.TooLong(f[0].Path) && s.Pending+s.InFlight == 1
			}
			testkit.Eventually(t, patient, "the part too deep alone is left", tooDeep)
			failing := b.dirty.Failing(1)[0]
			if n := b.named(failing.Path); n != 1 {
				t.Errorf("named %d times", n)
			}
			if st, err := os.Lstat(filepath.Join(b.dst, first, filepath.Base(first))); err != nil || !st.IsDir() {
				t.Errorf("what is above it has not arrived: %v", err)
			}
			runs := b.ran("")
			must(t, b.RetryNow(t.Context()))
			testkit.Eventually(t, patient, "it has been tried again", func() bool {
				f := b.dirty.Failing(10)
				return len(f) == 1 && f[0].Attempt > failing.Attempt
			})
			if n := b.ran(""); n != runs {
				t.Errorf("%d runs for what no run can carry", n-runs)
			}
			must(t, os.RemoveAll(filepath.Join(b.src, first)))
			b.Mark(failing.Path, dirty.Gone|dirty.Tree)
			b.Mark(first, dirty.Gone|dirty.Tree)
			must(t, b.RetryNow(t.Context()))
			b.idle()
			b.equal()
		})
	}
}

// A full sync, too, names what it cannot carry, and still deletes the rest.
func TestAFullSyncNamesWhatIsTooDeep(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{there: []string{"d/old", "gone"}})
	put(t, b.src, "d/new", "1")
	b.deeper("d")
	done := make(chan fullsync.Result, 1)
	must(t, b.FullSync(t.Context(), fullsync.Request{Mirror: true, Done: func(r fullsync.Result) { done <- r }}))
	select {
	case r := <-done:
		if r.Err != nil || r.Unreadable != 1 {
			t.Errorf("%+v", r)
		}
	case <-time.After(patient):
		t.Fatal("the full sync does not end")
	}
	testkit.Eventually(t, patient, "the part too deep alone is left, by its name", func() bool {
		f := b.dirty.Failing(10)
		s := b.dirty.Stats()
		return len(f) == 1 && disk.TooLong(f[0].Path) && s.Pending+s.InFlight == 1 && b.named(f[0].Path) == 1
	})
	for p, want := range map[string]string{"d/new": "1", "d/old": "<none>", "gone": "<none>"} {
		if got := b.there(p); got != want {
			t.Errorf("%s is %q, want %q", p, got, want)
		}
	}
}

// Of two trees one has an entry that is called like the other: a complaint about
// the entry says nothing of the other tree.
func TestAComplaintIsNotOfWhatHasTheSameEnd(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{there: []string{"da/db/x"}, options: func(o *setup) { o.MayDelete = false }})
	put(t, b.src, "da/db", "1")
	put(t, b.src, "db/f", "1")
	must(t, b.Pause(t.Context(), true))
	b.Mark("da", dirty.Tree|dirty.Gone)
	b.Mark("db", dirty.Tree|dirty.Gone)
	must(t, b.Pause(t.Context(), false))
	b.arrives("db/f", "1")
	testkit.Eventually(t, patient, "da/db alone fails", func() bool {
		f := b.dirty.Failing(10)
		s := b.dirty.Stats()
		return len(f) == 1 && f[0].Path == "da/db" && s.Pending+s.InFlight == 1
	})
	must(t, os.RemoveAll(b.dst+"/da/db"))
	must(t, b.RetryNow(t.Context()))
	b.arrives("da/db", "1")
}

// What a full sync could not send stays dirty, under the name that it has here:
// the receiver names it by its module.
func TestWhatAFullSyncCouldNotSendIsFoundBelowTheModule(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{module: []string{"uid = nobody"}, options: func(o *setup) { o.Way.Target.Name = "m/sub" }})
	must(t, os.MkdirAll(b.dst+"/sub/d", 0o755))
	must(t, os.Chmod(b.dst+"/sub", 0o777))
	must(t, os.Chmod(b.dst+"/sub/d", 0o555))
	put(t, b.src, "d/f", "1")
	put(t, b.src, "g", "1")
	if r := b.fullSync2(fullsync.Request{}); r.Err != nil {
		t.Fatal(r.Err)
	}
	b.arrives("sub/g", "1")
	testkit.Eventually(t, patient, "d/f fails", func() bool {
		f := b.dirty.Failing(10)
		return len(f) == 1 && f[0].Path == "d/f"
	})
	must(t, os.Chmod(b.dst+"/sub/d", 0o777))
	must(t, b.RetryNow(t.Context()))
	b.arrives("sub/d/f", "1")
}

// A full sync of which nobody knows what it has left out is done again.
func TestAnUnclearFullSyncIsRepeated(t *testing.T) {
	t.Parallel()
	once := filepath.Join(t.TempDir(), "once")
	b := newBed(t, with{options: program(scripted(t, `
case " $* " in *' --recursive '*) [ -e `+once+` ] || { touch `+once+`; echo strange >&2; exit 23; };; esac`))})
	put(t, b.src, "d/f", "1")
	if r := b.fullSync(fullsync.Request{}); r.Err != nil {
		t.Fatal(r.Err)
	}
	if _, err := os.Stat(once); err != nil {
		t.Fatal(err)
	}
	if got := b.there("d/f"); got != "1" {
		t.Errorf("d/f is %q", got)
	}
}
