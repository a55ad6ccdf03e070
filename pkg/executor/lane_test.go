package executor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

func TestOnlyTheTopmostMissingIsDeleted(t *testing.T) {
	onBed(t, with{files: []string{"a/b/c/d", "a/b/e", "a/f"}}, func(t *testing.T, b *bed) {
		must(t, os.RemoveAll(b.src+"/a/b"))
		for _, p := range []string{"a/b/c/d", "a/b/c", "a/b/e"} {
			b.Mark(p, dirty.Gone) // the event of a/b itself comes later
		}
		b.equal()
	})
}

func TestADeletionIsLookedAtTwice(t *testing.T) {
	onBed(t, with{files: []string{"f"}}, func(t *testing.T, b *bed) {
		must(t, os.Remove(b.src+"/f"))
		b.Mark("f", dirty.Gone)
		b.after(secondLook / 2)
		b.write("f", "again")
		b.arrives("f", "again")
		b.idle()
		if got := b.deletions(audit.CauseEvent); len(got) > 0 || b.ran(transport.Delete) > 0 {
			t.Errorf("deleted %q", got)
		}
	})
}

// mv d e; mkdir d causes no events for the entries of d.
func TestAReplacedDirectoryLosesItsOldEntries(t *testing.T) {
	onBed(t, with{files: []string{"d/old", "d/sub/old"}}, func(t *testing.T, b *bed) {
		must(t, os.Rename(b.src+"/d", b.src+"/e"))
		put(t, b.src, "d/new", "n")
		b.Mark("d", dirty.Gone|dirty.Tree)
		b.Mark("e", dirty.Tree)
		b.Mark("d", dirty.Tree)
		b.equal()
	})
}

func TestWithoutDeleteNothingMakesWay(t *testing.T) {
	onBed(t, with{files: []string{"d/x", "gone"}, options: func(o *Options) { o.MayDelete = false }}, func(t *testing.T, b *bed) {
		must(t, os.RemoveAll(b.src+"/d"))
		put(t, b.src, "d", "file")
		b.Mark("d", dirty.Content)
		b.remove("gone")
		b.write("other", "1")
		b.arrives("other", "1")
		b.until("d is a named failure", func() bool {
			f := b.Snapshot(time.Now()).Failures
			return len(f) > 0 && f[0].Path == "d" && f[0].Reason != ""
		})
		if b.there("d/x") != "old" || b.there("gone") != "old" {
			t.Error("something was deleted")
		}
	})
}

func excludeLog(path string, _ bool) bool { return strings.HasSuffix(path, ".log") }

func TestAFilterKeepsItsOwnOnTheTarget(t *testing.T) {
	onBed(t, with{
		files:   []string{"d/a.log", "d/b", "d/sub/c", "e/x", "e/y.log"},
		options: func(o *Options) { o.Excluded = excludeLog },
	}, func(t *testing.T, b *bed) {
		put(t, b.src, "new/a.log", "1")
		put(t, b.src, "new/b", "2")
		b.Mark("new", dirty.Tree)
		b.remove("d")
		must(t, os.RemoveAll(b.src+"/e"))
		put(t, b.src, "e/z", "3")
		b.Mark("e", dirty.Tree|dirty.Gone)
		b.arrives("new/b", "2")
		b.arrives("d/b", "<none>")
		b.arrives("d/sub", "<none>")
		b.arrives("e/z", "3")
		b.arrives("e/x", "<none>")
		b.idle()
		if b.there("d/a.log") != "old" || b.there("e/y.log") != "old" || b.there("new/a.log") != "<none>" {
			t.Errorf("excluded: %q %q %q", b.there("d/a.log"), b.there("e/y.log"), b.there("new/a.log"))
		}
	})
}

