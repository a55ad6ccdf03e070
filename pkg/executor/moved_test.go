package executor

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

// large is a content that is worth moving instead of sending.
var large = strings.Repeat("0123456789abcdef", 1<<17)

// mover is a bed whose lane knows what the remote has, and whose remote can link moved files.
func mover(carry carried) with {
	return with{
		terms: func(t *transport.Terms) { t.Reuses = func(_, at string) bool { return !strings.Contains(at, "*") } },
		carry: carry,
		lane:  func(l *Lane) { l.Complete() },
	}
}

// has writes a file on both sides, with the same time.
func (b *bed) has(name, text string) {
	b.Helper()
	at := time.Now().Add(-time.Hour)
	for _, dir := range []string{b.src, b.dst} {
		put(b, dir, name, text)
		must(b, os.Chtimes(filepath.Join(dir, name), at, at))
	}
}

// mv renames an entry and marks the move as a watcher does.
func (b *bed) mv(from, to string, f dirty.Flags) {
	b.Helper()
	must(b, os.MkdirAll(filepath.Dir(b.src+"/"+to), 0o755))
	must(b, os.Rename(b.src+"/"+from, b.src+"/"+to))
	b.Mark(from, f|dirty.Gone)
	b.MarkMoved(to, from, f|dirty.Content)
}

// shares tells whether two names on the remote belong to one file.
func (b *bed) shares(a, c string) bool {
	x, err := os.Stat(filepath.Join(b.dst, a))
	y, err2 := os.Stat(filepath.Join(b.dst, c))
	return err == nil && err2 == nil && os.SameFile(x, y)
}

// inode identifies the file that the remote has under a name.
func (b *bed) inode(name string) os.FileInfo {
	b.Helper()
	info, err := os.Stat(filepath.Join(b.dst, name))
	must(b, err)
	return info
}

func TestWhatWasMovedIsNotSentAgain(t *testing.T) {
	for name, c := range map[string]struct {
		before, from, to string
		flags            dirty.Flags
		file             string // the file that the remote links, below from; empty: from itself
		change           func(b *bed)
		sent             bool
	}{
		"a directory":                 {before: "old/f", from: "old", to: "new", flags: dirty.Tree, file: "/f"},
		"into another directory":      {before: "p/old/f", from: "p/old", to: "q/r/old", flags: dirty.Tree, file: "/f"},
		"a file":                      {before: "p/f", from: "p/f", to: "q/f"},
		"a name that cannot be given": {before: "old/f", from: "old", to: "new*", flags: dirty.Tree, file: "/f", sent: true},
		"a file, renamed and moved":   {before: "p/f", from: "p/f", to: "q/g", sent: true},
		"written to since": {before: "old/f", from: "old", to: "new", flags: dirty.Tree, file: "/f", sent: true, change: func(b *bed) {
			put(b, b.src, "new/f", large+"more")
			b.Mark("new/f", dirty.Content)
		}},
		// Two versions have the same size and time: their contents are compared.
		"written to since, at the same time": {before: "old/f", from: "old", to: "new", flags: dirty.Tree, file: "/f", sent: true, change: func(b *bed) {
			at := b.inode("old/f").ModTime()
			put(b, b.src, "new/f", strings.ToUpper(large))
			must(b, os.Chtimes(b.src+"/new/f", at, at))
			b.Mark("new/f", dirty.Content)
		}},
	} {
		test := func(w with) func(*testing.T) {
			return func(t *testing.T) {
				onBed(t, w, func(t *testing.T, b *bed) {
					b.has(c.before, large)
					was := b.inode(c.before)
					b.mv(c.from, c.to, c.flags)
					if c.change != nil {
						c.change(b)
					}
					b.idle()
					if same := os.SameFile(was, b.inode(c.to+c.file)); same == c.sent {
						t.Errorf("%s is the file that was there: %v", c.to+c.file, same)
					}
					if here, err := os.Stat(b.src + "/" + c.to); err != nil || !here.ModTime().Equal(b.inode(c.to).ModTime()) {
						t.Errorf("%s has another time than here: %v", c.to, err)
					}
					b.equal()
					if moves := b.Remember(time.Now()).Moved; len(moves) > 0 {
						t.Errorf("still taken for sharing files: %v", moves)
					}
				})
			}
		}
		for how, change := range ways {
			t.Run(name+how, test(change(mover(nil))))
		}
	}
}

// withFilter adds a filter to a bed.
func withFilter(w with, excluded func(path string, dir bool) bool) with {
	before := w.options
	w.options = func(o *Options) {
		if before != nil {
			before(o)
		}
		o.Excluded = excluded
	}
	return w
}

