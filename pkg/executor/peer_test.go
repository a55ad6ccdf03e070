package executor

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
)

// The remote mirrors back. What a scan finds only there may be new and on its way
// here: only what both sides have had is deleted, and the rest is told.
func TestAScanDeletesNothingThatIsNewOnAPeer(t *testing.T) {
	for name, find := range map[string]func(*bed){
		"directories": func(b *bed) { b.Mark("", dirty.Extras); b.Mark("d", dirty.Extras) },
		"trees":       func(b *bed) { b.Mark("", dirty.Tree|dirty.Extras|dirty.Unsure) },
		"all":         func(b *bed) { b.fullSync(fullsync.Request{Unknown: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			onBed(t, with{files: []string{"arrived", "d/keep"}}, func(t *testing.T, b *bed) {
				b.fullSync(fullsync.Request{Mirror: true})
				b.write("d/sent", "1")
				b.write("gone/sent", "1")
				b.arrives("gone/sent", "1")
				b.arrives("d/sent", "1")
				info, err := os.Stat(b.dst + "/arrived")
				must(t, err)
				at(t, b.src+"/arrived", info.ModTime())
				b.Mark("arrived", dirty.Arrival)
				b.until("it is known that the remote mirrors back", func() bool { return b.Remember(time.Now()).Peer })
				b.idle()
				for _, f := range []string{"arrived", "d/sent"} {
					must(t, os.Remove(b.src+"/"+f))
				}
				must(t, os.RemoveAll(b.src+"/gone"))
				for _, f := range []string{"d/new", "new/dir/f", "gone/new"} {
					put(t, b.dst, f, "theirs")
				}
				find(b)
				for _, f := range []string{"arrived", "d/sent", "gone/sent"} {
					b.arrives(f, "<none>")
				}
				b.idle()
				for _, f := range []string{"d/new", "new/dir/f", "gone/new"} {
					if b.there(f) != "theirs" {
						t.Errorf("%s: %q", f, b.there(f))
					}
				}
				told := func() bool {
					return slices.ContainsFunc(b.Snapshot(time.Now()).Differences, func(d status.Difference) bool { return d.Kind == status.Extras && d.Count >= 3 })
				}
				b.until("what only the remote has is told", told)
			})
		})
	}
}
