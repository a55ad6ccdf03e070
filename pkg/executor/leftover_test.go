package executor

import (
	"context"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

// A file became shorter while it was sent, and was gone before rsync sent it once more.
// What the receiver has kept of it is removed.
func TestThePartOfAFileThatBecameShorterIsRemoved(t *testing.T) {
	for name, kind := range map[string]transport.Kind{"alone": transport.Send, "in a full sync": transport.Full} {
		t.Run(name, func(t *testing.T) {
			part := "d/" + transport.PartialDir + "/large"
			var left atomic.Bool
			shorter := func(_ context.Context, b *bed, c transport.Call) (r transport.Result, ok bool) {
				if c.Batch.Kind != kind || os.Remove(b.src+"/d/large") != nil {
					return r, false
				}
				left.Store(true)
				put(b.T, b.dst, part, "a part")
				r.Class = transport.Again
				r.Races = []transport.PathError{{Path: "d/large", Changed: true, Errno: syscall.ENODATA}}
				return r, true
			}
			onBed(t, with{carry: shorter, files: []string{"keep", "d/keep"}}, func(t *testing.T, b *bed) {
				put(t, b.src, "d/large", "")
				must(t, os.Truncate(b.src+"/d/large", bigFile+1))
				if kind == transport.Full {
					must(t, b.fullSync(fullsync.Request{}).Err)
				} else {
					b.Mark("d/large", dirty.Content)
				}
				b.until("no part is left", func() bool { return left.Load() && b.there("d/"+transport.PartialDir) == "<none>" })
				b.equal()
			})
		})
	}
}
