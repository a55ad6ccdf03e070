package executor

import (
	"os"
	"sync/atomic"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
)

// TestStrayDirectoryGoes: a file becomes a directory that the filter excludes,
// between the look and the run, which so makes that directory on the remote. It
// keeps nothing alive there once it, or the directory above it, is gone here.
// What somebody else has there under such a name stays.
func TestStrayDirectoryGoes(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]string{"it goes": "p/cache", "its parent goes": "p"} {
		t.Run(name, func(t *testing.T) {
			filter, bad := filterqueue.Compile([]confxml.Expression{{Text: `(.*)cache/`}})
			if len(bad) > 0 {
				t.Fatal(bad)
			}
			var src string
			var armed atomic.Bool
			b := newBed(t, with{
				files: []string{"p/x", "q/x"}, there: []string{"q/cache/theirs"},
				prepare: func(b *bed) { src = b.src },
				options: func(o *setup) {
					o.Excluded = filter.Excluded
					o.Way.Commands = func(string) {
						if armed.CompareAndSwap(true, false) {
							must(t, os.Remove(src+"/p/cache"))
							must(t, os.Mkdir(src+"/p/cache", 0o755))
						}
					}
				},
			})
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
				t.Error("what the filter keeps was deleted")
			}
		})
	}
}
