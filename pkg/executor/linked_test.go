package executor

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

// linking gives a lane -H without -u, and the other names of the files below the watch root.
func linking(w with) with {
	w.terms = func(t *transport.Terms) { t.HardLinks, t.Update = true, false }
	w.options = func(o *Options) { o.Names = namesBelow(o.Dir) }
	return w
}

// namesBelow finds the names of files by their inode numbers.
func namesBelow(root string) func(context.Context, map[uint64]bool) []string {
	return func(_ context.Context, inodes map[uint64]bool) (names []string) {
		_ = filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return nil //nolint:nilerr // what is gone has no names
			}
			if info, err := e.Info(); err == nil && inodes[info.Sys().(*syscall.Stat_t).Ino] {
				rel, _ := filepath.Rel(root, file)
				names = append(names, rel)
			}
			return nil
		})
		return names
	}
}

func link(t *testing.T, dir, name, other string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, other)), 0o755))
	must(t, os.Link(filepath.Join(dir, name), filepath.Join(dir, other)))
}

// oneFile waits until the names are those of one file on the remote with that text.
func (b *bed) oneFile(text string, names ...string) {
	b.Helper()
	for _, name := range names {
		b.until(fmt.Sprintf("%q are one file with %q", names, text), func() bool {
			first, err1 := os.Lstat(filepath.Join(b.dst, names[0]))
			other, err2 := os.Lstat(filepath.Join(b.dst, name))
			return err1 == nil && err2 == nil && os.SameFile(first, other) && b.there(name) == text
		})
	}
}

// threeNames gives the file a two more names, b and c, here and on the remote.
func (b *bed) threeNames() {
	b.Helper()
	for _, name := range []string{"b", "c"} {
		link(b.T, b.src, "a", name)
		link(b.T, b.dst, "a", name)
	}
}

// goes has a removed here while the first batch that also has b is being sent. The remote leaves out
// b then and does not complain, as rsync does.
func goes(went *atomic.Bool) carried {
	return func(_ context.Context, b *bed, c transport.Call) (transport.Result, bool) {
		if slices.Contains(c.Names, "a") && slices.Contains(c.Names, "b") && went.CompareAndSwap(false, true) {
			must(b.T, os.Remove(b.src+"/a"))
			return transport.Result{Vanished: []string{"a"}}, true
		}
		return transport.Result{}, false
	}
}

// A tree that was sent has the names of files that have others outside of it, whatever else became
// of its run: all names of such a file are sent together afterwards.
func TestTheNamesOutsideOfATreeStayLinked(t *testing.T) {
	race := transport.PathError{Path: "other/f", Changed: true, Errno: syscall.ENOENT, Text: "vanished"}
	bad := transport.PathError{Path: "tree/bad", Remote: true, Errno: syscall.EACCES, Text: "denied"}
	for name, result := range map[string]transport.Result{
		"all of it arrived":         {},
		"another tree has changed":  {Class: transport.Again, Races: []transport.PathError{race}},
		"one place in it is denied": {Class: transport.Partly, Failed: []transport.PathError{bad}},
	} {
		t.Run(name, func(t *testing.T) {
			var told atomic.Bool
			onBed(t, linking(with{files: []string{"f", "tree/bad", "other/f"}, carry: func(ctx context.Context, b *bed, c transport.Call) (transport.Result, bool) {
				r := b.tree.Carry(ctx, c)
				if c.Batch.Kind == transport.Tree && told.CompareAndSwap(false, true) {
					r.Class, r.Races, r.Failed = result.Class, result.Races, result.Failed
				}
				return r, true
			}}), func(t *testing.T, b *bed) {
				b.idle()
				link(t, b.src, "f", "tree/name")
				b.Mark("other", dirty.Tree|dirty.Content)
				b.Mark("tree", dirty.Tree|dirty.Content)
				b.oneFile("old", "f", "tree/name")
				b.idle()
			})
		})
	}
}

// Of many files those that the run took for equal are compared by their contents, and sent in a
// second run. That one has their other names, too.
func TestASecondRunHasTheOtherNames(t *testing.T) {
	files := []string{"f"}
	for i := range 100 {
		files = append(files, fmt.Sprintf("more/%d", i))
	}
	onBed(t, linking(with{files: files}), func(t *testing.T, b *bed) {
		b.idle()
		then := time.Now().Add(-time.Hour).Truncate(time.Second)
		link(t, b.src, "f", "other")
		link(t, b.dst, "f", "other")
		put(t, b.src, "f", "new")
		at(t, b.src+"/f", then)
		at(t, b.dst+"/f", then)
		for _, name := range slices.Concat([]string{"other"}, files[1:]) {
			b.Mark(name, 0)
		}
		b.Mark("f", dirty.Content)
		for _, name := range files[1:] {
			b.Mark(name, dirty.Content)
		}
		b.oneFile("new", "f", "other")
		b.idle()
	})
}

