package executor

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/rsync"
)

// A new directory with a few entries takes no run of its own; a larger one, one
// with a big file in it or with what rsync has to look at itself, does.
func TestASmallTreeGoesWithTheFiles(t *testing.T) {
	b := newBed(t, with{files: []string{"keep"}})
	b.idle()
	before := b.ran("--recursive")
	put(t, b.src, "small/x/y", "1")
	put(t, b.src, "small/a\nb", "2")
	put(t, b.src, "small/.dot", "3")
	must(t, os.MkdirAll(b.src+"/small/empty/below", 0o700))
	must(t, os.Symlink("nowhere", b.src+"/small/link"))
	b.Mark("small", filterqueue.Tree)
	b.equal()
	b.idle()
	if n := b.ran("--recursive") - before; n != 0 {
		t.Errorf("%d recursive runs for a small tree", n)
	}

	for i := range fewEntries + 1 {
		put(t, b.src, fmt.Sprintf("large/%d", i), "x")
	}
	b.Mark("large", filterqueue.Tree)
	b.equal()
	put(t, b.src, "heavy/f", "x")
	must(t, os.Truncate(b.src+"/heavy/f", bigFile+1))
	b.Mark("heavy", filterqueue.Tree)
	b.equal()
	b.idle()
	if n := b.ran("--recursive") - before; n < 2 {
		t.Errorf("%d recursive runs, want one for each tree that is not small", n)
	}
}

// Of many files in one directory rsync is told the directory, unless it holds
// something that was not to be sent.
func TestAllOfADirectoryIsNamedAtOnce(t *testing.T) {
	b := newBed(t, with{files: []string{"keep"}})
	b.idle()
	var names []string
	for i := range 3 * wholeLeast {
		name := fmt.Sprintf("d/e/%d", i)
		put(t, b.src, name, "x")
		names = append(names, name)
	}
	put(t, b.src, "d/other", "y")
	names = append(names, "d/e", "keep")
	caps := b.caps()
	caps.ConfineRoot = true // as the client of 3.5 has it
	run := b.base(rsync.Send, caps)
	want := []string{"keep", "d/e/"}
	if got := b.whole(run, names); !slices.Equal(got, want) {
		t.Errorf("whole: %q, want %q", got, want)
	}
	put(t, b.src, "d/e/not dirty", "z")
	if got := b.whole(run, names); !slices.Equal(got, names) {
		t.Errorf("a file that is not dirty goes along: %q", got)
	}
	must(t, os.Remove(b.src+"/d/e/not dirty"))
	must(t, os.Remove(b.src+"/d/e/0"))
	if got := b.whole(run, names); !slices.Equal(got, names) {
		t.Errorf("a file that is gone is not asked for: %q", got)
	}
	put(t, b.src, "d/e/0", "x")
	must(t, os.Rename(b.src+"/d/e", b.src+"/d/f"))
	must(t, os.Symlink("f", b.src+"/d/e"))
	if got := b.whole(run, names); !slices.Equal(got, names) {
		t.Errorf("a link is followed: %q", got)
	}
	must(t, os.Remove(b.src+"/d/e"))
	must(t, os.Rename(b.src+"/d/f", b.src+"/d/e"))
	caps.ConfineRoot = false
	if got := b.whole(b.base(rsync.Send, caps), names); !slices.Equal(got, names) {
		t.Errorf("without --confine-root a directory that becomes a link would be followed: %q", got)
	}
	for _, n := range names {
		b.Mark(n, filterqueue.Content)
	}
	b.Mark("d/other", filterqueue.Content)
	b.equal()
}
