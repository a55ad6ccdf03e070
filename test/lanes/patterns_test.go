package lanes

import (
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/transport"
)

// The user's own --include stands before the patterns of a deletion.
func TestIncludesAndADeletedDirectory(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{params: "-artuz --include=*/ --include=*.jpg --exclude=*", files: []string{"d/a.jpg"}, there: []string{"other/x.jpg", "y.jpg"}})
	b.remove("d")
	b.arrives("d/a.jpg", "<none>")
	b.idle()
	for _, p := range []string{"other/x.jpg", "y.jpg"} {
		if got := b.there(p); got != "there" {
			t.Errorf("%s is %q", p, got)
		}
	}
}

// A long path full of wildcards is deleted on the remote, or fails by its name.
func TestALongPathOfWildcards(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(strings.Repeat("*", 250)+"/", 12)
	b := newBed(t, with{options: func(o *setup) { o.Caps = o.Caps.Lacking(transport.MissingArgs) }})
	put(t, b.src, "x", "1")
	b.write(deep+"f", "1")
	b.arrives(deep+"f", "1")
	b.remove(deep + "f")
	testkit.Eventually(t, patient, "it is gone there, or fails by its name", func() bool {
		s := b.stats()
		return b.there(deep+"f") == "<none>" || s.Pending == 1 && s.Delayed == 1
	})
}
