package executor

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

// Two directories change places (RENAME_EXCHANGE), and their files have the same size and time. The
// contents have to follow, even if the brake or a setting holds back deletions.
func TestWhatWasReplacedIsComparedByNothing(t *testing.T) {
	for name, option := range map[string]func(*Options){
		"plain":             func(*Options) {},
		"with a filter":     func(o *Options) { o.Excluded = excludeLog },
		"without delete":    func(o *Options) { o.MayDelete = false },
		"held by the brake": func(o *Options) { o.Held = func(string, bool) string { return "held" } },
	} {
		t.Run(name, func(t *testing.T) {
			onBed(t, with{files: []string{"a/f", "b/f"}, options: option}, func(t *testing.T, b *bed) {
				put(t, b.src, "a/f", "one")
				put(t, b.src, "b/f", "two")
				same, err := os.Stat(b.src + "/a/f")
				must(t, err)
				must(t, os.Chtimes(b.src+"/b/f", same.ModTime(), same.ModTime()))
				b.Mark("a/f", dirty.Content)
				b.Mark("b/f", dirty.Content)
				b.arrives("b/f", "two")
				b.arrives("a/f", "one")
				must(t, os.Rename(b.src+"/a", b.src+"/c"))
				must(t, os.Rename(b.src+"/b", b.src+"/a"))
				must(t, os.Rename(b.src+"/c", b.src+"/b"))
				b.Mark("a", dirty.Gone|dirty.Tree)
				b.Mark("b", dirty.Gone|dirty.Tree)
				b.arrives("a/f", "two")
				b.arrives("b/f", "one")
			})
		})
	}
}

// A survey that ends in an error without naming a path has given no answer: the target is asked
// again.
func TestAnUnclearAnswerIsNone(t *testing.T) {
	var asked atomic.Int64
	onBed(t, with{files: []string{"d/x", "keep"}, options: func(o *Options) { o.Excluded = excludeLog },
		carry: func(_ context.Context, _ *bed, c transport.Call) (transport.Result, bool) {
			return unclear, c.Batch.Kind == transport.SurveyGone && asked.Add(1) <= 2
		}}, func(t *testing.T, b *bed) {
		must(t, os.RemoveAll(b.src+"/d"))
		b.Mark("d", dirty.Gone|dirty.Tree)
		b.equal()
		if n := asked.Load(); n != 3 {
			t.Errorf("asked %d times, want 3", n)
		}
	})
}

// An expression for directories does not exclude a file of that name. When the file is gone here it
// is deleted on the target, whatever was here in between; a directory of that name stays.
func TestAnExpressionAboutDirectoriesKeepsNoFile(t *testing.T) {
	skip := func(path string, dir bool) bool { return dir && path == "skip" || strings.HasPrefix(path, "skip/") }
	for _, flags := range []dirty.Flags{dirty.Gone, dirty.Gone | dirty.Tree} {
		onBed(t, with{files: []string{"keep"}, there: []string{"skip"}, options: func(o *Options) { o.Excluded = skip }}, func(_ *testing.T, b *bed) {
			b.Mark("skip", flags)
			b.arrives("skip", "<none>")
			b.idle()
		})
		onBed(t, with{files: []string{"keep"}, there: []string{"skip/there"}, options: func(o *Options) { o.Excluded = skip }}, func(t *testing.T, b *bed) {
			b.Mark("skip", flags)
			b.idle()
			if b.there("skip/there") != "there" {
				t.Error("the filter's directory was deleted")
			}
		})
	}
}

// An entry whose name looks like a receiver's temporary file is kept while a transfer could be
// under way, and no longer.
func TestANameLikeAReceiversTemporaryFile(t *testing.T) {
	onBed(t, with{files: []string{"d/keep"}, there: []string{"d/.data.sqlite", "d/.plain"}, options: func(o *Options) { o.Mirrored, o.MirrorScope = true, Scope{} }}, func(t *testing.T, b *bed) {
		b.Mark("d", dirty.Extras)
		b.arrives("d/.plain", "<none>")
		b.arrives("d/.data.sqlite", "<none>")
	})
}

// However long the remote's answer is, the lane holds only a bounded part of it at a time.
func TestALongAnswerIsTakenInParts(t *testing.T) {
	var there []string
	for i := range 100 {
		there = append(there, fmt.Sprint("d/", i), fmt.Sprint("gone/", i))
	}
	onBed(t, with{files: []string{"d/keep"}, there: there, options: func(o *Options) {
		o.Mirrored, o.MirrorScope, o.MostExtras, o.Excluded = true, Scope{}, 30, excludeLog
	}}, func(t *testing.T, b *bed) {
		b.Mark("d", dirty.Extras)
		b.Mark("gone", dirty.Gone|dirty.Tree)
		b.idle()
		for _, p := range there {
			if b.there(p) != "<none>" {
				t.Fatalf("%s is there", p)
			}
		}
		for _, p := range there {
			put(t, b.dst, "more/"+p, "there")
		}
		must(t, b.FullSync(t.Context(), fullsync.Request{Mirror: true}))
		b.arrives("more", "<none>")
		for _, p := range there {
			b.arrives("more/"+p, "<none>")
		}
	})
}

// When a tree is searched for files that -u may have held back, excluded files are not among them.
func TestNothingExcludedIsSentAgain(t *testing.T) {
	onBed(t, with{files: []string{"d/x.log", "d/f"}, options: func(o *Options) { o.Excluded = excludeLog }}, func(t *testing.T, b *bed) {
		old := time.Now().Add(-time.Hour)
		for _, name := range []string{"d/x.log", "d/f"} {
			put(t, b.src, name, "new")
			must(t, os.Chtimes(b.src+"/"+name, old, old))
		}
		b.Mark("d", dirty.Tree|dirty.Content)
		b.arrives("d/f", "new")
		b.idle()
		if got := b.there("d/x.log"); got != "old" {
			t.Errorf("d/x.log is %q", got)
		}
	})
}
