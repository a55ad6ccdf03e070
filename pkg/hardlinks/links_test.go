package hardlinks

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/inotify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var shipped = confxml.Switches{Delete: true, CreateFolder: true, CloseWrite: true, MoveFrom: true, MoveTo: true}

// tree is a directory with its Links; d/a and b in it are two names of one file.
type tree struct {
	t     *testing.T
	dir   string
	links *Links
	marks chan string
	stop  func()
}

func newTree(t *testing.T, sw confxml.Switches) *tree {
	t.Helper()
	r := &tree{t: t, dir: t.TempDir(), marks: make(chan string, 100)}
	r.do(os.Mkdir(r.path("d"), 0o700))
	r.write("d/a", "old")
	r.do(os.Link(r.path("d/a"), r.path("b")))
	r.links = r.make(sw)
	r.run()
	t.Cleanup(func() {
		r.stop()
		r.links.Close()
	})
	return r
}

func (r *tree) make(sw confxml.Switches) *Links {
	return New(Options{
		Root: func() *fstree.Root {
			root, err := fstree.Open(r.dir)
			if err != nil {
				return nil
			}
			return root
		},
		Mark:     func(path string, f dirty.Flags) { r.marks <- fmt.Sprint(path, " ", f == dirty.Content) },
		Skip:     func(path string, _ bool) bool { return filterqueue.TempName(filepath.Base(path)) },
		Switches: sw,
		Files:    func(modify bool) (fsevent.Files, error) { return inotify.NewFiles(modify) },
	})
}

func (r *tree) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	links := r.links
	wg.Go(func() {
		if err := links.Run(ctx); err != nil {
			r.t.Error(err)
		}
	})
	r.stop = func() { cancel(); wg.Wait() }
}

func (r *tree) path(name string) string { return filepath.Join(r.dir, name) }

func (r *tree) do(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *tree) write(name, text string) {
	r.t.Helper()
	r.do(os.WriteFile(r.path(name), []byte(text), 0o600))
}

func (r *tree) id(name string) fsevent.FileID {
	r.t.Helper()
	var st unix.Stat_t
	r.do(unix.Lstat(r.path(name), &st))
	return idOf(&st)
}

func (r *tree) until(what string, cond func() bool) {
	r.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("never came: %s", what)
		}
	}
}

func (r *tree) known() int {
	r.links.mu.Lock()
	defer r.links.mu.Unlock()
	return len(r.links.known)
}

// atRest waits until nothing is left to be learnt or found.
func (r *tree) atRest() {
	r.t.Helper()
	r.until("rest", func() bool {
		r.links.mu.Lock()
		defer r.links.mu.Unlock()
		return len(r.links.places)+len(r.links.wanted) == 0 && r.links.learning.IsZero() && r.links.finding.IsZero()
	})
}

// learn has the tree looked at, as after a start, and waits until that is done.
func (r *tree) learn() {
	r.t.Helper()
	r.links.Arrived("", time.Now().Add(time.Minute)) // everything that was written so far is older than this and is not marked
	r.until("the file is watched", func() bool { return r.known() == 1 })
	r.atRest()
}

// want waits for a mark.
func (r *tree) want(mark string) {
	r.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case got := <-r.marks:
			if got == mark {
				return
			}
		case <-deadline:
			r.t.Fatalf("never marked: %s", mark)
		}
	}
}

// TestOtherNameIsMarked: a file is written through one of its names. Whatever becomes of that name,
// and when, the other name is marked.
func TestOtherNameIsMarked(t *testing.T) {
	goes := map[string]func(r *tree) error{
		"stays":    func(*tree) error { return nil },
		"removed":  func(r *tree) error { return os.Remove(r.path("d/a")) },
		"replaced": func(r *tree) error { r.write("t", "other"); return os.Rename(r.path("t"), r.path("d/a")) },
		"moved away": func(r *tree) error {
			return os.Rename(r.path("d/a"), filepath.Join(r.t.TempDir(), "a"))
		},
		"its directory removed": func(r *tree) error { return os.RemoveAll(r.path("d")) },
	}
	for name, drop := range goes {
		for _, closed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/closed before %v", name, closed), func(t *testing.T) {
				t.Parallel()
				r := newTree(t, shipped)
				r.learn()
				f, err := os.OpenFile(r.path("d/a"), os.O_WRONLY|os.O_APPEND, 0)
				r.do(err)
				if !closed {
					r.do(drop(r))
					r.atRest() // marks that the removal itself causes are not the subject of this test
				}
				_, err = f.WriteString(" and new")
				r.do(err)
				r.do(f.Close())
				if closed {
					r.do(drop(r))
				}
				r.want("b true")
			})
		}
	}
}

// TestNewsOfSeveralNames: there are several ways to learn of a file with several names. After each
// of them the file is watched, and what was written before is marked.
func TestNewsOfSeveralNames(t *testing.T) {
	long := time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		news func(r *tree)
		mark string // "": only writes from now on are marked
	}{
		"a look":                   {func(r *tree) { r.links.Met("b", r.id("b"), time.Now(), true) }, "d/a false"},
		"a look at other news":     {func(r *tree) { r.links.Met("b", r.id("b"), time.Now().Add(time.Minute), false) }, ""},
		"a name without events":    {func(r *tree) { r.links.Dropped("b", true) }, "d/a false"},
		"a directory, new content": {func(r *tree) { r.links.Arrived("d", long) }, "b false"},
		"a directory, old content": {func(r *tree) { r.links.Arrived("d", time.Now().Add(time.Minute)) }, ""},
		"the tree, new content":    {func(r *tree) { r.links.Arrived("", long) }, "b false"},
		"a directory in a directory": {func(r *tree) {
			r.links.Arrived("d", long)
			r.links.Arrived("", long)
		}, "b false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTree(t, shipped)
			c.news(r)
			if c.mark != "" {
				r.want(c.mark)
			}
			r.until("the file is watched", func() bool { return r.known() == 1 })
			r.atRest()
			for len(r.marks) > 0 {
				if got := <-r.marks; c.mark == "" {
					t.Errorf("marked %s, and nothing was written", got)
				}
			}
			r.write("b", "new")
			r.want("d/a true")
		})
	}
}