// ways are beds without and with a filter.
var ways = map[string]func(with) with{
	"":                func(w with) with { return w },
	", with a filter": func(w with) with { return withFilter(w, excludeLog) },
}

// excluding excludes paths and all that is in them.
func excluding(paths ...string) func(path string, dir bool) bool {
	return func(path string, _ bool) bool {
		return slices.ContainsFunc(paths, func(out string) bool { return path == out || disk.Inside(path, out) })
	}
}

// What a filter excludes at the new place is neither linked nor sent, and what it excludes at the
// old place stays there. What was excluded and is so no longer is sent: the remote's own file at the
// old place may look the same.
func TestAMoveKeepsToTheFilter(t *testing.T) {
	w := withFilter(mover(nil), excluding("old/own", "old/top", "old/deep/theirs", "new/own", "new/out", "new/deep/out"))
	onBed(t, w, func(t *testing.T, b *bed) {
		same := []string{"old/f", "old/deep/f", "old/empty/"}
		for _, name := range append(same, "old/out", "old/deep/out/f", "old/top", "old/deep/theirs/f") {
			b.has(name, large)
		}
		put(t, b.src, "old/own", "ours, not mirrored")
		put(t, b.dst, "old/own", "theirs")
		theirs := strings.ToUpper(large)
		for _, name := range []string{"old/top", "old/deep/theirs/f"} {
			at := b.inode(name).ModTime()
			put(t, b.dst, name, theirs)
			must(t, os.Chtimes(b.dst+"/"+name, at, at))
		}
		was, deep := b.inode("old/f"), b.inode("old/deep/f")
		b.after(time.Minute) // no event may have been about these files
		b.mv("old", "new", dirty.Tree)
		b.idle()
		if !os.SameFile(was, b.inode("new/f")) || !os.SameFile(deep, b.inode("new/deep/f")) {
			t.Error("what was moved was sent")
		}
		for name, want := range map[string]string{
			"new/top": large, "new/deep/theirs/f": large, "new/empty": "<no file>",
			"new/own": "<none>", "new/out": "<none>", "new/deep/out": "<none>",
			"old/top": theirs, "old/deep/theirs/f": theirs, "old/own": "theirs",
			"old/f": "<none>", "old/deep/f": "<none>", "old/out": "<none>", "old/deep/out": "<none>", "old/empty": "<none>",
		} {
			if got := b.there(name); got != want {
				t.Errorf("%s is %.20q, want %.20q", name, got, want)
			}
		}
		if moves := b.Remember(time.Now()).Moved; len(moves) > 0 {
			t.Errorf("still taken for sharing files: %v", moves)
		}
	})
}

// With a filter, too, a directory that holds little is simply sent.
func TestAMoveOfLittleIsSent(t *testing.T) {
	onBed(t, withFilter(mover(nil), excludeLog), func(t *testing.T, b *bed) {
		b.has("old/f", "little")
		b.has("old/x.log", large)
		was := b.inode("old/f")
		b.mv("old", "new", dirty.Tree)
		b.idle()
		if os.SameFile(was, b.inode("new/f")) {
			t.Error("a few bytes were linked")
		}
		if b.there("new/f") != "little" || b.there("new/x.log") != "<none>" || b.there("old/f") != "<none>" {
			t.Errorf("new/f %q, new/x.log %.10q, old/f %q", b.there("new/f"), b.there("new/x.log"), b.there("old/f"))
		}
	})
}

// An entry comes back to the old place before the old place was deleted on the remote. Its files
// there are still linked with those of the new place, so the new place is sent again.
func TestWhatComesBackSharesNothing(t *testing.T) {
	for how, change := range ways {
		t.Run("back"+how, func(t *testing.T) { comesBack(t, change) })
	}
}

func comesBack(t *testing.T, change func(with) with) {
	var back atomic.Bool
	onBed(t, change(mover(func(_ context.Context, b *bed, c transport.Call) (r transport.Result, ok bool) {
		if c.Batch.Linked && back.CompareAndSwap(false, true) {
			at := b.inode("old/f").ModTime()
			put(b, b.src, "old/f", large) // equal in size, time and content
			must(b, os.Chtimes(b.src+"/old/f", at, at))
			b.Mark("old", dirty.Tree)
		}
		return r, false
	})), func(t *testing.T, b *bed) {
		b.has("old/f", large)
		b.mv("old", "new", dirty.Tree)
		b.idle()
		if !back.Load() || b.shares("old/f", "new/f") {
			t.Errorf("linked: %v; they share a file", back.Load())
		}
		b.equal()
		if moves := b.Remember(time.Now()).Moved; len(moves) > 0 {
			t.Errorf("still taken for sharing files: %v", moves)
		}
	})
}

