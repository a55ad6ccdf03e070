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

// A file becomes shorter while it is sent, and is gone before rsync sends it once more: the part
// that the receiver has kept is removed.
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

// The sender is ahead of the receiver. So a full sync that broke off may have left a part in each
// directory of which it has begun a file lately.
func TestThePartsOfABrokenFullSyncAreRemoved(t *testing.T) {
	const part = "d/" + transport.PartialDir + "/f"
	var broke atomic.Bool
	breaks := func(_ context.Context, b *bed, c transport.Call) (r transport.Result, ok bool) {
		if c.Batch.Kind != transport.Full || broke.Swap(true) {
			return r, false
		}
		for _, path := range []string{"f", "d/f", "e/f", "e/g", "f/f"} {
			c.Changed(transport.Change{Path: path, Sent: true, Size: 1})
		}
		put(b.T, b.dst, part, "a part")
		return transport.Result{Class: transport.Trouble, Reason: "killed"}, true
	}
	onBed(t, with{carry: breaks, files: []string{"d/f", "e/f", "e/g", "f/f"}}, func(t *testing.T, b *bed) {
		_ = b.fullSync(fullsync.Request{}) // the first attempt breaks off
		b.until("no part is left", func() bool { return broke.Load() && b.there("d/"+transport.PartialDir) == "<none>" })
		b.equal()
	})
}
