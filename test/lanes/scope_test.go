package lanes

import (
	"testing"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
)

// What crontabfilter leaves out of a mirror run is also left out of automatic full syncs and scans,
// until there was a run without crontabfilter.
func TestCrontabfilterHoldsForAutomaticSyncs(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{files: []string{"keep", "d/keep"}, there: []string{"a.iso", "d/b.iso", "lost", "gone/c.iso", "gone/lost"}})
	b.fullSync(fullsync.Request{Mirror: true, Excludes: []string{"*.iso"}})
	b.arrives("lost", "<none>")
	b.arrives("gone/lost", "<none>")
	put(t, b.dst, "gone/again", "there")
	b.fullSync(fullsync.Request{})
	b.arrives("gone/again", "<none>")
	b.Mark("d", dirty.Extras)
	b.idle()
	for _, path := range []string{"a.iso", "d/b.iso", "gone/c.iso"} {
		if b.there(path) != "there" {
			t.Errorf("%s was deleted", path)
		}
	}
	b.fullSync(fullsync.Request{Mirror: true})
	b.equal()
}
