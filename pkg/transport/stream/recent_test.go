package stream

import (
	"fmt"
	"testing"

	"github.com/sersync/sersync/pkg/change"
)

// TestRecent: for the paths of the last messages the last message is known, also if it was about a
// whole directory above the path. For the other paths it is known that there was a message.
func TestRecent(t *testing.T) {
	var r recent
	message := func(generation uint64, entries ...change.Entry) {
		r.published(change.Message{Generation: generation, Entries: entries})
	}
	is := func(name string, want uint64, exactly bool) {
		t.Helper()
		if got, exact := r.of(name); got != want || exact != exactly {
			t.Errorf("%q was published in %d (%v), not %d (%v)", name, got, exact, want, exactly)
		}
	}
	r.began(5)
	is("a", 5, false)
	message(10, change.Entry{Path: "a", State: change.File}, change.Entry{Path: "d", State: change.Dir})
	is("a", 10, true)
	is("d", 10, true)
	is("d/e", 5, false)
	message(11, change.Entry{Path: "d", State: change.Gone})
	is("d/e/f", 11, true)
	message(12, change.Entry{State: change.Tree})
	is("d/e/f", 12, true)
	is("a", 12, true)
	r = recent{}
	for n := range uint64(mostRecent + 100) {
		message(n+1, change.Entry{Path: fmt.Sprint(n), State: change.File})
	}
	if len(r.at) != mostRecent || len(r.order) != mostRecent {
		t.Errorf("%d, %d are remembered", len(r.at), len(r.order))
	}
	is("0", 100, false)
	is("100", 101, true)
}
