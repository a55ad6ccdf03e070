package lanes

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
)

// oldBed is a bed whose remote is an old release.
func oldBed(t *testing.T, release testkit.Release, w with) (*bed, *testkit.OldRsyncd) {
	t.Helper()
	var old *testkit.OldRsyncd
	w.prepare = func(b *bed) { old = testkit.NewOldRsyncd(t, release, b.daemon) }
	if w.params == "" {
		w.params = "-artz" // with -u few runs ask for nanoseconds
	}
	options := w.options
	w.options = func(o *setup) {
		o.Way.Target.Port = old.Port()
		if options != nil {
			options(o)
		}
	}
	return newBed(t, w), old
}

// rested changes files until the remote refuses nothing any more, and returns how many changes that
// took.
func (b *bed) rested(old *testkit.OldRsyncd) (changes int) {
	b.Helper()
	for quiet := 0; quiet < 2; changes++ {
		if changes == 12 {
			b.Fatal("it refuses for ever")
		}
		before := old.Refused()
		name := fmt.Sprint("rest", changes)
		b.write(name, "1")
		b.arrives(name, "1")
		b.remove(name)
		b.arrives(name, "<none>")
		b.idle()
		if quiet++; old.Refused() != before {
			quiet = 0
		}
	}
	return changes
}

const bySecond, byPatterns = "times compared by the second", "deletions by patterns"

// The first run may be of any kind. It is repeated at once without the options that the remote does
// not know, and the remote never counts as being in trouble.
func TestEveryKindOfRunLearnsWhatARemoteTakes(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func(*bed){
		"a file":       func(b *bed) { b.write("f", "new") },
		"a big file":   func(b *bed) { b.write("big", strings.Repeat("x", bigFile)) },
		"a deletion":   func(b *bed) { b.remove("f") },
		"a tree":       func(b *bed) { put(b.T, b.src, "t/x", "1"); b.Mark("t", dirty.Tree) },
		"a tree anew":  func(b *bed) { put(b.T, b.src, "d/y", "1"); b.Mark("d", dirty.Tree|dirty.Gone) },
		"a question":   func(b *bed) { b.remove("d/x"); b.Mark("d", dirty.Extras) },
		"a full sync":  func(b *bed) { put(b.T, b.src, "new", "1"); b.fullSync(fullsync.Request{Mirror: true}) },
		"verification": func(b *bed) { b.fullSync(fullsync.Request{Verify: true}) },
		"a standby": func(b *bed) {
			testkit.Eventually(b.T, patient, "one was started", func() bool { return b.ran("--checksum") > 0 })
			b.write("f", "new")
		},
	} {
		for release, how := range map[string][]string{"3.0.9": {bySecond, byPatterns}, "3.1.2": {bySecond}} {
			if release == "3.0.9" && name != "a full sync" && name != "a deletion" {
				continue // the only differences there are deletions
			}
			t.Run(name+" to "+release, func(t *testing.T) {
				t.Parallel()
				b, old := oldBed(t, map[string]testkit.Release{"3.0.9": testkit.Rsync309, "3.1.2": testkit.Rsync312}[release],
					with{files: []string{"f", "d/x"}, options: func(o *setup) { o.Mirrored, o.Way.Standby = true, name == "a standby" }})
				first(b)
				b.idle()
				b.equal()
				b.rested(old)
				if !slices.Equal(b.caps().Without(), how) {
					t.Errorf("without %q, want %q", b.caps().Without(), how)
				}
				if b.logs.FilterMessageSnippet("in trouble").Len() > 0 {
					t.Error("a refusal counts as an outage")
				}
				if s := b.Snapshot(time.Now()); s.Failing > 0 || s.State == status.LaneBackingOff {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

// A remote that resets even the plainest run has an outage; after it all options are tried again.
func TestARemoteThatResetsEveryRunIsInTrouble(t *testing.T) {
	t.Parallel()
	b, old := oldBed(t, testkit.RsyncDead, with{files: []string{"f", "d/x"}})
	b.write("f", "1")
	b.remove("d/x")
	testkit.Eventually(t, patient, "the lane backs off and says why", func() bool {
		s := b.Snapshot(time.Now())
		return s.State == status.LaneBackingOff && strings.Contains(s.Reason, "before it answers") && s.Remedy != ""
	})
	old.Become(testkit.RsyncNow)
	b.equal()
	b.rested(old)
	if without := b.caps().Without(); without != nil {
		t.Errorf("an outage has taught %q", without)
	}
}

// A remote is downgraded without an outage, and upgraded with one.
func TestAnotherReleaseIsLearnt(t *testing.T) {
	t.Parallel()
	b, old := oldBed(t, testkit.RsyncNow, with{files: []string{"f", "d/x"}})
	for i, step := range []struct {
		release testkit.Release
		how     []string
	}{
		{testkit.Rsync312, []string{bySecond}}, {testkit.Rsync309, []string{bySecond, byPatterns}},
		{testkit.RsyncNow, nil}, {testkit.Rsync313, nil}, {testkit.Rsync312, []string{bySecond}},
	} {
		if i == 2 {
			old.Become(testkit.RsyncDead)
			b.write("f", "during the outage")
			testkit.Eventually(t, patient, "the lane backs off", func() bool { return b.down() })
			b.logs.TakeAll()
		}
		old.Become(step.release)
		b.rested(old)
		if without := b.caps().Without(); !slices.Equal(without, step.how) {
			t.Errorf("step %d: without %q, want %q", i, without, step.how)
		}
	}
	if b.logs.FilterMessageSnippet("in trouble").Len() > 0 {
		t.Error("a change of the release counts as an outage")
	}
}

// A refusal that was saved is tried once more after a start. If the remote still refuses, that
// costs one session.
func TestARememberedRefusalIsTriedOnceMore(t *testing.T) {
	t.Parallel()
	for _, release := range []testkit.Release{testkit.Rsync312, testkit.RsyncNow} {
		b, old := oldBed(t, release, with{files: []string{"f"}, options: func(o *setup) {
			o.Caps = o.Caps.Recall(map[string]string{"times": "seconds"})
		}})
		b.write("f", "1")
		b.arrives("f", "1")
		b.idle()
		b.rested(old)
		if want := len(release.Refuses) / 2; old.Refused() != want || len(b.caps().Without()) != want {
			t.Errorf("%d refused, without %q", old.Refused(), b.caps().Without())
		}
	}
}