// TestFilesOfOneNameCostNothing: a file with one name is not watched. A file that has lost its
// other name is not watched any more, unless a program still writes to it through that name.
func TestFilesOfOneNameCostNothing(t *testing.T) {
	for name, other := range map[string]func(r *tree) string{
		"the name it was met by": func(r *tree) string { return r.links.known[r.id("b")].path },
		"the other name": func(r *tree) string {
			if r.links.known[r.id("b")].path == "b" {
				return "d/a"
			}
			return "b"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTree(t, shipped)
			r.write("single", "x")
			r.learn()
			r.links.mu.Lock()
			gone := other(r)
			r.links.mu.Unlock()
			f, err := os.OpenFile(r.path(gone), os.O_WRONLY|os.O_APPEND, 0)
			r.do(err)
			r.do(os.Remove(r.path(gone)))
			r.until("the loss of the name is seen", func() bool {
				r.links.mu.Lock()
				defer r.links.mu.Unlock()
				for _, e := range r.links.known {
					return e.path != gone
				}
				return true
			})
			r.atRest()
			if n := r.known(); n != 1 {
				t.Fatalf("%d files are watched while the one that lost a name is written", n)
			}
			r.do(f.Close())
			r.until("the file of one name is forgotten", func() bool { return r.known() == 0 })
		})
	}
}

// TestSwitchesDecide: a change that the switches ignore is not marked.
func TestSwitchesDecide(t *testing.T) {
	attrib, modify := shipped, shipped
	attrib.Attrib, modify.Modify = true, true
	for name, c := range map[string]struct {
		sw   confxml.Switches
		do   func(r *tree) error
		mark string
	}{
		"chmod":            {attrib, func(r *tree) error { return os.Chmod(r.path("b"), 0o640) }, "d/a false"},
		"chmod, off":       {shipped, func(r *tree) error { return os.Chmod(r.path("b"), 0o640) }, ""},
		"truncate":         {modify, func(r *tree) error { return os.Truncate(r.path("b"), 1) }, "d/a true"},
		"truncate, off":    {shipped, func(r *tree) error { return os.Truncate(r.path("b"), 1) }, ""},
		"a name of no one": {shipped, func(r *tree) error { return os.Rename(r.path("d/a"), r.path("d/.a")) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTree(t, c.sw)
			r.learn()
			r.do(c.do(r))
			if c.mark == "" { // any mark of that change would come before that of this write
				r.write("b", "end")
				if got := <-r.marks; got != "b true" && got != "d/a true" {
					t.Errorf("marked %s", got)
				}
				return
			}
			r.want(c.mark)
		})
	}
}

// TestInheritedWatches: no write is lost when the configuration is reloaded.
func TestInheritedWatches(t *testing.T) {
	for name, modify := range map[string]bool{"same events": false, "other events": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTree(t, shipped)
			r.learn()
			r.stop()
			old := r.links
			sw := shipped
			sw.Modify = modify
			r.links = r.make(sw)
			since := time.Now()
			old.Met("nowhere", fsevent.FileID{Ino: 42}, since, true)
			r.write("b", "while nobody reads")
			r.links.Inherit(old)
			old.Close()
			if got := r.links.Oldest(); got.IsZero() || got.After(since) {
				t.Error("the names that were being looked for are forgotten")
			}
			r.run()
			if !modify {
				r.want("d/a true")
			}
			r.until("watched", func() bool { return r.known() == 1 })
			r.atRest()
			r.write("b", "new")
			r.want("d/a true")
		})
	}
}

// TestLostEvents: after lost events every watched file may have changed, and is marked.
func TestLostEvents(t *testing.T) {
	r := newTree(t, shipped)
	r.learn()
	r.links.event(fsevent.FileEvent{})
	r.want("b false")
}

// TestInterruptedLook: a look that a stop has interrupted is still to be done.
func TestInterruptedLook(t *testing.T) {
	r := newTree(t, shipped)
	r.stop()
	since := time.Now().Add(-time.Minute)
	r.links.Met("b", r.id("b"), since, true)
	ended, end := context.WithCancel(t.Context())
	end()
	r.links.learn(ended)
	r.links.find(ended, time.Now())
	if got := r.links.Oldest(); !got.Equal(since) {
		t.Errorf("a watermark may pass to %v, and the names have not been looked for", got)
	}
	r.links.learn(t.Context())
	r.links.find(t.Context(), time.Now())
	if got := r.links.Oldest(); !got.IsZero() {
		t.Errorf("%v still waits", got)
	}
	r.want("d/a false")
}

// TestPlacesAreBounded: too many places to be looked at become one look at the whole tree.
func TestPlacesAreBounded(t *testing.T) {
	r := newTree(t, shipped)
	r.stop()
	since := time.Now().Add(-time.Minute)
	r.links.Arrived("first", since)
	for i := range mostPlaces {
		r.links.Dropped(fmt.Sprint(i), false)
	}
	if n := len(r.links.places); n != 1 || !r.links.places[""].tree || !r.links.Oldest().Equal(since) {
		t.Errorf("%d places wait, the tree %+v", n, r.links.places[""])
	}
}
