package lanes

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

// deeper makes a chain of directories below dir that is longer than a path can be, and returns the
// path of the chain's first part.
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

// A path that is too long for rsync fails by its own name, without runs that can only fail. It does
// not keep other paths from arriving, nor the deletions beside it, which rsync holds back when it
// cannot read everything.
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
				f := b.failing()
				s := b.stats()
				return len(f) == 1 && disk.TooLong(f[0].Path) && s.Pending+s.InFlight == 1
			}
			testkit.Eventually(t, patient, "the part too deep alone is left", tooDeep)
			failing := b.failing()[0]
			if n := b.named(failing.Path); n != 1 {
				t.Errorf("named %d times", n)
			}
			if st, err := os.Lstat(filepath.Join(b.dst, first, filepath.Base(first))); err != nil || !st.IsDir() {
				t.Errorf("what is above it has not arrived: %v", err)
			}
			runs := b.ran("")
			must(t, b.RetryNow(t.Context()))
			testkit.Eventually(t, patient, "it has been tried again", func() bool {
				f := b.failing()
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

// A full sync also names the paths that it cannot carry, and still deletes the others.
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
		f := b.failing()
		s := b.stats()
		return len(f) == 1 && disk.TooLong(f[0].Path) && s.Pending+s.InFlight == 1 && b.named(f[0].Path) == 1
	})
	for p, want := range map[string]string{"d/new": "1", "d/old": "<none>", "gone": "<none>"} {
		if got := b.there(p); got != want {
			t.Errorf("%s is %q, want %q", p, got, want)
		}
	}
}

// Two trees are in one run, and one of them has an entry with the name of the other tree: a
// complaint about that entry says nothing about the other tree.
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
		f := b.failing()
		s := b.stats()
		return len(f) == 1 && f[0].Path == "da/db" && s.Pending+s.InFlight == 1
	})
	must(t, os.RemoveAll(b.dst+"/da/db"))
	must(t, b.RetryNow(t.Context()))
	b.arrives("da/db", "1")
}

// A path that a full sync could not send stays dirty under the name that it has here, although the
// receiver names it by its path in the module.
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
		f := b.failing()
		return len(f) == 1 && f[0].Path == "d/f"
	})
	must(t, os.Chmod(b.dst+"/sub/d", 0o777))
	must(t, b.RetryNow(t.Context()))
	b.arrives("sub/d/f", "1")
}
