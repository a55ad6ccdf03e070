package executor

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
)

// Two directories change places (RENAME_EXCHANGE), and what is in them has one
// size and one time: the content has to follow, whatever else holds the run back.
func TestWhatWasReplacedIsComparedByNothing(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]func(*setup){
		"plain":             func(*setup) {},
		"with a filter":     func(o *setup) { o.Excluded = excludeLog },
		"without delete":    func(o *setup) { o.MayDelete = false },
		"held by the brake": func(o *setup) { o.Held = func(string, bool) string { return "held" } },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, with{files: []string{"a/f", "b/f"}, options: option})
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
	}
}

// A question that ends in an error which names nothing has not been answered:
// what the target has is asked for again.
func TestAnUnclearAnswerIsNone(t *testing.T) {
	t.Parallel()
	script := scripted(t, `case " $* " in *" -n "*)
	n=$(cat "$0.n" 2>/dev/null || echo 0)
	echo $((n+1)) > "$0.n"
	if [ "$n" -lt 2 ]; then echo 'rsync: something went wrong' >&2; exit 23; fi;;
esac`)
	b := newBed(t, with{files: []string{"d/x", "keep"}, options: func(o *setup) {
		o.Excluded = excludeLog
		o.Way.Program = script
	}})
	must(t, os.RemoveAll(b.src+"/d"))
	b.Mark("d", dirty.Gone|dirty.Tree)
	b.equal()
	if n, err := os.ReadFile(script + ".n"); err != nil || string(n) != "3\n" {
		t.Errorf("asked %q times (%v), want 3", n, err)
	}
}

// What a killed receiver has left in a directory does not keep it there.
func TestPartialFilesGoWithTheirDirectory(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{
		files:   []string{"d/x", "e/x"},
		there:   []string{"d/.sersync-partial/x", "e/.sersync-partial/x", "e/kept.log"},
		options: func(o *setup) { o.Excluded = excludeLog },
	})
	must(t, os.MkdirAll(b.dst+"/d/empty/.sersync-partial", 0o755))
	must(t, os.Chmod(b.dst+"/d/empty", 0o777))
	must(t, os.Chmod(b.dst+"/d/empty/.sersync-partial", 0o777))
	b.remove("d")
	b.remove("e")
	b.arrives("d", "<none>")
	b.arrives("e/x", "<none>")
	b.idle()
	if b.there("e/kept.log") != "there" {
		t.Error("what the filter keeps was deleted")
	}
}

// An expression about directories lets a file of that name through: when it is
// gone it goes on the target, whatever stood here in between; a directory stays.
func TestAnExpressionAboutDirectoriesKeepsNoFile(t *testing.T) {
	t.Parallel()
	skip := func(path string, dir bool) bool { return dir && path == "skip" || strings.HasPrefix(path, "skip/") }
	for _, flags := range []dirty.Flags{dirty.Gone, dirty.Gone | dirty.Tree} {
		b := newBed(t, with{files: []string{"keep"}, there: []string{"skip"}, options: func(o *setup) { o.Excluded = skip }})
		b.Mark("skip", flags)
		b.arrives("skip", "<none>")
		b.idle()
		b = newBed(t, with{files: []string{"keep"}, there: []string{"skip/there"}, options: func(o *setup) { o.Excluded = skip }})
		b.Mark("skip", flags)
		b.idle()
		if b.there("skip/there") != "there" {
			t.Error("the filter's directory was deleted")
		}
	}
}

// A question that the target cannot answer for want of a right is asked again.
func TestAQuestionTheTargetCannotAnswer(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{
		module: []string{"uid = nobody"}, files: []string{"d/keep", "t/sub/keep"}, there: []string{"d/gone", "t/sub/gone"},
		options: func(o *setup) { o.Mirrored, o.MirrorScope = true, Scope{} },
	})
	for _, dir := range []string{"/d", "/t/sub"} {
		must(t, os.Chmod(b.dst+dir, 0o733))
	}
	b.Mark("d", dirty.Extras)
	b.Mark("t", dirty.Tree|dirty.Extras)
	testkit.Eventually(t, patient, "both fail", func() bool { return len(b.dirty.Failing(9)) == 2 })
	for _, dir := range []string{"/d", "/t/sub"} {
		must(t, os.Chmod(b.dst+dir, 0o777))
	}
	must(t, b.RetryNow(t.Context()))
	b.arrives("d/gone", "<none>")
	b.arrives("t/sub/gone", "<none>")
}

// What has a name like a receiver's temporary file is let be while one could be
// under way, and no longer.
func TestANameLikeAReceiversTemporaryFile(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{files: []string{"d/keep"}, there: []string{"d/.data.sqlite", "d/.plain"}, options: func(o *setup) { o.Mirrored, o.MirrorScope = true, Scope{} }})
	b.Mark("d", dirty.Extras)
	b.arrives("d/.plain", "<none>")
	b.arrives("d/.data.sqlite", "<none>")
}

// However much a remote says, only so much of it is remembered at a time.
func TestALongAnswerIsTakenInParts(t *testing.T) {
	t.Parallel()
	testkit.Long(t)
	var there []string
	for i := range 100 {
		there = append(there, fmt.Sprint("d/", i), fmt.Sprint("gone/", i))
	}
	b := newBed(t, with{files: []string{"d/keep"}, there: there, options: func(o *setup) {
		o.Mirrored, o.MirrorScope, o.MostExtras, o.Excluded = true, Scope{}, 30, excludeLog
	}})
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
}

// What -u may have held back is looked for in a tree without what is excluded.
func TestNothingExcludedIsSentAgain(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{files: []string{"d/x.log", "d/f"}, options: func(o *setup) { o.Excluded = excludeLog }})
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
}