// A run that breaks off may have replaced some names of a file. The others go once more although
// nothing has happened to them, also when the one that the run was for is gone by then.
func TestABrokenRunLeavesNoNameBehind(t *testing.T) {
	var broken atomic.Bool
	onBed(t, linking(with{files: []string{"a"}, carry: func(ctx context.Context, b *bed, c transport.Call) (transport.Result, bool) {
		if slices.Contains(c.Names, "a") && broken.CompareAndSwap(false, true) {
			c.Names = []string{"a", "b"}
			_ = b.tree.Carry(ctx, c)
			return transport.Result{Class: transport.Trouble, Broken: true, Reason: "killed"}, true
		}
		return transport.Result{}, false
	}}), func(t *testing.T, b *bed) {
		b.idle()
		b.threeNames()
		b.write("a", "written")
		b.until("the run is broken", broken.Load)
		b.remove("a")
		b.oneFile("written", "b", "c")
		b.until("a is gone", func() bool { return b.there("a") == "<none>" })
		b.idle()
	})
}

// A file that goes while a list is being sent takes its other names with it: rsync leaves them out
// and does not complain. They go once more.
func TestTheOtherNamesOfAFileThatWentAreSent(t *testing.T) {
	var went atomic.Bool
	onBed(t, linking(with{files: []string{"a"}, carry: goes(&went)}), func(t *testing.T, b *bed) {
		b.idle()
		b.threeNames()
		b.write("b", "written")
		b.until("a has gone", went.Load)
		b.Mark("a", dirty.Gone)
		b.oneFile("written", "b", "c")
		b.idle()
	})
}

// One of two names goes while everything is sent as a list: the other one, which rsync leaves out, is
// the only name by then. It goes once more, and until then the watermark does not pass it.
func TestTheLastNameOfAFileIsSent(t *testing.T) {
	for name, c := range map[string]struct {
		full, breaks bool // breaks: the question after the full sync fails once
	}{"below a tree": {}, "in a full sync": {full: true}, "in a full sync whose question fails": {full: true, breaks: true}} {
		t.Run(name, func(t *testing.T) {
			var went, broken atomic.Bool
			var watermark atomic.Pointer[time.Time]
			w := withFilter(linking(with{epoch: true, files: []string{"tree/a"}, carry: func(_ context.Context, b *bed, call transport.Call) (transport.Result, bool) {
				switch has := slices.Contains(call.Names, "tree/b") && call.Batch.Kind == transport.Send && !call.Batch.Verify; {
				case has && went.CompareAndSwap(false, true):
					must(b.T, os.Remove(b.src+"/tree/a"))
					return transport.Result{Vanished: []string{"tree/a"}}, true
				case has:
					mark := b.Remember(time.Now()).Watermark
					watermark.CompareAndSwap(nil, &mark) // of the first time
				case c.breaks && call.Batch.Kind == transport.Survey && went.Load() && broken.CompareAndSwap(false, true):
					return transport.Result{Class: transport.Trouble, Reason: "of the test"}, true
				}
				return transport.Result{}, false
			}}), excludeLog)
			onBed(t, w, func(t *testing.T, b *bed) {
				b.idle()
				link(t, b.src, "tree/a", "tree/b")
				began := time.Now()
				if c.full {
					b.after(time.Minute)
					b.fullSync(fullsync.Request{})
				} else {
					b.Mark("tree", dirty.Tree)
				}
				b.arrives("tree/b", "old")
				b.idle()
				if at := watermark.Load(); at == nil || at.After(began) {
					t.Errorf("the watermark was at %v, and tree/b is as old as %v", at, began)
				}
				if c.breaks != broken.Load() {
					t.Errorf("the question has failed: %v", broken.Load())
				}
			})
		})
	}
}

// A file that is equal on the remote in size and time although it was written, and whose other name
// went while both were being sent, is compared by its contents in the next run, too.
func TestTheOtherNamesAreSentForTheSameReason(t *testing.T) {
	var went atomic.Bool
	onBed(t, linking(with{files: []string{"a"}, carry: goes(&went)}), func(t *testing.T, b *bed) {
		b.idle()
		b.threeNames()
		put(t, b.src, "b", "new")
		then := time.Now().Add(-time.Hour).Truncate(time.Second)
		at(t, b.src+"/b", then)
		at(t, b.dst+"/b", then)
		b.Mark("b", dirty.Content)
		b.until("a has gone", went.Load)
		b.Mark("a", dirty.Gone)
		b.oneFile("new", "b", "c")
		b.idle()
	})
}