// An expression with a slash at its end matches only directories.
func TestAnExcludedDirectoryTakesTheNameOfAFile(t *testing.T) {
	onBed(t, with{
		files: []string{"a/skip", "skip", "b/skip/in"},
		options: func(o *Options) {
			o.Excluded = func(path string, dir bool) bool { return dir && filepath.Base(path) == "skip" }
		},
	}, func(t *testing.T, b *bed) {
		for _, p := range []string{"skip", "a/skip"} {
			must(t, os.Remove(filepath.Join(b.src, p)))
			put(t, b.src, p+"/in", "excluded")
			b.Mark(p, dirty.Gone)
		}
		b.until("the files are gone", func() bool {
			return b.there("skip") == "<none>" && b.there("a/skip") == "<none>"
		})
		b.Mark("b/skip", dirty.Gone)
		b.idle()
		if b.there("b/skip/in") != "old" {
			t.Error("an excluded directory was touched")
		}
	})
}

// A scan finds that an excluded entry has taken the name of one that was sent. No event would say
// so.
func TestAScanFindsWhatHidesBehindANewName(t *testing.T) {
	onBed(t, with{
		files: []string{"4913/f1", "skip", "d/4913/f1", "d/skip"},
		options: func(o *Options) {
			o.Mirrored, o.MirrorScope = true, Scope{}
			o.Excluded = func(path string, dir bool) bool { return dir && filepath.Base(path) == "skip" }
		},
	}, func(t *testing.T, b *bed) {
		for _, p := range []string{"4913", "skip", "d/4913", "d/skip"} {
			must(t, os.RemoveAll(filepath.Join(b.src, p)))
		}
		put(t, b.src, "4913", "an editor's")
		put(t, b.src, "d/4913", "an editor's")
		put(t, b.src, "skip/in", "excluded")
		put(t, b.src, "d/skip/in", "excluded")
		b.Mark("", dirty.Extras)
		b.Mark("d", dirty.Tree|dirty.Extras)
		b.until("all of it is gone", func() bool {
			return b.there("4913/f1") == "<none>" && b.there("skip") == "<none>" && b.there("d/4913/f1") == "<none>" && b.there("d/skip") == "<none>"
		})
	})
}

func TestLostEntriesAreOnlyReportedBeforeAMirrorRun(t *testing.T) {
	onBed(t, with{files: []string{"d/x"}, there: []string{"d/only"}}, func(t *testing.T, b *bed) {
		b.Mark("d", dirty.Extras)
		b.idle()
		b.until("a report", func() bool {
			return b.logs.FilterMessage("entries only the target has were left alone").Len() > 0
		})
		if b.there("d/only") != "there" {
			t.Fatal("deleted")
		}
		if r := b.fullSync(fullsync.Request{}); len(r.Extras) != 1 || b.there("d/only") != "there" {
			t.Fatalf("full sync without mirror: %+v", r)
		}
		if r := b.fullSync(fullsync.Request{Mirror: true}); r.Err != nil {
			t.Fatal(r.Err)
		}
		b.equal()
		if got := b.deletions(audit.CauseMirror); !slices.Equal(got, []string{"d/only"}) {
			t.Errorf("told %q", got)
		}
		put(t, b.dst, "d/late", "x")
		b.Mark("d", dirty.Extras)
		b.equal()
	})
}

func TestVerifyChangesNothing(t *testing.T) {
	onBed(t, with{files: []string{"same"}, there: []string{"only"}}, func(t *testing.T, b *bed) {
		put(t, b.src, "differs", "1")
		r := b.fullSync(fullsync.Request{Verify: true})
		if r.Err != nil || len(r.Extras) != 1 || !slices.Contains(r.Differing, "differs") {
			t.Errorf("%+v", r)
		}
		if b.there("only") != "there" || b.there("differs") != "<none>" {
			t.Error("changed")
		}
	})
}

func TestChangesDuringAFullSyncSurvive(t *testing.T) {
	var reading, may *gate
	onBed(t, with{carry: slowFull(&reading, &may), options: func(*Options) { reading, may = newGate(), newGate() }}, func(t *testing.T, b *bed) {
		put(t, b.src, "f", "1")
		for _, f := range []string{"early", "zz/late", "gone"} {
			put(t, b.src, f, "before")
		}
		done := make(chan fullsync.Result, 1)
		must(t, b.FullSync(t.Context(), fullsync.Request{Mirror: true, Done: func(r fullsync.Result) { done <- r }}))
		reading.wait()
		if b.Snapshot(time.Now()).Progress == nil {
			t.Error("the status does not show it")
		}
		for _, f := range []string{"early", "new", "zz/late", "zz/new"} {
			b.write(f, "during it")
		}
		b.remove("gone")
		b.arrives("new", "during it")
		may.open()
		if r := <-done; r.Err != nil {
			t.Fatal(r.Err)
		}
		b.equal()
	})
}

