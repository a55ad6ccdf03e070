package lanes

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
)

// noise is a content that cannot be compressed.
func noise(size int) string {
	rnd := rand.New(rand.NewPCG(1, uint64(size)))
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return string(b)
}

// received is how many bytes the daemon has received so far.
func (b *bed) received() (bytes int64) {
	b.Helper()
	for _, m := range regexp.MustCompile(`received ([0-9]+) bytes`).FindAllStringSubmatch(b.daemon.Log(), -1) {
		n, err := strconv.ParseInt(m[1], 10, 64)
		must(b.T, err)
		bytes += n
	}
	return bytes
}

// mv renames a path, and marks both names as a watcher's events would.
func (b *bed) mv(from, to string, f dirty.Flags) {
	b.Helper()
	must(b.T, os.MkdirAll(filepath.Dir(b.src+"/"+to), 0o755))
	must(b.T, os.Rename(b.src+"/"+from, b.src+"/"+to))
	b.Mark(from, f|dirty.Gone)
	b.MarkMoved(to, from, f|dirty.Content)
}

// Moving or renaming trees and large files costs few bytes, with any of these parameters, and
// whatever has changed in them meanwhile arrives.
func TestWhatWasMovedCostsFewBytes(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]with{
		"as 2.5.4":          {},
		"with -H":           {params: "-aHz"},
		"with checksums":    {params: "-ac"},
		"below a directory": {options: func(o *setup) { o.Way.Target.Name = "m/sub" }, there: []string{"sub/"}},
		"with times by the second": {options: func(o *setup) {
			o.Caps = o.Caps.Lacking(0)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name != "as 2.5.4" {
				testkit.Long(t)
			}
			b := newBed(t, w)
			if b.setup.Way.Target.Name != "m" {
				b.dst += "/sub"
			}
			b.Complete()
			const file, large = 300_000, 9 << 20
			for i := range 12 {
				put(t, b.src, "tree/of many/f"+strconv.Itoa(i), noise(file+i))
			}
			for i := range 400 {
				put(t, b.src, "tree/small/"+strconv.Itoa(i), strconv.Itoa(i))
			}
			put(t, b.src, "tree/link", "")
			must(t, os.Remove(b.src+"/tree/link"))
			must(t, os.Symlink("of many/f1", b.src+"/tree/link"))
			put(t, b.src, "here/large", noise(large))
			b.Mark("tree", dirty.Tree)
			b.Mark("here", dirty.Tree)
			b.idle()
			b.equal()

			for _, step := range []struct {
				what string
				do   func()
			}{
				{"a tree renamed", func() { b.mv("tree", "new", dirty.Tree) }},
				{"a tree moved", func() { b.mv("new", "far/away/it's [new]", dirty.Tree) }}, // rsync would take this name for a pattern, so the tree is sent
				{"a tree moved back", func() { b.mv("far/away/it's [new]", "q/the tree", dirty.Tree) }},
				{"a tree moved again", func() { b.mv("q/the tree", "q/tree", dirty.Tree) }},
				{"a tree in a tree", func() { b.mv("q/tree/of many", "many", dirty.Tree) }},
				{"a large file moved", func() { b.mv("here/large", "there/large", 0) }},
				{"a large file renamed", func() { b.mv("there/large", "there/large too", 0) }},
				{"a tree written to", func() {
					b.mv("many", "more", dirty.Tree)
					b.write("more/f3", "changed")
					b.write("more/added", "added")
				}},
			} {
				before := b.received()
				step.do()
				b.idle()
				b.equal()
				testkit.Settled(200*time.Millisecond, patient, func() string { return strconv.FormatInt(b.received(), 10) })
				sent, most := b.received()-before, int64(36_000+large/100)
				if step.what == "a tree moved" {
					continue
				}
				t.Logf("%s: %d bytes", step.what, sent)
				if sent > most {
					t.Errorf("%s: %d bytes were sent, at most %d were to be", step.what, sent, most)
				}
			}
		})
	}
}