// What is wrong with one name of a file is no doubt about the other files of its run.
func TestAComplaintAboutAnotherNameIsOfItsFile(t *testing.T) {
	var denied, others atomic.Int64
	onBed(t, linking(with{files: []string{"a", "x", "y"}, carry: func(ctx context.Context, b *bed, c transport.Call) (transport.Result, bool) {
		if slices.Contains(c.Names, "x") && !c.Batch.Verify {
			others.Add(1)
		}
		if c.Batch.Kind != transport.Send || !slices.Contains(c.Names, "dir/a") || !slices.Contains(c.Names, "a") {
			return transport.Result{}, false
		}
		denied.Add(1)
		r := b.tree.Carry(ctx, c)
		r.Class, r.Failed = transport.Partly, []transport.PathError{{Path: "dir/a", Remote: true, Errno: syscall.EACCES, Text: "denied"}}
		return r, true
	}}), func(t *testing.T, b *bed) {
		b.idle()
		link(t, b.src, "a", "dir/a")
		for _, name := range []string{"x", "y"} {
			put(t, b.src, name, "new")
		}
		b.stop()
		l := NewLane(b.again())
		for _, name := range []string{"a", "x", "y"} {
			l.Mark(name, dirty.Content)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		defer func() { cancel(); must(t, <-ended) }()
		b.until("dir/a fails, too", func() bool { return denied.Load() > 1 && l.dirty.Stats().InFlight == 0 })
		b.arrives("x", "new")
		b.arrives("y", "new")
		if n := others.Load(); n != 1 {
			t.Errorf("the others went %d times", n)
		}
		failing := l.dirty.Failing(10)
		if len(failing) != 2 || failing[0].Path != "a" || failing[1].Path != "dir/a" {
			t.Errorf("%v fail", failing)
		}
	})
}

// So many files with names outside of a tree that their marks become the tree again do not have it
// sent for ever.
func TestATreeFullOfOtherNamesIsNotSentForEver(t *testing.T) {
	var files []string
	for i := range 20 {
		files = append(files, fmt.Sprintf("sub/others/%d", i))
	}
	w := linking(with{files: files, lane: func(l *Lane) { l.dirty = dirty.New(time.Now(), dirty.Limits{FanOut: 5, Spare: 10}) }})
	onBed(t, w, func(t *testing.T, b *bed) {
		b.idle()
		for i := range 20 {
			link(t, b.src, files[i], fmt.Sprintf("sub/tree/%d", i))
		}
		b.Mark("sub/tree", dirty.Tree)
		b.idle()
		for i := range 20 {
			b.oneFile("old", files[i], fmt.Sprintf("sub/tree/%d", i))
		}
	})
}

// A file goes once more only where one of its names may be missing on the remote: not if all its names
// were in the run, or if the others are outside of the watch root.
func TestWhichFilesGoOnceMore(t *testing.T) {
	outside := t.TempDir()
	var calls atomic.Int64
	onBed(t, linking(with{carry: func(ctx context.Context, b *bed, c transport.Call) (transport.Result, bool) {
		if c.Batch.Verify || c.Batch.Kind != transport.Send && c.Batch.Kind != transport.Tree {
			return transport.Result{}, false
		}
		calls.Add(1)
		r := b.tree.Carry(ctx, c)
		if slices.Contains(c.Names, "bad") {
			r.Class, r.Failed = transport.Partly, []transport.PathError{{Path: "bad", Remote: true, Errno: syscall.EACCES, Text: "denied"}}
		}
		return r, true
	}}), func(t *testing.T, b *bed) {
		for name, c := range map[string]struct {
			make func()
			mark string
			f    dirty.Flags
			runs int64
		}{
			"all below the tree":          {func() { put(t, b.src, "inside/a", "new"); link(t, b.src, "inside/a", "inside/b") }, "inside", dirty.Tree, 1},
			"outside of the watch root":   {func() { put(t, b.src, "out/a", "new"); must(t, os.Link(b.src+"/out/a", outside+"/a")) }, "out", dirty.Tree, 1},
			"outside of the tree":         {func() { put(t, b.src, "two/a", "new"); link(t, b.src, "two/a", "other/a") }, "two", dirty.Tree, 2},
			"with a file that has failed": {func() { put(t, b.src, "bad", "new"); link(t, b.src, "bad", "worse") }, "bad", 0, 2},
		} {
			b.idle()
			c.make()
			before := calls.Load()
			b.Mark(c.mark, c.f)
			b.until("it has been sent", func() bool { s := b.dirty.Stats(); return calls.Load() > before && s.Pending-s.Delayed+s.InFlight == 0 })
			if n := calls.Load() - before; n != c.runs {
				t.Errorf("%s: %d runs, want %d", name, n, c.runs)
			}
			for _, it := range b.dirty.Failing(10) {
				must(t, os.Remove(b.src+"/"+it.Path))
				b.Mark(it.Path, dirty.Gone)
			}
		}
	})
}