func TestTheNewestActionWins(t *testing.T) {
	for name, caps := range map[string]transport.Capabilities{"new": {}, "old": transport.Capabilities{}.Lacking(transport.Nanoseconds)} {
		t.Run(name, func(t *testing.T) {
			onBed(t, with{files: []string{"replaced", "theirs", "chmodded"}, options: func(o *Options) { o.Caps = caps }}, func(t *testing.T, b *bed) {
				old := time.Now().Add(-time.Hour)
				put(t, b.src, "replaced", "older content")
				put(t, b.src, "theirs", "older, too")
				put(t, b.src, "chmodded", "older, too")
				for _, f := range []string{"replaced", "theirs", "chmodded"} {
					must(t, os.Chtimes(b.src+"/"+f, old, old))
				}
				future := time.Now().Add(time.Hour)
				must(t, os.Chtimes(b.dst+"/theirs", future, future))
				b.Mark("replaced", dirty.Content)
				b.Mark("theirs", dirty.Content)
				b.Mark("chmodded", 0)
				b.arrives("replaced", "older content")
				b.idle()
				if b.there("chmodded") != "old" {
					t.Error("chmod lifted -u")
				}
				if b.there("theirs") != "old" && caps.Takes(transport.Nanoseconds) {
					t.Error("a newer file on the target was overwritten")
				}
			})
		})
	}
}

func TestTwoWritesWithinASecond(t *testing.T) {
	for _, caps := range []transport.Capabilities{{}, transport.Capabilities{}.Lacking(transport.Nanoseconds)} {
		onBed(t, with{options: func(o *Options) { o.Caps = caps }}, func(t *testing.T, b *bed) {
			at := time.Now().Truncate(time.Second)
			for i, text := range []string{"one", "two"} {
				put(t, b.src, "f", text)
				must(t, os.Chtimes(b.src+"/f", at, at.Add(time.Duration(i)*time.Millisecond)))
				b.Mark("f", dirty.Content)
				b.arrives("f", text)
				b.idle()
			}
		})
	}
}

// Two files of one archive may have one time, and so may two writes within one tick of the kernel's
// clock: equal size and time say nothing about the content.
func TestWhatTookAPlaceIsSentWhateverItsTimeIs(t *testing.T) {
	onBed(t, with{files: []string{"f", "d/f", "other"}}, func(t *testing.T, b *bed) {
		at := time.Now().Add(-time.Hour)
		for _, p := range []string{"f", "d/f", "other"} {
			must(t, os.Chtimes(filepath.Join(b.src, p), at, at))
			b.Mark(p, 0)
		}
		b.equal()
		same := func(path string) {
			put(t, b.src, path, "new") // the same size as "old"
			must(t, os.Chtimes(filepath.Join(b.src, path), at, at))
		}
		same("f")
		b.Mark("f", dirty.Content)
		must(t, os.Rename(b.src+"/d", b.src+"/e"))
		same("d/f")
		b.Mark("d", dirty.Tree|dirty.Gone)
		b.Mark("e", dirty.Tree)
		b.arrives("f", "new")
		b.arrives("d/f", "new")
		b.arrives("e/f", "old")
	})
}

// fullSync2 is fullSync for a lane some of whose paths fail for ever: it does not wait until the
// lane is idle.
func (b *bed) fullSync2(f fullsync.Request) fullsync.Result {
	b.Helper()
	done := make(chan fullsync.Result, 1)
	f.Done = func(r fullsync.Result) { done <- r }
	must(b.T, b.FullSync(b.Context(), f))
	select {
	case r := <-done:
		return r
	case <-time.After(patient):
		b.Fatal("the full sync does not end")
		return fullsync.Result{}
	}
}
