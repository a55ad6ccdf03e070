package session

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/rsyncopts"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

// With -H a file with several names goes after it was listed, where the remote has other versions of
// it. A receiver of a list leaves out its other names without a word, and one of a tree waits for
// ever, whatever --timeout says.
func TestAFileWithSeveralNamesGoes(t *testing.T) {
	full, list := transport.Batch{Kind: transport.Full}, transport.Batch{Kind: transport.Send}
	for name, c := range map[string]struct {
		batch transport.Batch
		names []string
		told  func(transport.Result) bool
	}{
		"list": {list, []string{"0", "a", "b", "c"}, func(r transport.Result) bool {
			return r.Class == transport.Done && slices.Equal(r.Vanished, []string{"a"})
		}},
		"everything": {full, nil, func(r transport.Result) bool {
			return r.Class == transport.Trouble && r.Inactive && r.Broken && r.Detail != ""
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			params, err := rsync.ParseParams("-artH --bwlimit=1000 --timeout=2", rsyncopts.Setting{}, os.Getenv)
			must(t, err)
			b := newBed(t, func(o *Options) { o.Target.Params, o.Standby = params, false })
			if c.batch.Kind == transport.Full {
				b.stuckAfter = time.Second
			}
			must(t, os.WriteFile(filepath.Join(b.src, "0"), make([]byte, 2<<20), 0o600))
			must(t, os.WriteFile(filepath.Join(b.src, "a"), []byte("text"), 0o600))
			must(t, os.Link(filepath.Join(b.src, "a"), filepath.Join(b.src, "b")))
			must(t, os.Link(filepath.Join(b.src, "a"), filepath.Join(b.src, "c")))
			for _, name := range []string{"a", "b", "c"} {
				must(t, os.WriteFile(filepath.Join(b.dst, name), []byte("another version of "+name), 0o600))
			}
			trips := make(chan transport.Trip)
			carry := func() {
				trip, err := b.Do(t.Context(), transport.Call{Batch: c.batch, Names: c.names})
				if err != nil {
					t.Error(err)
				}
				trips <- trip
			}
			go carry()
			testkit.Eventually(t, time.Minute, "the first file is being sent", func() bool {
				parts, _ := filepath.Glob(filepath.Join(b.dst, ".0.*"))
				return len(parts) > 0
			})
			must(t, os.Remove(filepath.Join(b.src, "a")))
			if r := (<-trips).Result; !c.told(r) {
				t.Errorf("%+v", r)
			}
			if text, err := os.ReadFile(filepath.Join(b.dst, "b")); err != nil || string(text) == "text" {
				t.Errorf("b is %q, %v: rsync has sent it, so that no run need follow", text, err)
			}
			go carry()
			<-trips
			for _, name := range []string{"b", "c"} {
				if text, err := os.ReadFile(filepath.Join(b.dst, name)); err != nil || string(text) != "text" {
					t.Errorf("%s is %q, %v", name, text, err)
				}
			}
		})
	}
}