// Under a filter a move costs few bytes, too. What is excluded at either place is neither linked nor
// sent, what the remote has under an excluded name at the old place stays, and what is excluded no
// longer is sent, although the remote's own file there has the same size and time.
func TestAMoveUnderAFilterCostsFewBytes(t *testing.T) {
	t.Parallel()
	const file, large, own = 300_000, 9 << 20, 100_000
	out := func(path string, dir bool) bool {
		return excludeLog(path, dir) || strings.HasPrefix(path+"/", "tree/cache/") || strings.HasPrefix(path+"/", "new/skip/")
	}
	for name, params := range map[string]string{"as 2.5.4": "-artuz", "with -H": "-aHz", "with checksums": "-ac"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name != "as 2.5.4" {
				testkit.Long(t)
			}
			b := newBed(t, with{params: params, options: func(o *setup) { o.Excluded = out }})
			b.Complete()
			for i := range 12 {
				put(t, b.src, "tree/of many/f"+strconv.Itoa(i), noise(file+i))
			}
			for i := range 400 {
				put(t, b.src, "tree/small/"+strconv.Itoa(i), strconv.Itoa(i))
			}
			must(t, os.Link(b.src+"/tree/of many/f1", b.src+"/tree/another name"))
			for _, name := range []string{"#first", ";first", "-first", "skip/was mirrored"} {
				put(t, b.src, "tree/"+name, name)
			}
			for _, name := range []string{"top.log", "of many/f.log", "logs.log/f"} {
				put(t, b.src, "tree/"+name, noise(large))
			}
			put(t, b.src, "tree/cache/f", noise(own))
			put(t, b.src, "here/large", noise(large))
			b.Mark("tree", dirty.Tree)
			b.Mark("here", dirty.Tree)
			b.idle()
			equal := func() {
				testkit.WaitEqual(t, b.src, b.dst, testkit.Compare{DotFiles: true, Excluded: out, Extra: testkit.AnyExtra}, patient)
			}
			equal()
			info, err := os.Stat(b.src + "/tree/cache/f")
			must(t, err)
			put(t, b.dst, "tree/cache/f", strings.Repeat("x", own))
			must(t, os.Chtimes(b.dst+"/tree/cache/f", info.ModTime(), info.ModTime()))
			put(t, b.dst, "tree/top.log", "theirs")

			for _, step := range []struct {
				what string
				do   func()
				most int64
			}{
				{"a tree", func() { b.mv("tree", "new", dirty.Tree) }, own + 100_000},
				{"a tree in a tree", func() { b.mv("new/of many", "many", dirty.Tree) }, 100_000},
				{"a large file moved", func() { b.mv("here/large", "there/large", 0) }, large / 100},
				{"a large file renamed", func() { b.mv("there/large", "there/large too", 0) }, large / 100},
			} {
				before := b.received()
				step.do()
				b.idle()
				equal()
				testkit.Settled(200*time.Millisecond, patient, func() string { return strconv.FormatInt(b.received(), 10) })
				sent := b.received() - before
				t.Logf("%s: %d bytes", step.what, sent)
				if sent > step.most {
					t.Errorf("%s: %d bytes were sent, at most %d were to be", step.what, sent, step.most)
				}
			}
			for name, want := range map[string]string{
				"new/top.log": "<none>", "new/logs.log": "<none>", "many/f.log": "<none>", "new/skip": "<none>",
				"tree/top.log": "theirs", "tree/cache/f": strings.Repeat("x", own), "tree/small": "<none>", "tree/skip": "<none>", "tree/of many": "<none>",
				"here/large": "<none>", "new/cache/f": noise(own),
			} {
				if got := b.there(name); got != want {
					t.Errorf("%s is %.20q, want %.20q", name, got, want)
				}
			}
		})
	}
}

// Old daemons, too, find an old place whose name the client escapes on a command line.
func TestAnOldPlaceThatIsEscaped(t *testing.T) {
	t.Parallel()
	const size = 300_000
	for name, release := range map[string]testkit.Release{"3.0.9": testkit.Rsync309, "3.1.2": testkit.Rsync312, "now": testkit.RsyncNow} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := oldBed(t, release, with{})
			b.Complete()
			names := []string{"plain", "a b", "it's (1) & 2", `$x\*?`, "then"}
			put(t, b.src, names[0]+"/f", noise(size))
			b.Mark(names[0], dirty.Tree)
			b.idle()
			for i, to := range names[1:] {
				b.mv(names[i], to, dirty.Tree)
				b.idle()
				b.equal()
			}
			testkit.Settled(200*time.Millisecond, patient, func() string { return strconv.FormatInt(b.received(), 10) })
			if n := b.received(); n > 2*size+50_000 { // the file was new once, and moved once to what rsync would take for a pattern
				t.Errorf("%d bytes were sent", n)
			}
		})
	}
}

// If a daemon refuses an option that a move needs, everything is sent, and the daemon is not asked
// again.
func TestADaemonThatRefusesToReuse(t *testing.T) {
	t.Parallel()
	for option, argument := range map[string]string{"link-dest": "--link-dest", "fuzzy": "--fuzzy", "s": " -s "} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, with{module: []string{"refuse options = " + option}})
			b.Complete()
			put(t, b.src, "an old/f", noise(9<<20))
			b.Mark("an old", dirty.Tree)
			b.idle()
			b.mv("an old", "new", dirty.Tree)
			b.idle()
			b.mv("new/f", "new/g", 0)
			b.idle()
			b.equal()
			b.mv("new/g", "new/h", 0)
			b.idle()
			b.equal()
			if n := b.ran(argument); n != 1 {
				t.Errorf("%d runs had the option", n)
			}
			if b.down() {
				t.Error("a refusal counts as an outage")
			}
		})
	}
}

// A link that the remote has above the new place is not followed.
func TestAMoveFollowsNoLinkOfTheRemote(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{})
	b.Complete()
	outside := t.TempDir()
	put(t, b.src, "old/f", noise(100_000))
	b.Mark("old", dirty.Tree)
	b.idle()
	must(t, os.Symlink(outside, b.dst+"/new"))
	b.mv("old", "new", dirty.Tree)
	b.idle()
	b.equal()
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("outside: %v, %v", left, err)
	}
}