// The process ends between the link and the deletion. The next process deletes the old place, or
// makes sure that no file there is linked with the new place.
func TestMovesOutliveTheProcess(t *testing.T) {
	for name, c := range map[string]struct{ back, filter bool }{
		"deleted": {}, "something stands there": {back: true},
		"deleted, with a filter": {filter: true}, "something stands there, with a filter": {back: true, filter: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := mover(nil)
			w.files = []string{"new/f"}
			w.there = []string{"old/f"}
			if c.back {
				w.files, w.there = append(w.files, "old/f"), nil
			}
			w.options = func(o *Options) { o.Moved = []Moved{{From: "old", To: "new"}} }
			if c.filter {
				w = withFilter(w, excludeLog)
				w.there = append(w.there, "old/theirs.log")
			}
			var linked atomic.Bool
			w.carry = func(_ context.Context, b *bed, c transport.Call) (r transport.Result, ok bool) {
				if linked.CompareAndSwap(false, true) {
					must(b, os.Remove(b.dst+"/old/f"))
					must(b, os.Link(b.dst+"/new/f", b.dst+"/old/f"))
				}
				return r, false
			}
			onBed(t, w, func(t *testing.T, b *bed) {
				b.idle()
				if c.filter {
					if b.there("old/theirs.log") != "there" {
						t.Error("what the filter excludes was deleted")
					}
					must(t, os.Remove(b.dst+"/old/theirs.log"))
					if !c.back {
						must(t, os.Remove(b.dst+"/old"))
					}
				}
				b.equal()
				if b.shares("old/f", "new/f") {
					t.Error("both places share a file")
				}
				if moves := b.Remember(time.Now()).Moved; len(moves) > 0 {
					t.Errorf("still taken for sharing files: %v", moves)
				}
			})
		})
	}
}

// The remote refuses an option that a move needs, or the run breaks off: everything arrives as if
// nothing had been moved.
func TestMovesFallBack(t *testing.T) {
	for name, result := range map[string]transport.Result{
		"refused":    {Class: transport.Refused, Missing: transport.MissingElsewhere},
		"in part":    {Class: transport.Partly, Unclear: true, Reason: "of the test"},
		"races":      {Class: transport.Again},
		"trouble":    {Class: transport.Trouble, Reason: "of the test"},
		"broken off": {Class: transport.Trouble, Broken: true, Reason: "of the test"},
		"no space":   {Class: transport.NoSpace, Reason: "of the test"},
	} {
		test := func(t *testing.T, change func(with) with) {
			var times atomic.Int64
			onBed(t, change(mover(func(_ context.Context, _ *bed, c transport.Call) (r transport.Result, ok bool) {
				if c.Batch.Linked {
					times.Add(1)
					return result, true // every time
				}
				return r, false
			})), func(t *testing.T, b *bed) {
				b.has("old/f", large)
				b.has("p/g", large)
				b.mv("old", "new", dirty.Tree)
				b.mv("p/g", "q/g", 0)
				b.idle()
				if times.Load() == 0 {
					t.Error("no run was to make use of the old place")
				}
				b.equal()
			})
		}
		for how, change := range ways {
			t.Run(name+how, func(t *testing.T) { test(t, change) })
		}
	}
}

// Where the lane does not know what the remote has, or may delete nothing there, moved files are
// sent.
func TestWhenNothingIsKnownMovesAreSent(t *testing.T) {
	for name, change := range map[string]func(*with){
		"not complete":           func(w *with) { w.lane = nil },
		"no deletions":           func(w *with) { w.options = func(o *Options) { o.MayDelete = false } },
		"from an excluded place": func(w *with) { *w = withFilter(*w, excluding("old")) },
		"a peer":                 func(w *with) { w.options = func(o *Options) { o.Peer = true } },
		"no such terms":          func(w *with) { w.terms = nil },
	} {
		t.Run(name, func(t *testing.T) {
			var used atomic.Bool
			w := mover(func(_ context.Context, _ *bed, c transport.Call) (r transport.Result, ok bool) {
				if c.Batch.Linked || c.Batch.Similar {
					used.Store(true)
				}
				return r, false
			})
			change(&w)
			onBed(t, w, func(t *testing.T, b *bed) {
				b.has("old/f", large)
				b.mv("old", "new", dirty.Tree)
				b.idle()
				if used.Load() {
					t.Error("a run made use of the old place")
				}
			})
		})
	}
}
