package executor

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
)

// The status shows an entry that only the remote has and that may not be deleted, until it exists
// here, was deleted there, or may be deleted.
func TestWhatWasLeftAloneIsKnown(t *testing.T) {
	onBed(t, with{files: []string{"keep", "d/keep", "e/keep"}, there: []string{"top", "d/a", "d/sub/b", "e/c"}}, func(t *testing.T, b *bed) {
		all := []string{"d/a", "d/sub", "d/sub/b", "e/c", "top"}
		shows := func(what string, names ...string) {
			t.Helper()
			b.until(what+": left alone are "+strings.Join(names, " "), func() bool {
				n, got := b.differing(status.Extras)
				return n == len(names) && slices.Equal(got, names)
			})
		}
		must(t, b.fullSync(fullsync.Request{}).Err)
		shows("after an automatic full sync", all...)
		put(t, b.dst, "e/f", "there")
		b.Mark("e", dirty.Extras)
		shows("after a survey of e", "d/a", "d/sub", "d/sub/b", "e/c", "e/f", "top")
		must(t, os.RemoveAll(b.dst+"/d/sub"))
		must(t, os.Remove(b.dst+"/e/f"))
		b.Mark("d", dirty.Extras)
		b.Mark("e", dirty.Tree|dirty.Extras)
		shows("gone there", "d/a", "e/c", "top")
		b.write("top", "came here")
		shows("one came here", "d/a", "e/c")
		put(t, b.src, "e/c", "came with its directory")
		b.Mark("e", dirty.Tree)
		shows("another came with its directory", "d/a")
		b.remove("d")
		shows("the directory was deleted here")
		put(t, b.dst, "last", "there")
		must(t, b.fullSync(fullsync.Request{}).Err)
		shows("found again", "last")
		must(t, b.fullSync(fullsync.Request{Mirror: true}).Err)
		shows("mirrored")
		b.equal()
	})
}
