package executor

import (
	"context"
	"os"
	"sync/atomic"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

// TestStrayDirectoryGoes: between the look and the run a file becomes a directory that the filter
// excludes. So the run makes that directory on the remote. Once the directory, or its parent, is
// gone here, it is deleted on the remote as well. A directory of such a name that somebody else has
// made there stays.
func TestStrayDirectoryGoes(t *testing.T) {
	for name, gone := range map[string]string{"it goes": "p/cache", "its parent goes": "p"} {
		t.Run(name, func(t *testing.T) {
			filter, bad := filterqueue.Compile([]confxml.Expression{{Text: `(.*)cache/`}})
			if len(bad) > 0 {
				t.Fatal(bad)
			}
			var armed atomic.Bool
			onBed(t, with{
				files: []string{"p/x", "q/x"}, there: []string{"q/cache/theirs"},
				options: func(o *Options) { o.Excluded = filter.Excluded },
				carry: func(_ context.Context, b *bed, _ transport.Call) (r transport.Result, ok bool) {
					if armed.CompareAndSwap(true, false) {
						must(b.T, os.Remove(b.src+"/p/cache"))
						must(b.T, os.Mkdir(b.src+"/p/cache", 0o755))
					}
					return r, false
				},
			}, func(t *testing.T, b *bed) {
				put(t, b.src, "p/cache", "a file")
				armed.Store(true)
				b.Mark("p/cache", dirty.Content)
				b.arrives("p/cache", "<no file>")
				must(t, os.RemoveAll(b.src+"/"+gone))
				b.Mark(gone, dirty.Gone|dirty.Tree)
				b.arrives(gone, "<none>")
				b.remove("q")
				b.arrives("q/x", "<none>")
				if b.there("q/cache/theirs") != "there" {
					t.Error("a directory that the filter keeps was deleted")
				}
			})
		})
	}
}
