package executor

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

// large is a content that is worth moving instead of sending.
var large = strings.Repeat("0123456789abcdef", 1<<17)

// mover is a bed whose lane knows what the remote has, and whose remote can link moved files.
func mover(carry carried) with {
	return with{
		terms: func(t *transport.Terms) { t.Reuses = func(path string) bool { return !strings.Contains(path, "*") } },
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
		t.Run(name, func(t *testing.T) {
			onBed(t, mover(nil), func(t *testing.T, b *bed) {
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
				b.equal()
				if moves := b.Remember(time.Now()).Moved; len(moves) > 0 {
					t.Errorf("still taken for sharing files: %v", moves)
				}
			})
		})
	}
}

// An entry comes back to the old place before the old place was deleted on the remote. Its files
// there are still linked with those of the new place, so the new place is sent again.
func TestWhatComesBackSharesNothing(t *testing.T) {
	var back atomic.Bool
	onBed(t, mover(func(_ context.Context, b *bed, c transport.Call) (r transport.Result, ok bool) {
		if c.Batch.Linked && back.CompareAndSwap(false, true) {
			at := b.inode("old/f").ModTime()
			put(b, b.src, "old/f", large) // equal in size, time and content
			must(b, os.Chtimes(b.src+"/old/f", at, at))
			b.Mark("old", dirty.Tree)
		}
		return r, false
	}), func(t *testing.T, b *bed) {
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
	for name, back := range map[string]bool{"deleted": false, "something stands there": true} {
		t.Run(name, func(t *testing.T) {
			w := mover(nil)
			w.files = []string{"new/f"}
			w.there = []string{"old/f"}
			if back {
				w.files, w.there = append(w.files, "old/f"), nil
			}
			w.options = func(o *Options) { o.Moved = []Moved{{From: "old", To: "new"}} }
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
		t.Run(name, func(t *testing.T) {
			var times atomic.Int64
			onBed(t, mover(func(_ context.Context, _ *bed, c transport.Call) (r transport.Result, ok bool) {
				if c.Batch.Linked {
					times.Add(1)
					return result, true // every time
				}
				return r, false
			}), func(t *testing.T, b *bed) {
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
		})
	}
}

// Where the lane does not know what the remote has, or may delete nothing there, moved files are
// sent.
func TestWhenNothingIsKnownMovesAreSent(t *testing.T) {
	for name, change := range map[string]func(*with){
		"not complete":  func(w *with) { w.lane = nil },
		"no deletions":  func(w *with) { w.options = func(o *Options) { o.MayDelete = false } },
		"a filter":      func(w *with) { w.options = func(o *Options) { o.Excluded = func(string, bool) bool { return false } } },
		"a peer":        func(w *with) { w.options = func(o *Options) { o.Peer = true } },
		"no such terms": func(w *with) { w.terms = nil },
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
