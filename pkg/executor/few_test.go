package executor

import (
	"fmt"
	"os"
	"testing"

	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

// A new directory with a few entries gets no run of its own. It gets one if it has many entries, a
// large file, or an entry that only rsync can judge.
func TestASmallTreeGoesWithTheFiles(t *testing.T) {
	onBed(t, with{files: []string{"keep"}}, func(t *testing.T, b *bed) {
		b.idle()
		before := b.ran(transport.Tree, transport.Full)
		put(t, b.src, "small/x/y", "1")
		put(t, b.src, "small/a\nb", "2")
		put(t, b.src, "small/.dot", "3")
		must(t, os.MkdirAll(b.src+"/small/empty/below", 0o700))
		must(t, os.Symlink("nowhere", b.src+"/small/link"))
		b.Mark("small", dirty.Tree)
		b.equal()
		b.idle()
		if n := b.ran(transport.Tree, transport.Full) - before; n != 0 {
			t.Errorf("%d recursive runs for a small tree", n)
		}

		for i := range 300 {
			put(t, b.src, fmt.Sprintf("large/%d", i), "x")
		}
		b.Mark("large", dirty.Tree)
		b.equal()
		put(t, b.src, "heavy/f", "x")
		must(t, os.Truncate(b.src+"/heavy/f", bigFile+1))
		b.Mark("heavy", dirty.Tree)
		b.equal()
		b.idle()
		if n := b.ran(transport.Tree, transport.Full) - before; n < 2 {
			t.Errorf("%d recursive runs, want one for each tree that is not small", n)
		}
	})
}
